"""How predictions change with one feature, while the others stay as they are in rows of the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kan_engine import Feature, Predictor
from kan_engine.data.labels import class_name
from worker.data.preparation import Portion, Prepared

POINTS = 41  # of the range of a number
CATEGORIES = 30
ROWS, FEWEST_ROWS = 500, 30
CLASSES = 12  # with a curve of their own, the most frequent
SEEN_ROWS = 100_000  # that tell where the rows lie: every n-th of more
NUMBERS = 2_000_000  # of encoded rows at once, so that memory does not grow with the columns
LOW, HIGH = 0.1, 0.9
OTHER = "other categories"


def effects_of(
    predictor: Predictor,
    data: Prepared,
    features: Sequence[Feature],
    rows_each: int,
    should_stop: Callable[[], bool],
) -> list[dict[str, Any]]:
    """Partial dependence (Friedman 2001, section 8.2) with the spread of the curves behind it.

    For every value of a feature, over the range that training saw, all of a sample of training rows are
    predicted with this value in place of theirs. ``mean`` is the mean of these predictions; ``low`` and
    ``high`` are the 10 % and 90 % quantiles, which show how far single rows differ from it (individual
    conditional expectation, Goldstein et al. 2015). Features that depend on each other are combined here
    as they may never occur.

    Predictions are in the target's units; of two classes, the probability of the second; of more, the mean
    probability of each, of at most 12 classes.

    Args:
        predictor: The model.
        data: Where the rows come from.
        features: Those to look at, in this order.
        rows_each: How many rows may be predicted for each of them.
        should_stop: Once true, the features that are left are left out.
    """
    rows = min(ROWS, max(FEWEST_ROWS, rows_each // POINTS))
    sample = data.training.sample(rows, data.plan.request.seed)
    shown = _shown_outputs(predictor, data)
    found = []
    for feature in features:
        if should_stop():
            break
        if feature.type == "datetime":  # its parts change together, and only time goes on along it
            continue
        found.append(_effect(predictor, data, feature, sample, shown))
    return found


def _shown_outputs(predictor: Predictor, data: Prepared) -> list[tuple[str, int]]:
    """Name of every curve, and its column of what ``_predicted`` gives."""
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
    """Values to try, and what they are called; None is missing."""
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
    """Predictions of every row at every value [rows, values, outputs]."""
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
    """Where the training rows lie: ``deciles`` of a number, the share of rows with each other value."""
    seen = training.encoded[:: -(-len(training) // SEEN_ROWS)][:, places]
    if feature.type != "number":
        counts = Counter(map(tuple, seen.tolist()))
        return {"deciles": None, "shares": [counts[tuple(row)] / len(seen) for row in values.tolist()]}
    present = seen[seen[:, 1] == 0, 0] if feature.has_missing else seen[:, 0]
    return {"deciles": np.quantile(present, np.linspace(0, 1, 11)).tolist(), "shares": None}
