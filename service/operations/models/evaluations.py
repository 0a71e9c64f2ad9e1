"""Evaluate a model on labelled rows, and keep the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from service.db.repositories import Audit, Datasets, ModelEvaluations, TrainedModels
from service.db.session import Sessions
from service.db.tables import Dataset, Evaluation, Model
from service.documents.column_report import NUMBER_TYPES, read_reports
from service.documents.evaluation import describe_evaluation
from service.errors import Conflict, Invalid, TooLarge
from service.operations.jobs.batch_checks import check_columns
from service.operations.prediction.input_columns import read_columns
from service.operations.prediction.predict import PredictionContext, load_members
from service.schemas.evaluations import EvaluateRequest
from service.schemas.members import Member, describe_members
from service.schemas.prediction import Rows
from service.storage.stored_table import column_values, open_table, read_feature_column

if TYPE_CHECKING:
    from jaxtyping import Shaped

    from kan_engine import Predictor
    from kan_engine.assessment.evidence.residual_test import ResidualTest
    from kan_engine.assessment.monitoring.error_comparison import ExpectedLoss
    from kan_engine.assessment.monitoring.reference import InputReference

Columns = dict[str, np.ndarray]
EVALUATED_TASKS = ("regression", "classification")
REFERENCE = "reference"  # among the figures of a model


def evaluate(
    reference: str, request: EvaluateRequest, serving: PredictionContext, folder: Path
) -> Evaluation:
    """Measure a member of a model on labelled rows, and keep the result.

    Args:
        reference: Id, name or ``name@alias`` of the model.
        request: The rows, or their dataset.
        serving: Sessions, caches and limits.
        folder: For temporary files.

    Raises:
        NotFound: There is no such model or dataset.
        Conflict: The model predicts no column, or does not have the requested member.
        TooLarge: There are too many rows or values.
        Invalid: The rows do not have the columns and values that the model reads, or no target.
    """
    from kan_engine.assessment.monitoring.evaluation import evaluate_model  # noqa: PLC0415  # imports torch

    model = serving.directory.get(reference, serving.sessions)
    if model.task not in EVALUATED_TASKS:
        detail = f"model {model.id} predicts no column of a table; evaluate a regression or a classification"
        raise Conflict("not_evaluable", detail)
    by, predictor = load_members(model, serving.sessions, serving.predictors).select(request.by)
    if request.dataset_id is None:
        columns, target = _read_request(request, model, predictor, serving)
    else:
        columns, target = _read_dataset(request.dataset_id, predictor, serving, folder)
    with serving.sessions.read() as session:
        model_row = TrainedModels(session).get_by_id(model.id)
        # What training recorded: the distributions to detect drift, and the loss to compare with
        baseline, expected_loss = read_reference(model_row), _find_expected_loss(model_row, by, predictor)
    evaluation = evaluate_model(predictor, columns, target, reference=baseline, expected=expected_loss)
    result = describe_evaluation(evaluation, expected_loss, by, has_signal=_has_signal(evaluation.residuals))
    with serving.sessions.begin() as session:
        TrainedModels(session).hold(model.id)  # it may have been deleted meanwhile
        row = ModelEvaluations(session, model.id).add(
            by=by, dataset_id=request.dataset_id, result=result, limit=serving.limits.max_evaluations
        )
        Audit(session).add("model.evaluate", model.id, by=by, rows=evaluation.rows, verdict=result["verdict"])
        return row


def list_evaluations(
    reference: str, sessions: Sessions, *, limit: int, after: str | None
) -> Sequence[Evaluation]:
    """Up to ``limit + 1`` evaluations of a model, newest first, older than ``after``.

    Raises:
        NotFound: There is no such model.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        return ModelEvaluations(session, model.id).page(limit=limit, after=after)


def read_reference(model: Model) -> InputReference | None:
    """What a model keeps of its training rows; its session has to be open.

    Models of earlier versions know the distributions of their effects alone, imported ones nothing.
    """
    from kan_engine.assessment.monitoring.reference import (  # noqa: PLC0415  # imports torch
        InputReference,
        read_older_reference,
    )

    figures: dict[str, Any] = model.figures or {}
    if figures.get(REFERENCE) is not None:
        return InputReference.from_json(figures[REFERENCE])
    split = model.record.get("split") or {}
    # Early versions keep the distributions of effects alone, over training and validation rows together
    rows = (split.get("training_rows") or 0) + (split.get("validation_rows") or 0)
    effects = figures.get("effects")
    return read_older_reference(effects, rows) if effects and rows else None


