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


def predict_rows(predictor: Predictor, columns: Mapping[str, Shaped[np.ndarray, " rows"]]) -> RowPredictions:
    """The predictions of the model itself."""
    if predictor.classes is None:
        return RowPredictions(predictor.predict(columns).reshape(-1, predictor.network.config.width[-1]))
    probabilities = predictor.probabilities(columns)
    return RowPredictions(probabilities, predictor.labels(probabilities))


def largest_difference(
    predictor: Predictor, reference: RowPredictions, export: RowPredictions, *, tie_tolerance: float = 1e-9
) -> float:
    """The largest relative difference of two numbers.

    Differences are relative to the absolute value of the expected number, but at least to 1 and to the median
    absolute value of its output: a number near 0 among millions has only the precision of millions. The
    result is infinite if only one of two numbers is finite, or if a label differs that is not a tie.

    Args:
        predictor: The model.
        reference: Its predictions.
        export: Predictions of the exported file for the same rows.
        tie_tolerance: Relative difference of two weighted probabilities, below which either label is
            accepted.
    """
    if export.numbers.shape != reference.numbers.shape:
        return np.inf
    # Both must be undefined in the same places
    is_finite = np.isfinite(reference.numbers)
    if (np.isfinite(export.numbers) != is_finite).any():
        return np.inf
    if _has_other_label(predictor, reference, export, tie_tolerance):
        return np.inf
    columns = zip(reference.numbers.T, export.numbers.T, is_finite.T, strict=True)
    return max(_relative_difference(mine[mask], theirs[mask]) for mine, theirs, mask in columns)


def _relative_difference(reference: Float[np.ndarray, " rows"], export: Float[np.ndarray, " rows"]) -> float:
    if not len(reference):
        return 0.0
    size = np.abs(reference)
    # A number near 0 among large ones has only the precision of these
    unit = np.maximum(size, max(1.0, float(np.median(size))))
    return float((np.abs(export - reference) / unit).max())


def _has_other_label(
    predictor: Predictor, reference: RowPredictions, export: RowPredictions, tie_tolerance: float
) -> bool:
    if reference.labels is None or export.labels is None:
        return (reference.labels is None) != (export.labels is None)
    scores = np.sort(reference.numbers * np.asarray(predictor.decision_weights or 1.0), axis=1)
    # Rounding decides a tie, so only clear decisions are compared
    is_clear = scores[:, -1] - scores[:, -2] > tie_tolerance * scores[:, -1]
    return any(
        theirs not in (mine, class_name(mine))
        for mine, theirs, clear in zip(
            reference.labels.tolist(), export.labels.tolist(), is_clear, strict=True
        )
        if clear
    )
