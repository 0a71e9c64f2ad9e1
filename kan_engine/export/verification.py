"""Comparison of the predictions of an exported file with those of its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from kan_engine.data.labels import class_name
from kan_engine.inference.predictor import Predictor


@dataclass(frozen=True)
class RowPredictions:
    """Predictions of some rows.

    Args:
        numbers: Values of a regression, probabilities of a classifier.
        labels: Labels of a classifier; they are arbitrary in rows without probabilities.
    """

    numbers: Float[np.ndarray, "rows numbers"]
    labels: Shaped[np.ndarray, " rows"] | None = None


def predict_rows(predictor: Predictor, columns: Mapping[str, np.ndarray]) -> RowPredictions:
    """The predictions of the model itself."""
    if predictor.classes is None:
        return RowPredictions(predictor.predict(columns).reshape(-1, predictor.network.config.width[-1]))
    probabilities = predictor.probabilities(columns)
    return RowPredictions(probabilities, predictor.labels(probabilities))


def largest_difference(
    predictor: Predictor, expected: RowPredictions, got: RowPredictions, *, tie_tolerance: float = 1e-9
) -> float:
    """The largest relative difference of two numbers.

    Differences are relative to the absolute value of the expected number, but at least to 1 and to the median
    absolute value of its output: a number near 0 among millions has only the precision of millions. The
    result is infinite if only one of two numbers is finite, or if a label differs that is not a tie.

    Args:
        predictor: The model.
        expected: Its predictions.
        got: Predictions of the exported file for the same rows.
        tie_tolerance: Relative difference of two weighted probabilities, below which either label is
            accepted.
    """
    if got.numbers.shape != expected.numbers.shape:
        return np.inf
    defined = np.isfinite(expected.numbers)
    if (np.isfinite(got.numbers) != defined).any():
        return np.inf
    if _has_other_label(predictor, expected, got, tie_tolerance):
        return np.inf
    columns = zip(expected.numbers.T, got.numbers.T, defined.T, strict=True)
    return max(_relative_difference(mine[known], theirs[known]) for mine, theirs, known in columns)


def _relative_difference(expected: Float[np.ndarray, " rows"], got: Float[np.ndarray, " rows"]) -> float:
    if not len(expected):
        return 0.0
    size = np.abs(expected)
    unit = np.maximum(size, max(1.0, float(np.median(size))))
    return float((np.abs(got - expected) / unit).max())


def _has_other_label(
    predictor: Predictor, expected: RowPredictions, got: RowPredictions, tie_tolerance: float
) -> bool:
    if expected.labels is None or got.labels is None:
        return (expected.labels is None) != (got.labels is None)
    weighted = np.sort(expected.numbers * np.asarray(predictor.decision_weights or 1.0), axis=1)
    is_clear = weighted[:, -1] - weighted[:, -2] > tie_tolerance * weighted[:, -1]
    return any(
        theirs not in (mine, class_name(mine))
        for mine, theirs, clear in zip(expected.labels.tolist(), got.labels.tolist(), is_clear, strict=True)
        if clear
    )
