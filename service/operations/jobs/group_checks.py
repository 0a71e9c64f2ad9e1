"""Checks of a new group of rows for a model with constants per group."""

from collections.abc import Mapping
from typing import Any

from service.db.repositories.revisions import Revision
from service.db.tables import Dataset
from service.documents.column_report import NUMBER_TYPES, read_reports
from service.operations.jobs.validation_errors import Mistakes, refuse_mistakes

MIN_GROUPS = 3  # two groups share one indicator, so that a third looks like the first


def check_new_group(revision: Revision, dataset: Dataset) -> None:
    """Check that the own constants of a new group can be fitted to the rows of a dataset.

    Raises:
        Invalid: With every mistake found.
    """
    refuse_mistakes(_check_model(revision))
    refuse_mistakes(_check_dataset(revision, dataset))


def _check_model(revision: Revision) -> Mistakes:
    group, form = revision.changes.fit_group, (revision.symbolic or {}).get("form")
    groups = None if form is None else form["groups"]
    if groups is None or not groups["own"]:
        detail = "the model has no constants of each group; train it with per_group"
        yield "invalid_group", ["fit_group"], detail
    elif len(groups["groups"]) < MIN_GROUPS:
        detail = (
            f"the model has {len(groups['groups'])} groups, at least {MIN_GROUPS} are needed; train again"
        )
        yield "invalid_group", ["fit_group"], detail
    elif group is not None and group.name in groups["groups"]:
        detail = f"the model knows the group {group.name!r}; train it again with the new rows"
        yield "invalid_group", ["fit_group", "name"], detail
    elif added_group := _find_added_group(revision, groups):
        detail = (
            f"the model has the group {added_group!r} without training, and its formula cannot tell a second "
            "one from it; train again with the rows of both"
        )
        yield "invalid_group", ["fit_group"], detail


def _find_added_group(revision: Revision, groups: Mapping[str, Any]) -> str | None:
    """The group that an earlier job has added to those of the training rows; None if none has."""
    (feature,) = (entry for entry in revision.record["features"] if entry["name"] == groups["column"])
    count = len(feature["categories"]) + bool(feature["has_missing"])
    return next(iter(groups["groups"][count:]), None)


def _check_dataset(revision: Revision, dataset: Dataset) -> Mistakes:
    """Check that the dataset has the target and the numeric columns of the model."""
    symbolic = revision.symbolic or {}
    types = {report.name: report.type for report in read_reports(dataset.columns)}
    column = symbolic["form"]["groups"]["column"]
    numeric = [
        feature["name"]
        for feature in revision.record["features"]
        if feature["name"] != column and feature["type"] == "number"
    ]
    for name in (revision.request.goal, *numeric):
        if types.get(name) not in NUMBER_TYPES:
            detail = f"the rows of the new group need the column {name!r} with numbers"
            yield "invalid_group", ["fit_group", "dataset_id"], detail
