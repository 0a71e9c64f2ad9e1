"""The formula of a model as a member that predicts: its metrics, and how it agrees with the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kan_engine import FormulaPredictor, Predictor
from kan_engine.search.assembly import Model
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS
from service.schemas.members import FormulaMemberOut, is_serving
from worker.data.preparation import PreparedData
from worker.evaluation.metrics import Metrics, classification_metrics, regression_metrics
from worker.evaluation.model_metrics import measure_model
from worker.evaluation.thresholds import DEFAULT_METRICS, MetricThresholds
from worker.results.records import ModelMeasures
from worker.results.symbolic_document import SymbolicDocument


def describe_members(
    model: Model,
    symbolic: SymbolicDocument | None,
    data: PreparedData,
    max_log_odds: float = DEFAULT_THRESHOLDS.max_log_odds,
) -> dict[str, FormulaMemberOut]:
    """``members`` of the record of a model; empty without formulas."""
    if model.formula is None or symbolic is None:
        return {}
    metrics = _measure_formula(model.formula, data)
    return describe_formula_member(
        symbolic, metrics, model.predictor, model.formula, data.test.x, max_log_odds
    )


def measure_answering_member(
    model: Model, data: PreparedData, thresholds: MetricThresholds = DEFAULT_METRICS
) -> ModelMeasures:
    """Hold-out metrics of the member that answers, and of the network if a formula answers."""
    own = measure_model(model.predictor, data, model.decision, thresholds)
    if model.serving is None:
        return replace(own, network_metrics={})
    answering = measure_model(model.serving, data, model.decision, thresholds)
    return replace(answering, network_metrics=own.metrics)


def describe_formula_member(
    symbolic: SymbolicDocument,
    metrics: Metrics,
    predictor: Predictor,
    formula: FormulaPredictor,
    rows: np.ndarray,
    max_log_odds: float = DEFAULT_THRESHOLDS.max_log_odds,
) -> dict[str, FormulaMemberOut]:
    """The record's entry for the formula.

    Args:
        symbolic: The formulas.
        metrics: Their metrics.
        predictor: The network.
        formula: The formulas as a predictor.
        rows: Encoded rows on which both are compared.
        max_log_odds: See ``measure_fidelity``.
    """
    member = FormulaMemberOut(
        metrics=metrics,
        complexity=symbolic.complexity,
        verdict=symbolic.verdict,
        serves=is_serving(symbolic.verdict, symbolic.serves_within),
        fidelity=measure_fidelity(predictor, formula, rows, max_log_odds),
    )
    return {"formula": member}


def measure_fidelity(
    predictor: Predictor,
    formula: FormulaPredictor,
    rows: np.ndarray,
    max_log_odds: float = DEFAULT_THRESHOLDS.max_log_odds,
) -> float | None:
    """R² of the formula against the network, averaged over the outputs; None where either is undefined.

    Log-odds and logits are clamped to ``±max_log_odds``, beyond which probabilities hardly differ.
    """
    if not len(rows):
        return None
    network, other = (_predict_comparable(part, rows, max_log_odds) for part in (predictor, formula))
    spread = network.var(0)
    if not (np.isfinite(network).all() and np.isfinite(other).all() and (spread > 0).all()):
        return None
    return float(np.mean(1 - ((other - network) ** 2).mean(0) / spread))


def _predict_comparable(predictor: Predictor, rows: np.ndarray, max_log_odds: float) -> np.ndarray:
    if predictor.classes is None:
        return predictor.predict(rows).astype(float).reshape(len(rows), -1)
    bounded: np.ndarray = np.clip(predictor.raw_outputs(rows), -max_log_odds, max_log_odds)
    return bounded


def _measure_formula(formula: FormulaPredictor, data: PreparedData) -> Metrics:
    test, classes = data.test, formula.classes
    if classes is None:
        predicted = formula.predict(test.x).astype(float) if len(test) else np.zeros(0)
        return regression_metrics(test.y, predicted)
    chances = formula.probabilities(test.x) if len(test) else np.zeros((0, len(classes)))
    return classification_metrics(data.labels(test), chances, classes, formula.decision_weights)
