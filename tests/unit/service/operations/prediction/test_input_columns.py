"""What clients send to predict: read as meant, or refused with the place and a remedy."""

import math
from typing import Any

import numpy as np
import pytest

from kan_engine.data.feature import Feature
from service.errors import Invalid, ServiceError, TooLarge
from service.operations.prediction.input_columns import read_columns
from service.operations.prediction.limits import DEFAULT_PREDICTION
from service.schemas.prediction import Rows

FEATURES = (
    Feature(name="x", type="number", min=0.0, max=1.0),
    Feature(name="on", type="boolean", min=0.0, max=1.0),
    Feature(name="kind", type="category", categories=("a", "b")),
    Feature(name="idle", type="number", min=0.0, max=1.0),
)
GOOD = {"x": 0.5, "on": True, "kind": "a"}


def read(**body: Any) -> dict[str, np.ndarray]:
    return read_columns(
        Rows(**body),
        FEATURES,
        optional={"idle"},
        ignored_columns={"y", "time"},
        max_rows=1_000,
        limits=DEFAULT_PREDICTION,
    )


def refusal(**body: Any) -> ServiceError:
    with pytest.raises(ServiceError) as error:
        read(**body)
    return error.value


def test_rows_and_columns_mean_the_same() -> None:
    by_row = read(rows=[GOOD, {"x": 1, "on": False, "kind": "b"}])
    by_column = read(columns={"x": [0.5, 1], "on": [True, False], "kind": ["a", "b"]})
    for name in ("x", "on", "kind"):
        assert by_row[name].tolist() == by_column[name].tolist()


def test_null_is_a_missing_value() -> None:
    columns = read(rows=[dict.fromkeys(GOOD)])
    assert math.isnan(columns["x"][0])
    assert columns["on"][0] is None
    assert columns["kind"][0] is None


def test_the_target_and_left_out_columns_may_be_there_with_any_content() -> None:
    columns = read(rows=[{**GOOD, "y": "?", "time": [1, {}], "idle": 0.5}])
    assert columns.keys() == {"x", "on", "kind", "idle"}


@pytest.mark.parametrize("value", ["0.5", "", True, [1], {"a": 1}])
def test_a_value_that_is_no_number_is_refused_with_row_and_column(value: Any) -> None:
    error = refusal(rows=[GOOD, {**GOOD, "x": value}])
    assert isinstance(error, Invalid)
    assert error.code == "invalid_values"
    assert [e.place for e in error.errors] == [{"pointer": "#/rows/1/x", "row": 1, "column": "x"}]
    assert "null" in error.detail


@pytest.mark.parametrize("value", ["true", 2, -1, 0.5, []])
def test_a_value_that_is_neither_true_nor_false_is_refused(value: Any) -> None:
    error = refusal(columns={"x": [0.5], "on": [value], "kind": ["a"]})
    assert [e.place for e in error.errors] == [{"pointer": "#/columns/on/0", "row": 0, "column": "on"}]


@pytest.mark.parametrize("value", [0, 1, 1.0, None, True])
def test_zero_and_one_stand_for_false_and_true(value: Any) -> None:
    assert read(rows=[{**GOOD, "on": value}])["on"].tolist() == [value]


@pytest.mark.parametrize("value", ["unseen", 3, 2.5, True, None, ""])
def test_any_plain_value_can_be_a_category(value: Any) -> None:
    assert read(rows=[{**GOOD, "kind": value}])["kind"].tolist() == [value]


def test_a_list_is_no_category() -> None:
    assert refusal(rows=[{**GOOD, "kind": ["a"]}]).code == "invalid_values"


def test_every_wrong_value_is_named_up_to_a_limit() -> None:
    error = refusal(columns={"x": ["?"] * 500, "on": [True] * 500, "kind": ["a"] * 500})
    assert len(error.errors) == DEFAULT_PREDICTION.max_error_entries


