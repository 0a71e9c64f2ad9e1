"""A model's answers as columns: their names, their types, and what is to be said against them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.support.factories import make_predictor
from worker.jobs.prediction_columns import PredictionColumns

MIXED = {
    "size": [1.0, 2.0, None, 4.0],
    "is_new": [True, False, True, False],
    "kind": ["a", "b", "a", "b"],
    "age": [1.0, 2.0, 3.0, 4.0],
}
ROWS = pl.DataFrame({"x1": [0.1, 0.9, 0.5], "x2": [1.0, -1.5, 0.0]})


def answers(
    *, outputs: Sequence[str] = ("y",), interval: float | None = None, taken: Sequence[str] = (), **model: Any
) -> PredictionColumns:
    return PredictionColumns(make_predictor(outputs=len(outputs), **model), outputs, interval, taken)


def test_a_regression_answers_with_its_target() -> None:
    found = answers().predict_block(ROWS)
    assert found.schema == {"y": pl.Float64, "warning": pl.String}
    expected = make_predictor().predict({name: ROWS[name].to_numpy() for name in ROWS.columns})
    assert found["y"].to_list() == expected.tolist()
    assert found["warning"].to_list() == [None] * 3


def test_an_interval_is_two_columns_around_the_prediction() -> None:
    found = answers(interval=0.9).predict_block(ROWS)
    margin = make_predictor().margin(0.9)
    assert found.columns == ["y", "y_low", "y_high", "warning"]
    assert found["y_low"].to_list() == (found["y"] - margin).to_list()
    assert found["y_high"].to_list() == (found["y"] + margin).to_list()


def test_a_row_outside_of_training_has_an_answer_and_no_interval() -> None:
    rows = pl.DataFrame({"x1": [0.5, 50.0, 0.5], "x2": [0.0, 0.0, -9.0]})
    found = answers(interval=0.9).predict_block(rows)
    assert found["y"].null_count() == 0
    assert found["y_low"].is_null().to_list() == found["y_high"].is_null().to_list() == [False, True, True]
    assert found["warning"].to_list() == [None, "outside_training_range", "outside_training_range"]


def test_several_outputs_have_their_names() -> None:
    found = answers(outputs=("y", "z")).predict_block(ROWS)
    expected = make_predictor(outputs=2).predict({name: ROWS[name].to_numpy() for name in ROWS.columns})
    assert found.select("y", "z").to_numpy().tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("classes", "kind", "names"),
    [
        ((False, True), pl.Boolean, ["false", "true"]),
        (("no", "yes"), pl.String, ["no", "yes"]),
        ((0, 1, 2), pl.Int64, ["0", "1", "2"]),
        ((0.5, 1.5), pl.Float64, ["0.5", "1.5"]),
        ((0, 10**300), pl.String, ["0", str(10**300)]),
    ],
)
def test_a_classifier_answers_with_labels_of_their_type_and_probabilities(
    classes: tuple[Any, ...], kind: Any, names: list[str]
) -> None:
    found = PredictionColumns(make_predictor(classes=classes), names, None, ()).predict_block(ROWS)
    assert found.columns == ["y", *(f"probability_{name}" for name in names), "warning"]
    assert found.schema["y"] == kind
    predictor = make_predictor(classes=classes)
    columns = {name: ROWS[name].to_numpy() for name in ROWS.columns}
    assert found.select(found.columns[1:-1]).to_numpy().tolist() == predictor.probabilities(columns).tolist()
    labels = predictor.predict(columns).tolist()
    assert found["y"].to_list() == ([str(label) for label in labels] if kind == pl.String else labels)


def test_names_that_are_taken_are_never_given_twice() -> None:
    taken = ["y", "y_low", "y_low_predicted", "warning"]
    found = answers(interval=0.9, taken=taken).predict_block(ROWS).columns
    assert found == ["y_predicted", "y_low_predicted_2", "y_high", "warning_predicted"]


def test_a_warning_names_all_that_is_odd_in_a_row() -> None:
    odd = PredictionColumns(make_predictor(MIXED), ["y"], None, ())
    block = pl.DataFrame(
        {
            "size": [1.5, 9.0, None, 9.0],
            "is_new": [True, False, True, None],
            "kind": ["a", "b", None, "c"],
            "age": [2.0, 3.0, 3.5, 1.0],
        }
    )
    assert odd.predict_block(block)["warning"].to_list() == [
        None,
        "outside_training_range",
        "unexpected_missing",
        "outside_training_range unseen_category unexpected_missing",
    ]


def test_what_is_not_finite_is_null_and_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    model = answers(interval=0.9)
    values = np.array([1.0, np.nan, np.inf])
    monkeypatch.setattr(type(model._predictor), "predict", lambda *_: values)
    found = model.predict_block(ROWS)
    assert found["y"].to_list() == [1.0, None, None]
    assert found["y_high"].to_list()[1:] == [None, None]
    assert found["warning"].to_list() == [None, "not_finite", "not_finite"]


def test_a_column_is_read_as_its_feature_whatever_its_type() -> None:
    model = PredictionColumns(make_predictor(MIXED), ["y"], None, ())
    block = pl.DataFrame(
        {
            "size": [1, 2],
            "is_new": [1, 0],
            "kind": ["a", "b"],
            "age": pl.Series([None, None], dtype=pl.String),
        }
    )
    same = block.with_columns(
        size=pl.Series([1.0, 2.0]),
        is_new=pl.Series([True, False]),
        age=pl.Series([None, None], dtype=pl.Float64),
    )
    assert model.predict_block(block).equals(model.predict_block(same), null_equal=True)
