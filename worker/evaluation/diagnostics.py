"""Diagnostic curves: parity of a regression; confusion matrix, ROC and reliability of a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import metrics

from kan_engine import LabelledRows, Predictor, choose_classes
from kan_engine.data.labels import class_name

MAX_PARITY_ROWS = 2_000  # rows of the parity plot of a regression
MAX_CLASSIFIER_ROWS = 100_000  # rows counted for a classifier
MAX_CONFUSION_CLASSES = 40  # classes with their own row in the confusion matrix; the others share one
MAX_ROC_CURVES = 20  # classes with an ROC curve, the most frequent
MAX_CURVE_POINTS = 200
RELIABILITY_BINS = 10
OTHER_CLASSES = "all other classes"


def compute_diagnostics(predictor: Predictor, part: LabelledRows, seed: int) -> dict[str, Any]:
    """Compute ``parity`` of a regression, or ``confusion``, ``roc`` and ``reliability`` of a classifier.

    Args:
        predictor: The model.
        part: Rows with the true values.
        seed: Seed of the sample if there are too many rows.
    """
    if predictor.classes is None:
        return _regression_diagnostics(predictor, part.sample(MAX_PARITY_ROWS, seed))
    return _classifier_diagnostics(predictor, part.sample(MAX_CLASSIFIER_ROWS, seed))


def _regression_diagnostics(predictor: Predictor, part: LabelledRows) -> dict[str, Any]:
    true, predicted = part.y, predictor.predict(part.x).astype(float)
    pairs = {"true": true.tolist(), "predicted": predicted.tolist()}
    return {"rows": len(part), "parity": pairs, "confusion": None, "roc": None, "reliability": None}


def _classifier_diagnostics(predictor: Predictor, part: LabelledRows) -> dict[str, Any]:
    names = [class_name(label) for label in predictor.classes or ()]
    probabilities, true = predictor.probabilities(part.x), part.classes
    defined = np.isfinite(probabilities).all(1)
    probabilities, true = probabilities[defined], true[defined]
    decided = choose_classes(probabilities, predictor.decision_weights)
    frequent = np.argsort(-np.bincount(true, minlength=len(names)), kind="stable")
    curves = [1] if len(names) == 2 else sorted(frequent[:MAX_ROC_CURVES].tolist())
    return {
        "rows": len(true),
        "parity": None,
        "confusion": _confusion_matrix(true, decided, names, frequent),
        "roc": [
            curve
            for c in curves
            if (curve := _roc_curve(names[c], true == c, probabilities[:, c])) is not None
        ],
        "reliability": _reliability_curve(true, probabilities, names),
    }


def _confusion_matrix(
    true: np.ndarray, decided: np.ndarray, names: list[str], frequent: np.ndarray
) -> dict[str, Any]:
    """Count the rows by true class (first axis) and predicted class (second axis)."""
    own = sorted(frequent[:MAX_CONFUSION_CLASSES].tolist())
    shown = [names[c] for c in own] + ([OTHER_CLASSES] if len(names) > MAX_CONFUSION_CLASSES else [])
    places = np.full(len(names), len(own))
    places[own] = np.arange(len(own))
    counts = np.zeros((len(shown), len(shown)), dtype=int)
    np.add.at(counts, (places[true], places[decided]), 1)
    return {"classes": shown, "counts": counts.tolist()}


def _roc_curve(name: str, is_class: np.ndarray, score: np.ndarray) -> dict[str, Any] | None:
    """Return the ROC curve of a class against all others, thinned; None if all rows are on one side."""
    if is_class.all() or not is_class.any():
        return None
    false, true, _ = metrics.roc_curve(is_class, score)
    auc = float(metrics.auc(false, true))
    kept = np.unique(np.linspace(0, len(false) - 1, min(MAX_CURVE_POINTS, len(false))).round().astype(int))
    rates = {"false_positive_rate": false[kept].tolist(), "true_positive_rate": true[kept].tolist()}
    return {"class": name, "auc": auc, **rates}


def _reliability_curve(true: np.ndarray, probabilities: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Compare predicted probabilities with observed frequencies in ten bins of equal width.

    For two classes these are the probabilities of the second class, for more those of all classes together.
    """
    if len(names) == 2:
        told, came = probabilities[:, 1], true == 1
    else:
        told, came = probabilities.ravel(), (true[:, None] == np.arange(len(names))).ravel()
    bins = np.minimum((told * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    found = [(told[bins == place], came[bins == place]) for place in range(RELIABILITY_BINS)]
    return {
        "class": names[1] if len(names) == 2 else None,
        "mean_probability": [float(p.mean()) if len(p) else None for p, _ in found],
        "observed_share": [float(c.mean()) if len(c) else None for _, c in found],
        "count": [len(p) for p, _ in found],
    }