def test_missing_columns_are_named_with_the_remedy() -> None:
    error = refusal(rows=[{"x": 0.5}])
    assert error.code == "missing_columns"
    assert [entry.place["column"] for entry in error.errors] == ["on", "kind"]
    assert error.detail == "the model needs the columns 'on', 'kind'; send them, with null for missing values"


def test_a_column_that_the_network_does_not_look_at_may_be_absent() -> None:
    assert "idle" not in read(rows=[GOOD])


def test_a_row_without_a_column_that_others_have_is_refused() -> None:
    error = refusal(rows=[GOOD, {"x": 0.5, "kind": "a"}])
    assert error.code == "missing_columns"
    assert [(entry.place["row"], entry.place["column"]) for entry in error.errors] == [(1, "on")]
    assert "null" in error.detail


def test_columns_that_no_prediction_needs_may_be_in_only_some_rows() -> None:
    columns = read(rows=[{**GOOD, "y": 3, "idle": 0.5}, {**GOOD, "time": "noon"}])
    assert columns.keys() == {"x", "on", "kind"}


def test_a_name_that_only_one_row_has_is_unknown_there_and_not_missing_elsewhere() -> None:
    error = refusal(rows=[GOOD, {**GOOD, "X": 1}, {"x": 0.5}])
    assert error.code == "unknown_columns"
    assert [entry.place["pointer"] for entry in error.errors] == ["#/rows/1/X"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"rows": [{"x": 0.5}]}, ["#/rows/0", "#/rows/0"]),
        ({"columns": {"x": [0.5]}}, ["#/columns", "#/columns"]),
        ({"columns": {"x": [1, 2], "on": [True], "kind": ["a", "b"]}}, ["#/columns/on"]),
        ({"columns": {"x": [], "on": []}}, ["#/columns/x", "#/columns/on"]),
    ],
)
def test_missing_and_unequal_columns_are_pointed_to(body: dict[str, Any], pointers: list[str]) -> None:
    assert [entry.place["pointer"] for entry in refusal(**body).errors] == pointers


@pytest.mark.parametrize(
    "body",
    [
        {"rows": [{**GOOD, "X": 1, "z": 2}]},
        {"columns": {**{k: [v] for k, v in GOOD.items()}, "X": [1], "z": [2]}},
    ],
)
def test_unknown_columns_are_named_with_those_that_are_known(body: dict[str, Any]) -> None:
    error = refusal(**body)
    assert error.code == "unknown_columns"
    assert [entry.place["column"] for entry in error.errors] == ["X", "z"]
    assert "Its columns are 'x', 'on', 'kind', 'idle'" in error.detail


def test_a_message_lists_only_as_many_columns_as_a_person_reads() -> None:
    error = refusal(rows=[{**GOOD, **{f"z{i}": 0 for i in range(900)}}])
    assert "and 880 more" in error.detail
    assert len(error.errors) == DEFAULT_PREDICTION.max_error_entries


@pytest.mark.parametrize(
    "columns", [{"x": [1, 2], "on": [True], "kind": ["a", "b"]}, {"x": [], "on": [], "kind": []}]
)
def test_columns_of_different_or_no_length_are_refused(columns: dict[str, Any]) -> None:
    assert refusal(columns=columns).code == "unequal_columns"


@pytest.mark.parametrize("body", [{"rows": [GOOD] * 1_001}, {"columns": {"x": [0.5] * 1_001}}])
def test_too_many_rows_are_refused_with_the_limit(body: dict[str, Any]) -> None:
    error = refusal(**body)
    assert isinstance(error, TooLarge)
    assert error.extra == {"limit": 1_000}


@pytest.mark.parametrize("body", [{}, {"rows": [GOOD], "columns": {"x": [1]}}, {"rows": []}, {"columns": {}}])
def test_a_request_has_rows_or_columns_and_not_both(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rows|columns"):
        Rows(**body)
