"""What a model is worth on rows it has not seen: metrics, how it decides, and what deserves a second look."""

from __future__ import annotations

from typing import Any

import numpy as np

from kan_engine import Predictor
from worker.decision import Decision
from worker.evaluation import (
    class_name,
    classification_metrics,
    constant_guess_accuracy,
    per_class,
    regression_metrics,
)
from worker.preparation import Portion, Prepared

TOLD_ROWS = 100_000  # of the training rows, for their metrics: more would delay the result and say the same
OF_LABELS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")  # metrics that a decision changes


def measure(predictor: Predictor, data: Prepared, decision: Decision | None) -> dict[str, Any]:
    """The part of a model's record that the hold-out rows tell.

    Args:
        predictor: The model.
        data: Its rows.
        decision: How a classifier decides; None for a regression.
    """
    return _regression(predictor, data) if decision is None else _classifier(predictor, data, decision)


def _regression(predictor: Predictor, data: Prepared) -> dict[str, Any]:
    training = data.training.sample(TOLD_ROWS, 0)
    predicted, learnt = (_values(predictor, part) for part in (data.test, training))
    lost = int((~np.isfinite(predicted)).sum())
    return {
        "metrics": regression_metrics(data.test.y.astype(float), predicted),
        "per_class": {},
        "training_metrics": regression_metrics(training.y.astype(float), learnt),
        "threshold": None,
        "decision": None,
        "warnings": [f"the network has no answer for {lost} of {len(predicted)} hold-out rows"]
        if lost
        else [],
    }


def _values(predictor: Predictor, part: Portion) -> np.ndarray:
    return predictor.predict(part.encoded).astype(float) if len(part) else np.zeros(0)


def _classifier(predictor: Predictor, data: Prepared, decision: Decision) -> dict[str, Any]:
    classes, weights = data.classes or (), predictor.decision_weights
    training = data.training.sample(TOLD_ROWS, 0)
    p, learnt = (_probabilities(predictor, part) for part in (data.test, training))
    found = classification_metrics(data.test.y, p, classes, weights)
    likeliest = classification_metrics(data.test.y, p, classes)
    names = [class_name(label) for label in classes]
    told = {
        "rule": decision.rule,
        "reason": decision.reason,
        "weights": dict(zip(names, weights or (1.0,) * len(names), strict=True)),
        "positive_class": names[1] if len(names) == 2 else None,
        "likeliest": {name: likeliest[name] for name in OF_LABELS},
        "constant_guess_accuracy": constant_guess_accuracy(data.training.y, data.test.y),
    }
    return {
        "metrics": found,
        "per_class": per_class(data.test.y, p, classes, weights),
        "training_metrics": classification_metrics(training.y, learnt, classes, weights),
        "threshold": predictor.threshold,
        "decision": told,
        "warnings": _no_better_than_a_guess(found["accuracy"], told),
    }


def _probabilities(predictor: Predictor, part: Portion) -> np.ndarray:
    return predictor.probabilities(part.encoded) if len(part) else np.zeros((0, len(predictor.classes or ())))


def _no_better_than_a_guess(accuracy: float | None, told: dict[str, Any]) -> list[str]:
    guess, likeliest = told["constant_guess_accuracy"], told["likeliest"]["accuracy"]
    if accuracy is None or guess is None or accuracy > guess:
        return []
    found = (
        f"the accuracy of {accuracy:.4f} does not beat always guessing the most frequent class ({guess:.4f})"
    )
    if told["rule"] == "likeliest":
        return [f"{found}; look at roc_auc and average_precision instead"]
    return [
        f"{found}: labels are chosen for {told['reason']}; the likeliest class as label has an accuracy of "
        f"{likeliest:.4f}. Look at precision, recall, roc_auc and average_precision instead"
    ]
