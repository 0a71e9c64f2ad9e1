"""The record of a model that was trained on a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from kan_engine import SearchResult, TrainingData
from kan_engine.assessment.comparison import describe_formula_gain
from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.search.choice import NO_ALLOWED_FORMULA_WARNING
from kan_engine.search.time_warnings import LAW_ENDED_EARLY_WARNING, merge_time_warnings
from service.documents.model_summary import describe_features, describe_network
from service.schemas.model_document import (
    DroppedOut,
    GridOut,
    HistoryPoint,
    KeptColumnOut,
    ModelDocument,
    ScreeningOut,
    Split,
)
from service.schemas.training import TrainRequest
from worker.evaluation.model_metrics import ModelMeasures


def make_record(
    result: SearchResult,
    measures: ModelMeasures,
    report: FormulaReport | None,
    request: TrainRequest,
    data: TrainingData,
    grids: Sequence[GridOut] = (),
    *,
    max_history_points: int,
) -> ModelDocument:
    """The record for the network, with its metrics, also on the grids of a schedule."""
    return ModelDocument(
        features=describe_features(data.encoding),
        outputs=data.output_names,
        classes=data.classes,
        network=describe_network(
            result.network, result.inputs, result.scaler, result.optimizer, result.device
        ),
        formula_of=result.formula_of,
        dropped=[
            DroppedOut(input=name, error_with=with_it, error_without=without)
            for name, (with_it, without) in result.dropped.items()
        ],
        screening=_describe_screening(data),
        **measures.to_fields(),
        split=_describe_split(result, request, data),
        history=_thin_history(result, max_history_points),
        grids=list(grids),
        warnings=merge_time_warnings(
            [
                *data.warnings,
                *result.warnings,
                *_warn_of_formula(result, report, request, data),
                *([] if report is None else report.warnings),
                *measures.warnings,
                *_warn_of_repeated_rows(data),
                *([LAW_ENDED_EARLY_WARNING] if result.is_cut else []),
            ]
        ),
    )


def _describe_split(result: SearchResult, request: TrainRequest, data: TrainingData) -> Split:
    split = Split(
        kind=request.split.kind,
        seed=request.split.seed,
        training_rows=result.fitted_rows or len(data.fit),
        validation_rows=len(data.validation),
        test_rows=len(data.test),
    )
    if unused_rows := result.count_unused_rows(data):
        split["unused_rows"] = unused_rows
    if data.duplicate_count is not None:
        split["repeated_rows"] = data.duplicate_count
    return split


def _describe_screening(data: TrainingData) -> ScreeningOut | None:
    screening = data.screening
    if screening is None:
        return None
    return ScreeningOut(
        columns=screening.columns,
        rows=screening.rows,
        level=screening.level,
        line_r2=screening.line.line_share,
        selected_r2=screening.line.selected_share,
        kept=[KeptColumnOut(**asdict(column)) for column in screening.kept],
    )


def _warn_of_formula(
    result: SearchResult, report: FormulaReport | None, request: TrainRequest, data: TrainingData
) -> list[str]:
    """Report that an inexact formula answers because it is better, or that there is none, or none could."""
    serve = request.serve
    is_useful = report is not None and (report.is_exact or report.serves_within is not None)
    if serve == "formula" and not is_useful:
        return ["no useful formula was found: the accurate network serves"]
    if request.symbolic and report is None and NO_ALLOWED_FORMULA_WARNING not in result.warnings:
        return [
            "no useful formula was found: on the hold-out rows every formula of an output is undefined or "
            "worse than the mean; see the curves of the network instead"
        ]
    if result.answers != "formula" or serve == "formula" or report is None or report.serves_within is None:
        return []
    gain = describe_formula_gain(result.formula_errors, result.errors, data.training.weights)
    return [f"{gain}; the formula answers"]


def _warn_of_repeated_rows(data: TrainingData) -> list[str]:
    count, rows = data.duplicate_count, len(data.test)
    if not count:
        return []
    return [
        f"{count} of {rows} hold-out rows ({count / rows:.0%}) equal a training row, also in the target: "
        "on new rows the model may be worse than its metrics; remove duplicates or hold out whole groups "
        "by a column"
    ]


def _thin_history(result: SearchResult, max_points: int) -> list[HistoryPoint]:
    """Losses per step, thinned for a plot."""
    stride = -(-len(result.history) // max_points) or 1
    return [
        HistoryPoint(
            step=s.number,
            grid=s.grid_size,
            loss=s.loss,
            validation_loss=s.validation_loss if math.isfinite(s.validation_loss) else None,
        )
        for s in result.history[::stride]
    ]
