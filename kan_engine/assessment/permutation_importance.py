"""Permutation importance: the rise of the error when the values of a feature are shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.feature import Feature
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.inference.predictor import Predictor


@dataclass(frozen=True, kw_only=True)
class PermutationImportance:
    """Permutation importance of features, the most important first.

    Attributes:
        metric: Name of the error.
        error: The error with all features as they are.
        rows: Number of rows that it is measured on.
        shuffles: Number of shuffles per feature.
        features: Rise of the error per feature.
        left_out: Number of features that were not computed.
    """

    metric: str
    error: float
    rows: int
    shuffles: int
    features: Sequence[FeatureImportance]
    left_out: int


@dataclass(frozen=True, kw_only=True)
class FeatureImportance:
    """Rise of the error when a feature is shuffled: mean and standard deviation over the shuffles."""

    name: str
    mean: float
    std: float


def compute_importance(
    predictor: Predictor,
    part: LabelledRows,
    features: Sequence[Feature],
    rows_each: int,
    *,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    max_rows: int = 2_000,
    min_rows: int = 100,
    shuffles: int = 5,
) -> PermutationImportance:
    """Compute the permutation importance of features (Breiman 2001, section 10).

    The error is the RMSE of a regression in the target's units, or the log loss of a classifier. Unused
    inputs of the network have importance 0 and are not computed. If two features carry the same
    information, both may have an importance near 0.

    Args:
        predictor: The model.
        part: Rows to measure on.
        features: Features to compute; the other features that the network uses are left out.
        rows_each: Number of rows that may be predicted per feature.
        seed: Seed of the sample of rows and of the shuffles.
        should_stop: Once it returns true, the remaining features are left out.
        max_rows: Most rows to measure on.
        min_rows: Fewest such rows, if there are as many.
        shuffles: Shuffles per feature.
    """
    encoding = predictor.encoding
    part = part.sample(min(max_rows, max(min_rows, rows_each // shuffles)), seed)
    # Importance is the rise above the error with all features intact
    usual = _prediction_error(predictor, part.x, part)
    importances = [
        FeatureImportance(name=feature.name, mean=0.0, std=0.0)
        for feature in encoding.features
        if feature.name in predictor.unused
    ]
    for number, feature in enumerate(features):
        if should_stop():
            break
        # A generator for each feature, so that the shuffles of one do not depend on those of another
        random = np.random.default_rng((seed, number))
        places = [place for place, column in enumerate(encoding.names) if column.feature == feature.name]
        rises = [_shuffle_error(predictor, part, places, random) - usual for _ in range(shuffles)]
        importances.append(
            FeatureImportance(name=feature.name, mean=float(np.mean(rises)), std=float(np.std(rises)))
        )
    return PermutationImportance(
        metric="rmse" if predictor.classes is None else "log_loss",
        error=usual,
        rows=len(part),
        shuffles=shuffles,
        features=sorted(importances, key=lambda entry: -np.nan_to_num(entry.mean)),
        left_out=len(encoding.features) - len(importances),
    )


def _shuffle_error(
    predictor: Predictor, part: LabelledRows, columns: list[int], random: np.random.Generator
) -> float:
    x = part.x.copy()
    # One permutation for all columns of a feature, so that a one-hot category remains one
    x[:, columns] = part.x[random.permutation(len(part))][:, columns]
    return _prediction_error(predictor, x, part)


def _prediction_error(
    predictor: Predictor,
    x: Float[np.ndarray, "rows columns"],
    part: LabelledRows,
    *,
    min_probability: float = 1e-15,
) -> float:
    """RMSE, or log loss with probabilities of at least ``min_probability``, as in scikit-learn."""
    if predictor.classes is None:
        return float(np.sqrt(np.mean((predictor.predict(x).astype(float) - part.y) ** 2)))
    probabilities = predictor.probabilities(x)
    # Log loss: minus the mean logarithm of the probability of the true class
    likelihoods = probabilities[np.arange(len(part)), part.classes]
    return float(-np.log(np.clip(likelihoods, min_probability, 1.0)).mean())
