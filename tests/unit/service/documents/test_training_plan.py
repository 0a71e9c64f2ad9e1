"""What a request amounts to, told from the report of the columns alone."""

from typing import Any

import pytest

from service.documents.column_report import ColumnReport
from service.documents.training_plan import TrainingPlan
from tests.support.factories import column
from tests.support.tables import request_for


def plan(*columns: ColumnReport, rows: int = 100, **body: Any) -> TrainingPlan:
    return TrainingPlan(request_for(**body), {report.name: report for report in columns}, rows)


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (column("y"), "regression"),
        (column("y", "integer"), "regression"),
        (column("y", "integer", distinct=2), "classification"),
        (column("y", "number", distinct=2), "classification"),
        (column("y", "category", distinct=5), "classification"),
        (column("y", "boolean", distinct=2), "classification"),
        (column("y", "text"), "classification"),
    ],
)
def test_labels_and_two_values_are_classified_and_other_numbers_regressed_on(
    target: ColumnReport, task: str
) -> None:
    assert plan(column("x"), target).task == task


def test_the_task_that_was_asked_for_is_done() -> None:
    assert plan(column("y", "integer"), task="classification").task == "classification"


def test_the_type_that_was_asked_for_decides_the_task() -> None:
    assert plan(column("y", "integer"), types={"y": "category"}).task == "classification"


def test_features_are_the_columns_that_tell_rows_apart_and_have_no_other_role() -> None:
    found = plan(
        column("x"),
        column("flat", distinct=1),
        column("when", "datetime"),
        column("note", "text"),
        column("w"),
        column("s"),
        column("y"),
        weight="w",
        split={"kind": "column", "column": "s", "test": [1]},
    )
    assert [report.name for report in found.features] == ["x", "when"]


def test_named_features_are_taken_in_their_order() -> None:
    found = plan(column("a"), column("b"), column("y"), features=["b", "a"])
    assert [report.name for report in found.features] == ["b", "a"]


def test_rows_without_a_target_are_not_counted() -> None:
    assert plan(column("y", missing=30)).usable_rows == 70


@pytest.mark.parametrize(
    ("split", "rows"),
    [
        ({"kind": "random", "test_fraction": 0.25}, 75),
        ({"kind": "none"}, 100),
        ({"kind": "column", "column": "x", "test": [1]}, 100),
    ],
)
def test_the_rows_to_learn_from_are_what_the_split_leaves(split: ColumnReport, rows: int) -> None:
    assert plan(column("x"), column("y"), split=split).training_rows == rows


@pytest.mark.parametrize(
    ("target", "outputs"),
    [
        (column("y"), 1),
        (column("y", "category", distinct=2), 1),
        (column("y", "category", distinct=3), 3),
    ],
)
def test_a_network_has_one_output_or_one_per_class_beyond_two(target: dict[str, Any], outputs: int) -> None:
    assert plan(column("x"), target).outputs == outputs


def test_roles_name_what_is_no_feature() -> None:
    assert plan(column("x"), column("w"), column("y"), weight="w").roles["w"] == "weight"
