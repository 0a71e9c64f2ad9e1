"""Whether a dataset has what a model reads, from the report of its columns."""

from typing import Any

import pytest

from kan_engine.data.feature import Feature
from service.errors import Invalid
from service.operations.jobs.batch_checks import check_columns
from tests.support.factories import column

FEATURES = (
    Feature(name="x", type="number", min=0.0, max=1.0),
    Feature(name="on", type="boolean", min=0.0, max=1.0),
    Feature(name="kind", type="category", categories=("a", "b")),
    Feature(name="idle", type="number", min=0.0, max=1.0),
)
GOOD = {"x": column("x"), "on": column("on", "boolean"), "kind": column("kind", "category")}


def check(**changes: Any) -> None:
    reports = [report for report in (GOOD | changes).values() if report is not None]
    check_columns(reports, FEATURES, optional={"idle"})


def test_more_columns_than_the_model_reads_do_not_matter() -> None:
    check(day=column("day", "datetime"), idle=column("idle", "integer"))


@pytest.mark.parametrize(
    "report",
    [
        column("x", "integer"),
        column("on", "integer", min=0, max=1, distinct=2),
        column("on", "number", min=1.0, max=1.0, distinct=1),
        column("kind", "text"),
        column("kind", "number"),
        column("kind", "boolean"),
        column("x", "category", distinct=0, min=None, max=None),
    ],
    ids=lambda report: f"{report.name} as {report.type}",
)
def test_a_column_may_be_of_any_type_whose_values_fit(report: Any) -> None:
    check(**{report.name: report})


@pytest.mark.parametrize(
    "report",
    [
        column("x", "category"),
        column("x", "boolean"),
        column("x", "datetime"),
        column("on", "integer", min=0, max=2, distinct=2),
        column("on", "number", min=0.0, max=1.0, distinct=3),
        column("on", "category"),
        column("kind", "datetime"),
        column("idle", "text"),
    ],
    ids=lambda report: f"{report.name} as {report.type}",
)
def test_a_column_of_another_type_is_named(report: Any) -> None:
    with pytest.raises(Invalid) as refused:
        check(**{report.name: report})
    (entry,) = refused.value.errors
    assert (refused.value.code, entry.code, entry.place["column"]) == (
        "invalid_values",
        "invalid_value",
        report.name,
    )
    assert report.type in entry.detail


def test_all_missing_columns_are_named() -> None:
    with pytest.raises(Invalid) as refused:
        check(x=None, kind=None)
    assert refused.value.code == "missing_columns"
    assert [entry.place["column"] for entry in refused.value.errors] == ["x", "kind"]


def test_a_dataset_without_any_column_of_the_model_is_refused_even_if_none_is_needed() -> None:
    with pytest.raises(Invalid) as refused:
        check_columns([column("other")], FEATURES, optional={"x", "on", "kind", "idle"})
    assert len(refused.value.errors) == len(FEATURES)
