"""Partial dependence: how predictions change with one feature while the other features are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kan_engine.assessment.thresholds import DEFAULT_PARTIAL_DEPENDENCE, PartialDependenceThresholds
from kan_engine.data.feature import Feature, FeatureType
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import class_name
from kan_engine.inference.predictor import Predictor

OTHER_CATEGORIES = "other categories"


@dataclass(frozen=True, kw_only=True)
class DependenceCurve:
    """Predictions of one output at the values of a feature.

    Attributes:
        output: Name of the output, or of the class.
        mean: Mean of the predictions.
        low: Their 10 % quantile; None for several curves.
        high: Their 90 % quantile; None for several curves.
    """

    output: str
    mean: list[float]
    low: list[float] | None
    high: list[float] | None


@dataclass(frozen=True, kw_only=True)
class PartialDependence:
    """How predictions change with one feature.

    Attributes:
        name: Name of the feature.
        type: Its type.
        values: Its values; None means missing.
        curves: One per output.
        deciles: Of a number in the training rows.
        shares: Of the values of any other feature in the training rows.
    """

    name: str
    type: FeatureType
    values: list[Any]
    curves: list[DependenceCurve]
    deciles: list[float] | None
    shares: list[float] | None


def compute_partial_dependence(
    predictor: Predictor,
    training: LabelledRows,
    features: Sequence[Feature],
    rows_each: int | None = None,
    *,
    seed: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
    limits: PartialDependenceThresholds = DEFAULT_PARTIAL_DEPENDENCE,
) -> list[PartialDependence]:
    """Compute partial dependence (Friedman 2001, section 8.2) and the spread of the individual curves.

    Each value of a feature, over its range in the training rows, replaces the values of a sample of
    training rows. The quantiles show how far single rows differ from the mean (individual conditional
    expectation, Goldstein et al. 2015). For dependent features this includes combinations that may never
    occur.

    Predictions are in the target's units. For two classes they are the probability of the second class,
    for more the mean probability of each of at most 12 classes.

    Args:
        predictor: The model.
        training: Training rows of the model.
        features: Features to compute, in this order.
        rows_each: Number of rows that may be predicted per feature; None for no limit.
        seed: Seed of the sample of rows.
        should_stop: Once it returns true, the remaining features are left out.
        limits: Decision numbers.
    """
    rows = limits.max_rows
    if rows_each is not None:
        rows = min(rows, max(limits.min_rows, rows_each // limits.curve_points))
    sample = training.sample(rows, seed)
    shown = _curve_outputs(predictor, training, limits.max_classes)
    found = []
    for feature in features:
        if should_stop():
            break
        if feature.type == "datetime":  # its encoded columns depend on each other
            continue
        found.append(_feature_dependence(predictor, training, feature, sample, shown, limits))
    return found


def _curve_outputs(predictor: Predictor, training: LabelledRows, max_classes: int) -> list[tuple[str, int]]:
    """Return the name of every curve, and its column in the result of ``_predict_outputs``."""
    if predictor.classes is None:
        return [(predictor.target, 0)]
    names = [class_name(label) for label in predictor.classes]
    if len(names) == 2:
        return [(names[1], 1)]
    counts = np.bincount(training.classes, minlength=len(names))
    return [(names[c], c) for c in sorted(np.argsort(-counts, kind="stable")[:max_classes].tolist())]


def _feature_dependence(
    predictor: Predictor,
    training: LabelledRows,
    feature: Feature,
    sample: LabelledRows,
    shown: list[tuple[str, int]],
    limits: PartialDependenceThresholds,
) -> PartialDependence:
    encoding = predictor.encoding
    places = [place for place, column in enumerate(encoding.names) if column.feature == feature.name]
    values, names = _feature_values(feature, limits)
    block = np.zeros((len(values), len(encoding.names)))
    encoding.write(block, feature, values)
    columns = [column for _, column in shown]
    curves = _predict_curves(predictor, sample.x, places, block[:, places], columns, limits.max_batch_values)
    has_spread = len(shown) == 1
    deciles, shares = _feature_distribution(
        feature, training, places, block[:, places], limits.max_distribution_rows
    )
    return PartialDependence(
        name=feature.name,
        type=feature.type,
        values=names,
        curves=[
            DependenceCurve(
                output=output,
                mean=curve.mean(0).tolist(),
                low=np.quantile(curve, limits.low_quantile, axis=0).tolist() if has_spread else None,
                high=np.quantile(curve, limits.high_quantile, axis=0).tolist() if has_spread else None,
            )
            for (output, _), curve in zip(shown, np.moveaxis(curves, 2, 0), strict=True)
        ],
        deciles=deciles,
        shares=shares,
    )


def _feature_values(feature: Feature, limits: PartialDependenceThresholds) -> tuple[np.ndarray, list[Any]]:
    """Return the values to predict at, and their names; None means missing."""
    if feature.type == "number":
        low, high = float(feature.min or 0.0), float(feature.max or 0.0)
        values = np.linspace(low, high, limits.curve_points)
        return values, values.tolist()
    missing = [None] if feature.has_missing else []
    if feature.type == "boolean":
        return np.array([0.0, 1.0, *([np.nan] if missing else [])]), [False, True, *missing]
    own = list(feature.categories[: limits.max_categories])
    values = np.array([*own, *feature.rare[:1], *missing], dtype=object)
    return values, [*own, *([OTHER_CATEGORIES] if feature.rare else []), *missing]


def _predict_curves(
    predictor: Predictor,
    encoded: np.ndarray,
    places: list[int],
    values: np.ndarray,
    outputs: list[int],
    max_batch_values: int,
) -> np.ndarray:
    """Predict every row at every value [rows, values, outputs]."""
    rows, columns = encoded.shape
    at_once = max(1, max_batch_values // (rows * columns))
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
    feature: Feature, training: LabelledRows, places: list[int], values: np.ndarray, max_rows: int
) -> tuple[list[float] | None, list[float] | None]:
    """Deciles of a number in the training rows, or shares of the values of any other feature."""
    seen = training.x[:: -(-len(training) // max_rows)][:, places]
    if feature.type != "number":
        counts = Counter(map(tuple, seen.tolist()))
        return None, [counts[tuple(row)] / len(seen) for row in values.tolist()]
    present = seen[seen[:, 1] == 0, 0] if feature.has_missing else seen[:, 0]
    return np.quantile(present, np.linspace(0, 1, 11)).tolist(), None
