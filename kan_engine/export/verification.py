"""How far the answers of an export are from those of its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from kan_engine.data.labels import class_name
from kan_engine.inference.predictor import Predictor

TIE = 1e-9  # of two weighted probabilities that differ by less, either may give the label


@dataclass(frozen=True)
class Answers:
    """What is said of some rows.

    Args:
        numbers: Values of a regression, probabilities of a classifier.
        labels: Of a classifier; of rows without probabilities they mean nothing.
    """

    numbers: Float[np.ndarray, "rows numbers"]
    labels: Shaped[np.ndarray, " rows"] | None = None


def answers_of(predictor: Predictor, columns: Mapping[str, np.ndarray]) -> Answers:
    """What the model itself says."""
    if predictor.classes is None:
        return Answers(predictor.predict(columns).reshape(-1, predictor.network.config.width[-1]))
    probabilities = predictor.probabilities(columns)
    return Answers(probabilities, predictor.labels(probabilities))


def largest_difference(predictor: Predictor, expected: Answers, got: Answers) -> float:
    """The largest absolute difference of two numbers, in units of their size.

    The unit is the number itself, but never less than 1, nor than the median of all numbers of its output:
    what is near 0 among millions has only the digits of millions. It is infinite if only one of two is a
    number, or if a label differs that is not a matter of the last digits.
    """
    if got.numbers.shape != expected.numbers.shape:
        return np.inf
    defined = np.isfinite(expected.numbers)
    if (np.isfinite(got.numbers) != defined).any() or _has_other_label(predictor, expected, got):
        return np.inf
    columns = zip(expected.numbers.T, got.numbers.T, defined.T, strict=True)
    return max(_difference(mine[known], theirs[known]) for mine, theirs, known in columns)


def _difference(expected: Float[np.ndarray, " rows"], got: Float[np.ndarray, " rows"]) -> float:
    if not len(expected):
        return 0.0
    size = np.abs(expected)
    unit = np.maximum(size, max(1.0, float(np.median(size))))
    return float((np.abs(got - expected) / unit).max())


def _has_other_label(predictor: Predictor, expected: Answers, got: Answers) -> bool:
    if expected.labels is None or got.labels is None:
        return (expected.labels is None) != (got.labels is None)
    weighted = np.sort(expected.numbers * np.asarray(predictor.decision_weights or 1.0), axis=1)
    is_clear = weighted[:, -1] - weighted[:, -2] > TIE * weighted[:, -1]
    return any(
        theirs not in (mine, class_name(mine))
        for mine, theirs, clear in zip(expected.labels.tolist(), got.labels.tolist(), is_clear, strict=True)
        if clear
    )
