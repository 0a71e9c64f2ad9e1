"""Partial dependence: how predictions change with one feature while the other features are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

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
    outputs = _curve_outputs(predictor, training, limits.max_classes)
    effects = []
    for feature in features:
        if should_stop():
            break
        if feature.type == "datetime":  # its encoded columns depend on each other
            continue
        effects.append(_feature_dependence(predictor, training, feature, sample, outputs, limits))
    return effects


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
    outputs: list[tuple[str, int]],
    limits: PartialDependenceThresholds,
    *,
    high_quantile: float = 0.9,
) -> PartialDependence:
    """Mean and spread of the predictions over the values of a feature.

    Args:
        high_quantile: Upper quantile of the individual curves that is drawn.
    """
    encoding = predictor.encoding
    places = [place for place, column in enumerate(encoding.names) if column.feature == feature.name]
    values, names = _feature_values(feature, limits)
    # The feature's columns at every value, in the layout of the whole encoded table
    block = np.zeros((len(values), len(encoding.names)))
    encoding.write(block, feature, values)
    columns = [column for _, column in outputs]
    curves = _predict_curves(predictor, sample.x, places, block[:, places], columns, limits.max_batch_values)
    has_spread = len(outputs) == 1
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
                high=np.quantile(curve, high_quantile, axis=0).tolist() if has_spread else None,
            )
            for (output, _), curve in zip(outputs, np.moveaxis(curves, 2, 0), strict=True)
        ],
        deciles=deciles,
        shares=shares,
    )


def _feature_values(
    feature: Feature, limits: PartialDependenceThresholds
) -> tuple[Shaped[np.ndarray, " values"], list[Any]]:
    """Return the values to predict at, and their names; None means missing."""
    if feature.type == "number":
        low, high = float(feature.min or 0.0), float(feature.max or 0.0)
        values = np.linspace(low, high, limits.curve_points)
        return values, values.tolist()
    missing = [None] if feature.has_missing else []
    if feature.type == "boolean":
        return np.array([0.0, 1.0, *([np.nan] if missing else [])]), [False, True, *missing]
    categories = list(feature.categories[: limits.max_categories])
    values = np.array([*categories, *feature.rare[:1], *missing], dtype=object)
    return values, [*categories, *([OTHER_CATEGORIES] if feature.rare else []), *missing]


def _predict_curves(
    predictor: Predictor,
    encoded_rows: Float[np.ndarray, "rows columns"],
    places: list[int],
    values: Float[np.ndarray, "values block"],
    outputs: list[int],
    max_batch_values: int,
) -> Float[np.ndarray, "rows values outputs"]:
    """Predict every row at every value [rows, values, outputs]."""
    rows, columns = encoded_rows.shape
    at_once = max(1, max_batch_values // (rows * columns))
    curves = np.empty((rows, len(values), len(outputs)))
    for start in range(0, len(values), at_once):
        batch = values[start : start + at_once]
        # Every sampled row at every value of the batch, so that one call predicts them all
        table = np.tile(encoded_rows, (len(batch), 1))
        table[:, places] = np.repeat(batch, rows, axis=0)
        predictions = _predict_outputs(predictor, table)[:, outputs]
        curves[:, start : start + len(batch)] = np.moveaxis(predictions.reshape(len(batch), rows, -1), 0, 1)
    return curves


def _predict_outputs(
    predictor: Predictor, encoded_rows: Float[np.ndarray, "rows columns"]
) -> Float[np.ndarray, "rows outputs"]:
    if predictor.classes is None:
        return predictor.predict(encoded_rows).astype(float)[:, None]
    return predictor.probabilities(encoded_rows)


def _feature_distribution(
    feature: Feature,
    training: LabelledRows,
    places: list[int],
    values: Float[np.ndarray, "values block"],
    max_rows: int,
) -> tuple[list[float] | None, list[float] | None]:
    """Deciles of a number in the training rows, or shares of the values of any other feature."""
    # Encoded values identify the categories, as they are the same in training and in the curve
    block = training.x[:: -(-len(training) // max_rows)][:, places]
    if feature.type != "number":
        counts = Counter(map(tuple, block.tolist()))
        return None, [counts[tuple(row)] / len(block) for row in values.tolist()]
    present = block[block[:, 1] == 0, 0] if feature.has_missing else block[:, 0]
    return np.quantile(present, np.linspace(0, 1, 11)).tolist(), None
