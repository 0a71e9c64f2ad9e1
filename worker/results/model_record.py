"""What is stored of a search result: predictor, record and formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kan_engine import (
    LabelledRows,
    Predictor,
    SearchResult,
    TargetScaler,
    TrainingData,
    add_bounds,
    from_json,
    is_affine,
)
from kan_engine.assessment.comparison import describe_formula_gain
from kan_engine.data.labels import class_name
from kan_engine.inference.decision_rule import Decision, choose_decision
from kan_engine.search.law_search import MAX_LOG_ODDS
from kan_engine.search.sparse_additive import is_weak
from service.documents.model_summary import describe_features, describe_network
from service.schemas.training import TrainRequest
from worker.data.preparation import PreparedData
from worker.results.symbolic_document import make_symbolic_document

MAX_HISTORY_POINTS = 500


def assemble_predictor(found: SearchResult, data: TrainingData) -> tuple[Predictor, Decision | None]:
    """The complete predictor from client columns to answers, and the decision rule of a classifier."""
    scaler = found.scaler
    if scaler is not None and not (found.is_straight and scaler.transform == "identity"):
        scaler = add_bounds(scaler, data.training.y)
    predictor = Predictor.from_training(data, found.network, found.inputs, scaler)
    judged = replace(predictor, network=found.judged)
    if data.classes is not None:
        decision = choose_decision(judged, data)
        return replace(predictor, decision_weights=decision.weights), decision
    return replace(predictor, residuals=_compute_residuals(found, judged, data)), None


def _compute_residuals(found: SearchResult, judged: Predictor, data: TrainingData) -> np.ndarray:
    """Sorted out-of-sample absolute errors: of all training rows if known, else of the validation rows."""
    if len(found.errors) and np.isfinite(found.errors).all():
        return np.sort(found.errors)
    residuals = np.abs(judged.predict(data.validation.x) - data.validation.y)
    if not np.isfinite(residuals).all():  # the network is not finite at some validation row
        return np.zeros(0)  # without residuals there are no intervals
    return np.sort(residuals) if found.contest is None else found.contest.correct_errors(residuals)


def make_record(
    found: SearchResult,
    worth: dict[str, Any],
    symbolic: dict[str, Any] | None,
    data: PreparedData,
    request: TrainRequest,
    grids: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The body of ``GET /models/{id}`` for the network, with its metrics, also on the grids of a schedule."""
    return {
        "features": describe_features(data.encoding),
        "outputs": output_names(data),
        "classes": None if data.classes is None else list(data.classes),
        "network": describe_network(found.network, found.inputs, found.scaler, found.optimizer),
        "formula_of": found.formula_of,
        "dropped": [
            {"input": name, "error_with": with_it, "error_without": without}
            for name, (with_it, without) in found.dropped.items()
        ],
        **worth,
        "split": {
            "kind": request.split.kind,
            "seed": request.split.seed,
            "training_rows": len(data.fit),
            "validation_rows": len(data.validation),
            "test_rows": len(data.test),
            "repeated_rows": data.duplicate_count,
        },
        "history": _thin_history(found),
        "grids": list(grids),
        "warnings": [
            *data.warnings,
            *found.warnings,
            *_warn_of_formula(found, symbolic, data),
            *worth["warnings"],
            *_warn_of_repeated_rows(data),
            *_warn_of_cut(found),
        ],
    }


def _warn_of_formula(found: SearchResult, symbolic: dict[str, Any] | None, data: PreparedData) -> list[str]:
    """Report that an inexact formula answers, which requires a value at every hold-out row."""
    if symbolic is None or symbolic.get("serves_within") is None:
        return []
    told = describe_formula_gain(found.formula_errors, found.errors, data.training.weights)
    return [f"{told}; the formula answers"]


def _warn_of_repeated_rows(data: PreparedData) -> list[str]:
    count, rows = data.duplicate_count, len(data.test)
    if not count:
        return []
    return [
        f"{count} of {rows} hold-out rows ({count / rows:.0%}) equal a training row, also in the target: "
        "on new rows the model may be worse than its metrics; remove duplicates or hold out whole groups "
        "by a column"
    ]


def _warn_of_cut(found: SearchResult) -> list[str]:
    if not found.is_cut:
        return []
    return ["the law search was ended early to leave time for larger networks; increase max_seconds"]


def output_names(data: TrainingData) -> list[str]:
    """Names of the network's outputs: the target, or the classes if there are more than two."""
    if data.classes is None or len(data.classes) == 2:
        return [data.target]
    return [class_name(label) for label in data.classes]


def _thin_history(found: SearchResult) -> list[dict[str, float | None]]:
    """Losses per step, thinned for a plot; null where a validation row had no finite prediction."""
    stride = -(-len(found.history) // MAX_HISTORY_POINTS) or 1
    return [
        {
            "step": s.number,
            "grid": s.grid_size,
            "loss": s.loss,
            "validation_loss": s.validation_loss if math.isfinite(s.validation_loss) else None,
        }
        for s in found.history[::stride]
    ]


def describe_formulas(found: SearchResult, predictor: Predictor, data: PreparedData) -> dict[str, Any] | None:
    """Formulas rated on the hold-out rows, or on the training rows if none are held out.

    A classifier's formulas are those of its log-odds. They are rated against the network's log-odds, clamped
    to ``±MAX_LOG_ODDS``, beyond which probabilities hardly differ.
    """
    part = data.test if len(data.test) else data.training
    columns = part.columns
    outputs = output_names(data)
    truth = dict(zip(outputs, compute_formula_targets(predictor, part).T, strict=True))
    if len(found.formulas) != len(outputs):
        return None
    document = make_symbolic_document(
        dict(zip(outputs, found.formulas, strict=True)),
        columns,
        truth,
        quantity="value" if data.classes is None else "log-odds" if len(outputs) == 1 else "logit",
        evidence=found.evidence,
        learnt={outputs[0]: data.training.y} if data.classes is None else None,
        seen=data.training.columns,
        encoding=data.encoding,
    )
    if (
        found.formula_serves
        and document
        and from_json(document["outputs"][0]["tree"]) == found.formulas[0][0].tree
    ):
        within = None if is_affine(found.formulas[0][0].tree) else _compute_answer_bounds(data.training.y)
        document = document | {"serves_within": within or [None, None]}
    if document is not None and not document["exact"] and "evidence" not in document:
        trees = [from_json(output["tree"]) for output in document["outputs"]]
        if all(is_weak(tree, data, data.plan.request.seed) for tree in trees):
            document = document | {"verdict": "weak"}
    return document and document | {"measured_on": "hold-out" if len(data.test) else "training"}


def _compute_answer_bounds(targets: np.ndarray) -> tuple[float, float] | None:
    """Bounds of a formula's answers, the same as for a network; not used for a line."""
    values = targets[:, None].astype(float)
    return add_bounds(TargetScaler.fit(values), values).bounds


def compute_formula_targets(predictor: Predictor, part: LabelledRows) -> np.ndarray:
    """Values that formulas should give [n, outputs]: the target, or the network's clamped log-odds."""
    if predictor.classes is None:
        return part.y[:, None]
    bounded: np.ndarray = np.clip(predictor.raw_outputs(part.x), -MAX_LOG_ODDS, MAX_LOG_ODDS)
    return bounded
