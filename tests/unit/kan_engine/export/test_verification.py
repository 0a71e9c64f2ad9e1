"""How far answers are from a model's, and on which rows that is looked at."""

from typing import Any

import numpy as np
import pytest

from kan_engine.data.encoding import Encoding
from kan_engine.data.thresholds import DEFAULT_DATA
from kan_engine.export.probe_rows import UNSEEN_CATEGORY, probe_columns
from kan_engine.export.verification import RowPredictions, largest_difference, predict_rows
from tests.support.predictors import make_predictor, some_columns


def difference(expected: list[float], got: list[float]) -> float:
    columns = [RowPredictions(np.array(values)[:, None]) for values in (expected, got)]
    return largest_difference(make_predictor(), *columns)


@pytest.mark.parametrize(
    ("expected", "got", "found"),
    [
        ([0.5, 0.5, 0.5], [0.5, 0.5, 0.75], 0.25),
        ([0.0, 0.0, 1e6], [0.0, 0.0, 1e6 + 1], 1e-6),
        ([1e6, 1e6, 0.0], [1e6, 1e6, 1.0], 1e-6),
        ([np.nan, 1.0], [np.inf, 1.0], 0.0),
        ([np.nan, 1.0], [0.0, 1.0], np.inf),
        ([0.0, 1.0], [np.nan, 1.0], np.inf),
        ([np.nan], [np.nan], 0.0),
        ([0.0], [0.0, 0.0], np.inf),
    ],
)
def test_a_difference_is_measured_in_units_of_what_differs(
    expected: list[float], got: list[float], found: float
) -> None:
    assert difference(expected, got) == pytest.approx(found)


@pytest.mark.parametrize(
    ("labels", "agrees"), [(["a", "b"], True), (["a", "a"], False), (["b", "b"], True), (None, False)]
)
def test_a_label_may_differ_only_where_two_are_equally_likely(labels: list[Any] | None, agrees: bool) -> None:
    predictor = make_predictor(classes=("a", "b"))
    chances = np.array([[0.5, 0.5], [0.4, 0.6]])
    expected = RowPredictions(chances, np.array(["a", "b"], dtype=object))
    got = RowPredictions(chances, None if labels is None else np.array(labels, dtype=object))
    assert (largest_difference(predictor, expected, got) == 0) is agrees


def test_a_model_agrees_with_itself() -> None:
    predictor = make_predictor(classes=(1, 2, 3))
    answers = predict_rows(predictor, probe_columns(predictor.encoding))
    assert largest_difference(predictor, answers, answers) == 0


def test_probes_are_the_same_rows_each_time_and_reach_beyond_what_was_seen() -> None:
    columns = some_columns()
    columns["c"] = np.array(
        [str(place % (DEFAULT_DATA.max_category_columns + 10)) for place in range(40)], dtype=object
    )
    encoding = Encoding.fit(columns, {"x": "number", "n": "integer", "b": "boolean", "c": "category"})
    rows = probe_columns(encoding)
    again = probe_columns(encoding)
    assert all(np.array_equal(rows[name], again[name], equal_nan=name in "xn") for name in rows)
    low, high = columns["x"].min(), columns["x"].max()
    outside = (rows["x"] < low) | (rows["x"] > high)
    assert {low, high} <= set(rows["x"].tolist())
    assert 4 <= outside.sum() < 10
    assert set(rows["c"].tolist()) == {*columns["c"].tolist(), UNSEEN_CATEGORY}
    assert set(rows["b"].tolist()) == {False, True}
    assert np.isnan(rows["n"]).any()
    assert not np.isnan(rows["x"]).any()


def test_probes_of_a_range_as_wide_as_numbers_are_numbers() -> None:
    encoding = Encoding.fit({"x": np.array([-1.7e308, 1.7e308])}, {"x": "number"})
    assert np.isfinite(probe_columns(encoding)["x"]).all()
