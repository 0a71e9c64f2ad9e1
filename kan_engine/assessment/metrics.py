"""Metrics of predictions: numbers by name, in the target's units, None where a metric is undefined."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from sklearn import metrics

from kan_engine.data.labels import Label, class_name
from kan_engine.inference.label_decision import choose_classes

Metrics = dict[str, float | None]


def regression_metrics(y: Float[np.ndarray, " rows"], predictions: Float[np.ndarray, " rows"]) -> Metrics:
    """Compute ``mae``, ``rmse`` and ``r2``; None without rows, or if a prediction is not finite.

    R² compares with the mean of ``y``, so it is None unless ``y`` has two different values.
    """
    if not len(y) or not np.isfinite(predictions).all():
        return {"mae": None, "rmse": None, "r2": None}
    error = predictions - y
    spread = float(((y - y.mean()) ** 2).sum())
    return _replace_undefined(
        {
            "mae": float(np.abs(error).mean()),
            "rmse": float(np.sqrt((error**2).mean())),
            "r2": 1 - float((error**2).sum()) / spread if spread > 0 else math.nan,
        }
    )


def classification_metrics(
    y: Shaped[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows classes"],
    classes: Sequence[Label],
    decision_weights: Sequence[float] | None = None,
) -> Metrics:
    """Compute the metrics of a classifier.

    ``roc_auc``, ``average_precision`` and ``log_loss`` are computed from the probabilities, the others from
    the labels that the decision weights choose.

    ``accuracy``, ``balanced_accuracy`` and ``log_loss`` cover all classes. For two classes the others are
    those of ``classes[1]``, for more they are unweighted means over the classes (one against the rest). A
    class that no row or every row has is left out of the means of ``roc_auc`` and ``average_precision``.
    The precision of a class that is never predicted counts as 0.

    Args:
        y: Labels of the rows.
        probabilities: One column per class, each row summing to 1.
        classes: Labels of the columns. Rows of any other class count as wrong.
        decision_weights: Weights as in ``kan_engine.decide``; None takes the likeliest class.
    """
    names = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
    if not len(y) or not np.isfinite(probabilities).all():
        return dict.fromkeys((*names, "roc_auc", "average_precision", "log_loss"))
    guesses = choose_classes(probabilities, decision_weights)
    true, probabilities = _encode_labels(y, probabilities, classes)
    positive = [1] if len(classes) == 2 else None
    # Of two classes the second counts as positive; of more, all have the same weight in the mean
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        true, guesses, labels=positive, average="macro", zero_division=0
    )
    # Balanced accuracy is the mean recall of the classes that occur
    present = np.unique(true)
    recalls = metrics.recall_score(true, guesses, labels=present, average=None, zero_division=0)
    class_indices = positive or range(probabilities.shape[1])
    return _replace_undefined(
        {
            "accuracy": float((true == guesses).mean()),
            "balanced_accuracy": float(recalls.mean()),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "roc_auc": _mean_defined([_roc_auc(true == c, probabilities[:, c]) for c in class_indices]),
            "average_precision": _mean_defined(
                [_average_precision(true == c, probabilities[:, c]) for c in class_indices]
            ),
            "log_loss": float(metrics.log_loss(true, probabilities, labels=range(probabilities.shape[1]))),
        }
    )


def class_metrics(
    y: Shaped[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows classes"],
    classes: Sequence[Label],
    decision_weights: Sequence[float] | None = None,
) -> dict[str, Metrics]:
    """Compute precision, recall, f1, roc_auc, average_precision and support of every class, by class name."""
    if not len(y) or not np.isfinite(probabilities).all():
        return {}
    guesses = choose_classes(probabilities, decision_weights)
    true, probabilities = _encode_labels(y, probabilities, classes)
    # Precision, recall, f1 and support, each by class
    scores = metrics.precision_recall_fscore_support(
        true, guesses, labels=range(len(classes)), zero_division=0
    )
    return {
        class_name(label): _replace_undefined(
            {
                "precision": float(scores[0][c]),
                "recall": float(scores[1][c]) if scores[3][c] else math.nan,
                "f1": float(scores[2][c]),
                "roc_auc": _roc_auc(true == c, probabilities[:, c]),
                "average_precision": _average_precision(true == c, probabilities[:, c]),
                "support": float(scores[3][c]),
            }
        )
        for c, label in enumerate(classes)
    }


def constant_guess_accuracy(
    y_train: Shaped[np.ndarray, " training"], y: Shaped[np.ndarray, " rows"]
) -> float | None:
    """Return the accuracy on ``y`` of always guessing the most frequent class of the training rows."""
    if not len(y):
        return None
    counts = Counter(y_train.tolist())
    guess = max(sorted(counts), key=counts.__getitem__)  # the first of equally frequent ones
    return float(y.tolist().count(guess) / len(y))


def _encode_labels(
    y: Shaped[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows classes"],
    classes: Sequence[Label],
) -> tuple[Int[np.ndarray, " rows"], Float[np.ndarray, "rows columns"]]:
    """Convert labels to column indices; labels that are not in ``classes`` get columns of probability 0."""
    # Labels beyond the classes get the next indices, and count as wrong whatever is predicted
    places = {label: place for place, label in enumerate(classes)}
    true = np.array([places.setdefault(label, len(places)) for label in y.tolist()])
    further = np.zeros((len(y), len(places) - len(classes)))
    return true, np.hstack([probabilities, further])


def _roc_auc(is_class: Bool[np.ndarray, " rows"], score: Float[np.ndarray, " rows"]) -> float:
    return math.nan if is_class.all() or not is_class.any() else float(metrics.roc_auc_score(is_class, score))


def _average_precision(is_class: Bool[np.ndarray, " rows"], score: Float[np.ndarray, " rows"]) -> float:
    if is_class.all() or not is_class.any():
        return math.nan
    return float(metrics.average_precision_score(is_class, score))


def _mean_defined(values: list[float]) -> float:
    finite_values = [value for value in values if not math.isnan(value)]
    return sum(finite_values) / len(finite_values) if finite_values else math.nan


def _replace_undefined(values: dict[str, float]) -> Metrics:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
