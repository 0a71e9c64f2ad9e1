"""Checks that a model can predict a dataset, from its column report alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from service.db.repositories import Datasets, TrainedModels
from service.db.session import Sessions
from service.documents.column_report import NUMBER_TYPES, ColumnReport, read_reports
from service.errors import ErrorEntry, Invalid, NotFound, format_names
from service.operations.prediction.input_columns import ACCEPTED_VALUES
from service.operations.prediction.predict import interval_margin, load_members
from service.operations.prediction.predictor_cache import PredictorCache
from service.schemas.job_kinds import AnyRequest
from service.schemas.prediction import BatchRequest

if TYPE_CHECKING:
    from kan_engine.data.feature import Feature

ACCEPTED_TYPES = {
    "number": NUMBER_TYPES,
    "boolean": ("boolean",),
    "category": ("category", "text", "boolean", *NUMBER_TYPES),
    "datetime": ("datetime",),
}


def preload_members(request: AnyRequest, sessions: Sessions, predictors: PredictorCache) -> None:
    """Load the network before the transaction: on SQLite a long transaction blocks all others."""
    if isinstance(request, BatchRequest):
        with suppress(NotFound):
            with sessions.read() as session:
                model = TrainedModels(session).get(request.model)
            load_members(model, sessions, predictors)


def check_batch(
    request: BatchRequest, session: Session, sessions: Sessions, predictors: PredictorCache
) -> BatchRequest:
    """Check a batch prediction; returns the request with the id of its model and the predicting member.

    The dataset is locked until the transaction ends.

    Raises:
        NotFound: There is no such model or dataset.
        Conflict: The model does not have the requested member.
        Invalid: The dataset lacks columns that the model reads, or the model has no intervals of this level.
    """
    model = TrainedModels(session).get(request.model)
    dataset = Datasets(session).hold(request.dataset_id)
    by, predictor = load_members(model, sessions, predictors).select(request.by)
    if request.interval is not None:
        interval_margin(predictor, request.interval)
    check_columns(read_reports(dataset.columns), predictor.encoding.features, optional=predictor.unused)
    return request.model_copy(update={"model": model.id, "by": by})


def check_columns(
    reports: Sequence[ColumnReport], features: Sequence[Feature], *, optional: Collection[str]
) -> None:
    """Refuse columns that ``/predict`` would refuse; additional columns are ignored.

    Args:
        reports: Column reports of the dataset.
        features: Features of the model.
        optional: Features that the network does not use; they may be absent.

    Raises:
        Invalid: Columns are missing or of the wrong type.
    """
    by_name = {report.name: report for report in reports}
    missing = [f.name for f in features if f.name not in by_name.keys() | set(optional)]
    if not any(feature.name in by_name for feature in features):
        missing = [feature.name for feature in features]  # optional features, too: no column can be used
    if missing:
        detail = (
            f"the dataset lacks columns that the model needs: {format_names(missing)}; it has "
            f"{format_names(by_name)}; "
            "upload a table with them"
        )
        entries = _make_entries("missing_column", dict.fromkeys(missing, detail))
        raise Invalid("missing_columns", detail, errors=entries)
    wrong = {
        f.name: _describe_mismatch(f, by_name[f.name])
        for f in features
        if f.name in by_name and not _accepts_column(f, by_name[f.name])
    }
    if wrong:
        entries = _make_entries("invalid_value", wrong)
        raise Invalid("invalid_values", entries[0].detail, errors=entries)


def _accepts_column(feature: Feature, report: ColumnReport) -> bool:
    """Whether the feature accepts all values of the column."""
    if report.distinct == 0 or report.type in ACCEPTED_TYPES[feature.type]:
        return True
    is_binary = report.type in NUMBER_TYPES and {report.min, report.max} <= {0, 1}
    return feature.type == "boolean" and is_binary and report.distinct <= 2


def _describe_mismatch(feature: Feature, report: ColumnReport) -> str:
    return (
        f"the column {feature.name!r} of the dataset is {report.type}, and the model needs "
        f"{ACCEPTED_VALUES[feature.type][1]} in it; upload the table with such values"
    )


def _make_entries(code: str, details: dict[str, str]) -> list[ErrorEntry]:
    return [
        ErrorEntry(code, detail, {"pointer": "#/dataset_id", "column": name})
        for name, detail in details.items()
    ]
