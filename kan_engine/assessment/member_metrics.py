"""Metrics of a member of a model, and how well one agrees with another."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.metrics import Metrics, classification_metrics, regression_metrics
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.training_data import TrainingData
from kan_engine.inference.predictor import Predictor


def measure_member(predictor: Predictor, part: LabelledRows, data: TrainingData) -> Metrics:
    """Metrics of a member on rows of the data."""
    classes = predictor.classes
    if classes is None:
        predictions = predictor.predict(part.x).astype(float) if len(part) else np.zeros(0)
        return regression_metrics(part.y, predictions)
    chances = predictor.probabilities(part.x) if len(part) else np.zeros((0, len(classes)))
    return classification_metrics(data.labels(part), chances, classes, predictor.decision_weights)


def measure_fidelity(
    accurate: Predictor,
    member: Predictor,
    rows: Float[np.ndarray, "rows columns"],
    max_log_odds: float,
) -> float | None:
    """R² of a member against the accurate network, averaged over the outputs; None where undefined.

    Log-odds and logits are clamped to ``±max_log_odds``, beyond which probabilities hardly differ.
    """
    if not len(rows):
        return None
    targets, outputs = (_predict_comparable(part, rows, max_log_odds) for part in (accurate, member))
    # R² with the network as truth, undefined for an output that does not vary
    spread = targets.var(0)
    if not (np.isfinite(targets).all() and np.isfinite(outputs).all() and (spread > 0).all()):
        return None
    return float(np.mean(1 - ((outputs - targets) ** 2).mean(0) / spread))


def _predict_comparable(
    predictor: Predictor, rows: Float[np.ndarray, "rows columns"], max_log_odds: float
) -> Float[np.ndarray, "rows outputs"]:
    if predictor.classes is None:
        return predictor.predict(rows).astype(float).reshape(len(rows), -1)
    # A few extreme log-odds, whose probabilities are 0 or 1 anyway, would dominate R²
    log_odds: np.ndarray = np.clip(predictor.raw_outputs(rows), -max_log_odds, max_log_odds)
    return log_odds
