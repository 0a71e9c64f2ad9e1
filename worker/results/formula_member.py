"""The formula of a model as a member that predicts: its residuals and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kan_engine import FormulaPredictor, LabelledRows, Predictor
from kan_engine.inference.decision_rule import Decision
from kan_engine.search.law_search import MAX_LOG_ODDS
from service.documents.answering_member import Members
from service.schemas.members import make_formula_entry
from worker.data.preparation import PreparedData
from worker.evaluation.metrics import Metrics, classification_metrics, regression_metrics
from worker.evaluation.model_metrics import measure_model

SymbolicDocument = Mapping[str, Any]
MemberEntries = dict[str, dict[str, Any]]  # of ``members`` in the record of a model


def add_formula_member(
    predictor: Predictor,
    symbolic: SymbolicDocument | None,
    data: PreparedData,
    errors: np.ndarray | None = None,
) -> tuple[Predictor, MemberEntries]:
    """Add the formula's residuals to the network, and describe the formula for the record.

    Args:
        predictor: The network.
        symbolic: The formulas.
        data: Their rows.
        errors: Out-of-sample absolute errors of the formula, NaN for other rows. Unless all known ones are
            finite, the errors on the validation rows are used.

    Returns:
        The network, and ``members`` of the record.
    """
    formula = Members.build(predictor, symbolic).formula
    if formula is None or symbolic is None:
        return replace(predictor, formula_residuals=None), {}
    metrics = _measure_formula(formula, data)
    told = describe_formula_member(symbolic, metrics, predictor, formula, data.test.x)
    known = np.zeros(0) if errors is None else errors[~np.isnan(errors)]
    is_finite = len(known) > 0 and bool(np.isfinite(known).all())
    residuals = np.sort(known) if is_finite else compute_formula_residuals(formula, data.validation)
    return replace(predictor, formula_residuals=residuals), told


def select_answering_member(predictor: Predictor, symbolic: SymbolicDocument | None) -> Predictor:
    """The member that answers by default."""
    _, found = Members.build(predictor, symbolic).select("auto")
    return found


def measure_answering_member(
    predictor: Predictor, symbolic: SymbolicDocument | None, data: PreparedData, decision: Decision | None
) -> dict[str, Any]:
    """Hold-out metrics of the member that answers, and of the network if a formula answers."""
    own = measure_model(predictor, data, decision)
    found = select_answering_member(predictor, symbolic)
    if found is predictor:
        return own | {"network_metrics": {}}
    return measure_model(found, data, decision) | {"network_metrics": own["metrics"]}


def compute_formula_residuals(formula: FormulaPredictor, validation: LabelledRows) -> np.ndarray | None:
    """Sorted absolute errors where the formula is defined; elsewhere it has no prediction or interval."""
    if formula.classes is not None:
        return None
    errors = np.abs(formula.predict(validation.x) - validation.y)
    return np.sort(errors[np.isfinite(errors)])


def describe_formula_member(
    symbolic: SymbolicDocument,
    metrics: Metrics,
    predictor: Predictor,
    formula: FormulaPredictor,
    rows: np.ndarray,
) -> MemberEntries:
    """The record's entry for the formula.

    Args:
        symbolic: The formulas.
        metrics: Their metrics.
        predictor: The network.
        formula: The formulas as a predictor.
        rows: Encoded rows on which both are compared.
    """
    return {"formula": make_formula_entry(symbolic, metrics, measure_fidelity(predictor, formula, rows))}


def measure_fidelity(predictor: Predictor, formula: FormulaPredictor, rows: np.ndarray) -> float | None:
    """R² of the formula against the network, averaged over the outputs; None where either is undefined.

    Log-odds and logits are clamped to ``±MAX_LOG_ODDS``, beyond which probabilities hardly differ.
    """
    if not len(rows):
        return None
    network, other = _predict_comparable(predictor, rows), _predict_comparable(formula, rows)
    spread = network.var(0)
    if not (np.isfinite(network).all() and np.isfinite(other).all() and (spread > 0).all()):
        return None
    return float(np.mean(1 - ((other - network) ** 2).mean(0) / spread))


def _predict_comparable(predictor: Predictor, rows: np.ndarray) -> np.ndarray:
    if predictor.classes is None:
        return predictor.predict(rows).astype(float).reshape(len(rows), -1)
    bounded: np.ndarray = np.clip(predictor.raw_outputs(rows), -MAX_LOG_ODDS, MAX_LOG_ODDS)
    return bounded


def _measure_formula(formula: FormulaPredictor, data: PreparedData) -> Metrics:
    test, classes = data.test, formula.classes
    if classes is None:
        predicted = formula.predict(test.x).astype(float) if len(test) else np.zeros(0)
        return regression_metrics(test.y, predicted)
    chances = formula.probabilities(test.x) if len(test) else np.zeros((0, len(classes)))
    return classification_metrics(data.labels(test), chances, classes, formula.decision_weights)
