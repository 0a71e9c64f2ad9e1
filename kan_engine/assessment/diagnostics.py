"""Diagnostic curves: parity of a regression; confusion matrix, ROC and reliability of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn import metrics

from kan_engine.assessment.monitoring.reliability import ReliabilityCurve, compute_reliability
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import class_name
from kan_engine.inference.label_decision import choose_classes
from kan_engine.inference.predictor import Predictor

OTHER_CLASSES = "all other classes"


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """Diagnostic curves of a model, and the number of rows that they are computed from.

    Attributes:
        parity: Of a regression.
        confusion: Of a classifier, as the following.
        roc: Without the classes that all rows or no row belong to.
    """

    rows: int
    parity: ParityPlot | None = None
    confusion: ConfusionMatrix | None = None
    roc: Sequence[RocCurve] | None = None
    reliability: ReliabilityCurve | None = None


@dataclass(frozen=True, kw_only=True)
class ParityPlot:
    """True and predicted values of the same rows, and their numbers in the dataset, from 0."""

    true: Sequence[float]
    predicted: Sequence[float]
    numbers: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """Numbers of rows by true class (first axis) and predicted class (second axis)."""

    classes: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class RocCurve:
    """The ROC curve of a class against all others, and the area under it."""

    class_: str
    auc: float
    false_positive_rate: Sequence[float]
    true_positive_rate: Sequence[float]


def compute_diagnostics(
    predictor: Predictor,
    part: LabelledRows,
    numbers: Int[np.ndarray, " rows"],
    seed: int,
    *,
    max_parity_rows: int = 2_000,
    max_classifier_rows: int = 100_000,
) -> Diagnostics:
    """Compute the diagnostic curves of a model.

    Args:
        predictor: The model.
        part: Rows with the true values.
        numbers: Their numbers in the dataset.
        seed: Seed of the sample if there are too many rows.
        max_parity_rows: Rows of the parity plot of a regression.
        max_classifier_rows: Rows counted for a classifier.
    """
    if predictor.classes is None:
        places = part.draw_places(max_parity_rows, seed)
        return _regression_diagnostics(predictor, part[places], numbers[places])
    return _classifier_diagnostics(predictor, part.sample(max_classifier_rows, seed))


def _regression_diagnostics(
    predictor: Predictor, part: LabelledRows, numbers: Int[np.ndarray, " rows"]
) -> Diagnostics:
    predictions = predictor.predict(part.x).astype(float)
    parity = ParityPlot(true=part.y.tolist(), predicted=predictions.tolist(), numbers=numbers.tolist())
    return Diagnostics(rows=len(part), parity=parity)


def _classifier_diagnostics(
    predictor: Predictor,
    part: LabelledRows,
    *,
    max_roc_curves: int = 20,
    max_confusion_classes: int = 40,
    reliability_bins: int = 10,
) -> Diagnostics:
    """The diagnostics of a classifier.

    Args:
        predictor: The model.
        part: Rows with the true classes.
        max_roc_curves: Classes with an ROC curve, the most frequent.
        max_confusion_classes: Classes with their own row in the confusion matrix; the others share one.
        reliability_bins: Bins of the reliability curve.
    """
    names = [class_name(label) for label in predictor.classes or ()]
    probabilities, true = predictor.probabilities(part.x), part.classes
    # Rows without finite probabilities have no label and no rank, so they are in no curve
    is_defined = np.isfinite(probabilities).all(1)
    probabilities, true = probabilities[is_defined], true[is_defined]
    decisions = choose_classes(probabilities, predictor.decision_weights)
    # Classes by falling frequency; the stable sort makes ties deterministic
    frequent = np.argsort(-np.bincount(true, minlength=len(names)), kind="stable")
    curves = [1] if len(names) == 2 else sorted(frequent[:max_roc_curves].tolist())
    return Diagnostics(
        rows=len(true),
        confusion=_confusion_matrix(true, decisions, names, frequent[:max_confusion_classes]),
        roc=[
            curve
            for c in curves
            if (curve := _roc_curve(names[c], true == c, probabilities[:, c])) is not None
        ],
        reliability=compute_reliability(true, probabilities, names, reliability_bins),
    )


def _confusion_matrix(
    true: Int[np.ndarray, " rows"],
    decisions: Int[np.ndarray, " rows"],
    names: list[str],
    frequent: Int[np.ndarray, " frequent"],
) -> ConfusionMatrix:
    indices = sorted(frequent.tolist())
    class_names = [names[c] for c in indices] + ([OTHER_CLASSES] if len(names) > len(indices) else [])
    # Every frequent class has its own row and column; the last ones are shared by all others
    places = np.full(len(names), len(indices))
    places[indices] = np.arange(len(indices))
    counts = np.zeros((len(class_names), len(class_names)), dtype=int)
    np.add.at(counts, (places[true], places[decisions]), 1)
    return ConfusionMatrix(classes=class_names, counts=counts.tolist())


def _roc_curve(
    name: str,
    is_class: Bool[np.ndarray, " rows"],
    score: Float[np.ndarray, " rows"],
    *,
    max_points: int = 200,
) -> RocCurve | None:
    """Return the ROC curve of a class, thinned to ``max_points``; None if all rows are on one side."""
    if is_class.all() or not is_class.any():
        return None
    false, true, _ = metrics.roc_curve(is_class, score)
    auc = float(metrics.auc(false, true))
    points = min(max_points, len(false))
    # Equally spaced points of the curve with both ends, each only once
    places = np.unique(np.linspace(0, len(false) - 1, points).round().astype(int))
    return RocCurve(
        class_=name,
        auc=auc,
        false_positive_rate=false[places].tolist(),
        true_positive_rate=true[places].tolist(),
    )
