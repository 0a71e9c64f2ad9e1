"""Partial dependence: how predictions change with one feature while the other features are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kan_engine.data.feature import Feature
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import class_name
from kan_engine.inference.predictor import Predictor

CURVE_POINTS = 41  # values over the range of a number
MAX_CATEGORIES = 30
MAX_ROWS, MIN_ROWS = 500, 30
MAX_CLASSES = 12  # classes with a curve, the most frequent
MAX_DISTRIBUTION_ROWS = 100_000  # rows for the distribution of a feature: every n-th if there are more
# Encoded values predicted at a time, so that memory does not grow with the columns
MAX_BATCH_VALUES = 2_000_000
LOW_QUANTILE, HIGH_QUANTILE = 0.1, 0.9
OTHER_CATEGORIES = "other categories"


def compute_partial_dependence(
    predictor: Predictor,
    training: LabelledRows,
    features: Sequence[Feature],
    rows_each: int = MAX_ROWS * CURVE_POINTS,
    *,
    seed: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[dict[str, Any]]:
    """Compute partial dependence (Friedman 2001, section 8.2) and the spread of the individual curves.

    Each value of a feature, over its range in the training rows, replaces the values of a sample of
    training rows. ``mean`` is the mean of the predictions. ``low`` and ``high`` are their 10 % and 90 %
    quantiles, which show how far single rows differ from it (individual conditional expectation, Goldstein
    et al. 2015). For dependent features this includes combinations that may never occur.

    Predictions are in the target's units. For two classes they are the probability of the second class,
    for more the mean probability of each of at most 12 classes.

    Args:
        predictor: The model.
        training: Training rows of the model.
        features: Features to compute, in this order.
        rows_each: Number of rows that may be predicted per feature.
        seed: Seed of the sample of rows.
        should_stop: Once it returns true, the remaining features are left out.
    """
    rows = min(MAX_ROWS, max(MIN_ROWS, rows_each // CURVE_POINTS))
    sample = training.sample(rows, seed)
    shown = _curve_outputs(predictor, training)
    found = []
    for feature in features:
        if should_stop():
            break
        if feature.type == "datetime":  # its encoded columns depend on each other
            continue
        found.append(_feature_dependence(predictor, training, feature, sample, shown))
    return found


def _curve_outputs(predictor: Predictor, training: LabelledRows) -> list[tuple[str, int]]:
    """Return the name of every curve, and its column in the result of ``_predict_outputs``."""
    if predictor.classes is None:
        return [(predictor.target, 0)]
    names = [class_name(label) for label in predictor.classes]
    if len(names) == 2:
        return [(names[1], 1)]
    counts = np.bincount(training.classes, minlength=len(names))
    return [(names[c], c) for c in sorted(np.argsort(-counts, kind="stable")[:MAX_CLASSES].tolist())]


def _feature_dependence(
    predictor: Predictor,
    training: LabelledRows,
    feature: Feature,
    sample: LabelledRows,
    shown: list[tuple[str, int]],
) -> dict[str, Any]:
    encoding = predictor.encoding
    places = [place for place, column in enumerate(encoding.names) if column.feature == feature.name]
    values, names = _feature_values(feature)
    block = np.zeros((len(values), len(encoding.names)))
    encoding.write(block, feature, values)
    curves = _predict_curves(predictor, sample.x, places, block[:, places], [column for _, column in shown])
    has_spread = len(shown) == 1
    return {
        "name": feature.name,
        "type": feature.type,
        "values": names,
        "curves": [
            {
                "output": output,
                "mean": curve.mean(0).tolist(),
                "low": np.quantile(curve, LOW_QUANTILE, axis=0).tolist() if has_spread else None,
                "high": np.quantile(curve, HIGH_QUANTILE, axis=0).tolist() if has_spread else None,
            }
            for (output, _), curve in zip(shown, np.moveaxis(curves, 2, 0), strict=True)
        ],
        **_feature_distribution(feature, training, places, block[:, places]),
    }


def _feature_values(feature: Feature) -> tuple[np.ndarray, list[Any]]:
    """Return the values to predict at, and their names; None means missing."""
    if feature.type == "number":
        low, high = float(feature.min or 0.0), float(feature.max or 0.0)
        values = np.linspace(low, high, CURVE_POINTS)
        return values, values.tolist()
    missing = [None] if feature.has_missing else []
    if feature.type == "boolean":
        return np.array([0.0, 1.0, *([np.nan] if missing else [])]), [False, True, *missing]
    own = list(feature.categories[:MAX_CATEGORIES])
    values = np.array([*own, *feature.rare[:1], *missing], dtype=object)
    return values, [*own, *([OTHER_CATEGORIES] if feature.rare else []), *missing]


def _predict_curves(
    predictor: Predictor, encoded: np.ndarray, places: list[int], values: np.ndarray, outputs: list[int]
) -> np.ndarray:
    """Predict every row at every value [rows, values, outputs]."""
    rows, columns = encoded.shape
    at_once = max(1, MAX_BATCH_VALUES // (rows * columns))
    curves = np.empty((rows, len(values), len(outputs)))
    for start in range(0, len(values), at_once):
        some = values[start : start + at_once]
        table = np.tile(encoded, (len(some), 1))
        table[:, places] = np.repeat(some, rows, axis=0)
        told = _predict_outputs(predictor, table)[:, outputs]
        curves[:, start : start + len(some)] = np.moveaxis(told.reshape(len(some), rows, -1), 0, 1)
    return curves


def _predict_outputs(predictor: Predictor, encoded: np.ndarray) -> np.ndarray:
    if predictor.classes is None:
        return predictor.predict(encoded).astype(float)[:, None]
    return predictor.probabilities(encoded)


def _feature_distribution(
    feature: Feature, training: LabelledRows, places: list[int], values: np.ndarray
) -> dict[str, Any]:
    """Describe the training rows: ``deciles`` of a number, ``shares`` of the values of any other feature."""
    seen = training.x[:: -(-len(training) // MAX_DISTRIBUTION_ROWS)][:, places]
    if feature.type != "number":
        counts = Counter(map(tuple, seen.tolist()))
        return {"deciles": None, "shares": [counts[tuple(row)] / len(seen) for row in values.tolist()]}
    present = seen[seen[:, 1] == 0, 0] if feature.has_missing else seen[:, 0]
    return {"deciles": np.quantile(present, np.linspace(0, 1, 11)).tolist(), "shares": None}
