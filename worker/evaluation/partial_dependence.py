"""Partial dependence: how predictions change with one feature while the other features are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kan_engine import Feature, Predictor
from kan_engine.data.labels import class_name
from worker.data.preparation import Portion, Prepared

POINTS = 41  # values over the range of a number
CATEGORIES = 30
ROWS, FEWEST_ROWS = 500, 30
CLASSES = 12  # classes with a curve, the most frequent
SEEN_ROWS = 100_000  # rows for the distribution of a feature: every n-th if there are more
NUMBERS = 2_000_000  # encoded values predicted at a time, so that memory does not grow with the columns
LOW, HIGH = 0.1, 0.9
OTHER = "other categories"


def effects_of(
    predictor: Predictor,
    data: Prepared,
    features: Sequence[Feature],
    rows_each: int,
    should_stop: Callable[[], bool],
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
        data: The rows of the model.
        features: Features to compute, in this order.
        rows_each: Number of rows that may be predicted per feature.
        should_stop: Once it returns true, the remaining features are left out.
    """
    rows = min(ROWS, max(FEWEST_ROWS, rows_each // POINTS))
    sample = data.training.sample(rows, data.plan.request.seed)
    shown = _shown_outputs(predictor, data)
    found = []
    for feature in features:
        if should_stop():
            break
        if feature.type == "datetime":  # its encoded columns depend on each other
            continue
        found.append(_effect(predictor, data, feature, sample, shown))
    return found


def _shown_outputs(predictor: Predictor, data: Prepared) -> list[tuple[str, int]]:
    """Return the name of every curve, and its column in the result of ``_predict_outputs``."""
    if predictor.classes is None:
        return [(data.plan.request.goal, 0)]
    names = [class_name(label) for label in predictor.classes]
    if len(names) == 2:
        return [(names[1], 1)]
    counts = np.bincount(data.training.targets.astype(int), minlength=len(names))
    return [(names[c], c) for c in sorted(np.argsort(-counts, kind="stable")[:CLASSES].tolist())]


def _effect(
    predictor: Predictor, data: Prepared, feature: Feature, sample: Portion, shown: list[tuple[str, int]]
) -> dict[str, Any]:
    places = [place for place, column in enumerate(data.encoding.names) if column.feature == feature.name]
    values, names = _values(feature)
    block = np.zeros((len(values), len(data.encoding.names)))
    data.encoding.write(block, feature, values)
    curves = _curves(predictor, sample.encoded, places, block[:, places], [column for _, column in shown])
    has_spread = len(shown) == 1
    return {
        "name": feature.name,
        "type": feature.type,
        "values": names,
        "curves": [
            {
                "output": output,
                "mean": curve.mean(0).tolist(),
                "low": np.quantile(curve, LOW, axis=0).tolist() if has_spread else None,
                "high": np.quantile(curve, HIGH, axis=0).tolist() if has_spread else None,
            }
            for (output, _), curve in zip(shown, np.moveaxis(curves, 2, 0), strict=True)
        ],
        **_seen(feature, data.training, places, block[:, places]),
    }


def _values(feature: Feature) -> tuple[np.ndarray, list[Any]]:
    """Return the values to predict at, and their names; None means missing."""
    if feature.type == "number":
        low, high = float(feature.min or 0.0), float(feature.max or 0.0)
        values = np.linspace(low, high, POINTS)
        return values, values.tolist()
    missing = [None] if feature.has_missing else []
    if feature.type == "boolean":
        return np.array([0.0, 1.0, *([np.nan] if missing else [])]), [False, True, *missing]
    own = list(feature.categories[:CATEGORIES])
    values = np.array([*own, *feature.rare[:1], *missing], dtype=object)
    return values, [*own, *([OTHER] if feature.rare else []), *missing]


def _curves(
    predictor: Predictor, encoded: np.ndarray, places: list[int], values: np.ndarray, outputs: list[int]
) -> np.ndarray:
    """Predict every row at every value [rows, values, outputs]."""
    rows, columns = encoded.shape
    at_once = max(1, NUMBERS // (rows * columns))
    curves = np.empty((rows, len(values), len(outputs)))
    for start in range(0, len(values), at_once):
        some = values[start : start + at_once]
        table = np.tile(encoded, (len(some), 1))
        table[:, places] = np.repeat(some, rows, axis=0)
        told = _predicted(predictor, table)[:, outputs]
        curves[:, start : start + len(some)] = np.moveaxis(told.reshape(len(some), rows, -1), 0, 1)
    return curves


def _predicted(predictor: Predictor, encoded: np.ndarray) -> np.ndarray:
    if predictor.classes is None:
        return predictor.predict(encoded).astype(float)[:, None]
    return predictor.probabilities(encoded)


def _seen(feature: Feature, training: Portion, places: list[int], values: np.ndarray) -> dict[str, Any]:
    """Describe the training rows: ``deciles`` of a number, ``shares`` of the values of any other feature."""
    seen = training.encoded[:: -(-len(training) // SEEN_ROWS)][:, places]
    if feature.type != "number":
        counts = Counter(map(tuple, seen.tolist()))
        return {"deciles": None, "shares": [counts[tuple(row)] / len(seen) for row in values.tolist()]}
    present = seen[seen[:, 1] == 0, 0] if feature.has_missing else seen[:, 0]
    return {"deciles": np.quantile(present, np.linspace(0, 1, 11)).tolist(), "shares": None}