def _read_request(
    request: EvaluateRequest, model: Model, predictor: Predictor, serving: PredictionContext
) -> tuple[Columns, Shaped[np.ndarray, " rows"]]:
    rows = Rows.model_construct(rows=request.rows, columns=request.columns)
    columns = read_columns(
        rows,
        predictor.encoding.features,
        optional=predictor.unused,
        ignored_columns={model.target, *model.record["ignored_columns"]},
        max_rows=serving.max_rows,
        limits=serving.limits,
    )
    values = (
        [row.get(model.target) for row in request.rows or ()]
        if request.columns is None
        else request.columns.get(model.target)
    )
    if not values or all(value is None for value in values):
        raise _make_no_target_error(predictor, "rows" if request.columns is None else "columns")
    # Python objects: labels keep their types, and ``None`` marks rows without a label
    target = np.empty(len(values), dtype=object)
    target[:] = values
    return columns, target


def _read_dataset(
    dataset_id: str, predictor: Predictor, serving: PredictionContext, folder: Path
) -> tuple[Columns, Shaped[np.ndarray, " rows"]]:
    with serving.sessions.read() as session:
        dataset = Datasets(session).get(dataset_id)
        _check_dataset(dataset, predictor, serving)
        with open_table(session, dataset, folder) as table:
            read = [feature for feature in predictor.encoding.features if feature.name in table.types]
            # Each column is read by itself, so that only one is in memory both as read and as converted
            columns = {
                feature.name: read_feature_column(
                    table.frame.select(feature.name).collect().to_series(), feature
                )
                for feature in read
            }
            return columns, column_values(table.frame.select(predictor.target).collect().to_series())


def _check_dataset(
    dataset: Dataset,
    predictor: Predictor,
    serving: PredictionContext,
    *,
    max_evaluated_values: int = 10_000_000,
) -> None:
    """Check size and columns of a dataset from its report alone.

    Args:
        max_evaluated_values: Rows times columns of an evaluation in a request: 80 MB.
    """
    reports = read_reports(dataset.columns)
    features = predictor.encoding.features
    check_columns(reports, features, optional=predictor.unused)
    target = next((report for report in reports if report.name == predictor.target), None)
    if target is None or not target.distinct:
        raise _make_no_target_error(predictor, "dataset_id")
    if predictor.classes is None and target.type not in NUMBER_TYPES:
        detail = f"the column {target.name!r} of the dataset is {target.type}, and the model predicts numbers"
        raise Invalid.make_at("invalid_values", detail, {"pointer": "#/dataset_id", "column": target.name})
    names = {report.name for report in reports}
    width = sum(feature.name in names for feature in features)
    max_rows = min(serving.max_rows, max_evaluated_values // max(1, width))
    if dataset.rows > max_rows:
        detail = (
            f"the dataset has {dataset.rows} rows, and an evaluation of {width} columns reads at most "
            f"{max_rows}; upload a sample of its rows"
        )
        raise TooLarge("too_many_rows", detail, limit=max_rows)


def _make_no_target_error(predictor: Predictor, member: str) -> Invalid:
    detail = (
        f"no row has a value of {predictor.target!r}, the target of the model; send the true values in it"
    )
    return Invalid.make_at("missing_target", detail, {"pointer": f"#/{member}", "column": predictor.target})


def _find_expected_loss(model: Model, by: Member, predictor: Predictor) -> ExpectedLoss | None:
    """The loss of a member on the hold-out rows, or else on the validation rows; None if neither is known."""
    from kan_engine.assessment.monitoring.error_comparison import ExpectedLoss  # noqa: PLC0415  # as above
    from kan_engine.assessment.monitoring.thresholds import DEFAULT_MONITORING  # noqa: PLC0415

    # Relative spread of the squared loss, for the standard error of the comparison
    squares, split = predictor.residuals**2, model.record.get("split") or {}
    spread = None
    if len(squares) >= DEFAULT_MONITORING.min_spread_rows and squares.any():
        spread = float(squares.std() / squares.mean())
    metrics, rows = (
        describe_members(model)["formula" if by == "rivals" else by].metrics,
        split.get("test_rows") or 0,
    )
    is_classifier = predictor.classes is not None
    error = metrics.get("log_loss" if is_classifier else "rmse")
    if error is not None and rows:
        return ExpectedLoss(
            mean=error if is_classifier else error**2, rows=rows, spread=spread, measured_on="hold-out"
        )
    if is_classifier or not len(squares):
        return None
    return ExpectedLoss(
        mean=float(squares.mean()), rows=len(squares), spread=spread, measured_on="validation"
    )


def _has_signal(test: ResidualTest | None) -> bool | None:
    """Whether the residuals depend on the columns; None if the test is too weak to tell."""
    from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT  # noqa: PLC0415  # as above

    if test is None:
        return None
    if test.p_value <= DEFAULT_ASSESSMENT.significance_level:
        return True
    return False if test.power >= DEFAULT_ASSESSMENT.min_power else None
