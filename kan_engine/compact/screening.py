"""The sources that can explain something, of many."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine.compact.fit import Fit
from kan_engine.compact.losses import link
from kan_engine.compact.problem import Problem
from kan_engine.compact.thresholds import CompactThresholds

Array = np.ndarray


def screen_sources(problem: Problem, thresholds: CompactThresholds) -> list[int]:
    """Return the sources to search with, in order of their numbers.

    Sources are added one by one, that first which explains most of what those before it leave. All curves are
    then refitted to the residual in turn (backfitting, Buja, Hastie and Tibshirani, "Linear smoothers and
    additive models", Annals of Statistics 17, 1989).
    """
    count = len(problem.features)
    max_count = max(1, min(thresholds.max_sources, thresholds.max_start_curves // problem.targets.shape[1]))
    if count <= max_count:
        return list(range(count))
    start = np.zeros((1, problem.targets.shape[1]))
    # Residuals of outputs 0, that is of equally probable classes, less their mean
    residuals = problem.targets - link(problem.loss, start)
    share = (problem.weights / problem.weights.sum())[:, None]
    residuals = residuals - (share * residuals).sum(0)
    # The smoothers do not depend on the residuals: one factorisation serves all rounds
    hats = [_make_smoother(features, share) for features in problem.features]
    sources: list[int] = []
    while len(sources) < max_count:
        gains = [
            -np.inf if s in sources else _gain(problem.features[s], hat, residuals, share)
            for s, hat in enumerate(hats)
        ]
        sources.append(int(np.argmax(gains)))
        # One cycle of backfitting, the newest curve first
        for s in sources[::-1]:
            residuals = residuals - problem.features[s] @ (hats[s] @ residuals)
    for group in problem.required:
        if group.isdisjoint(sources):
            sources.append(min(group))
    return sorted(sources)


def _make_smoother(
    features: Float[Array, "rows terms"], share: Float[Array, "rows 1"], *, screening_ridge: float = 0.02
) -> Float[Array, "terms rows"]:
    """Matrix from residuals to coefficients of a curve.

    Args:
        screening_ridge: Of the curves of the screening, whose functions have variance 1.
    """
    weighted_features = (features * share).T
    gram = weighted_features @ features
    smoother: Array = np.linalg.solve(gram + screening_ridge * np.eye(len(gram)), weighted_features)
    return smoother


def _gain(
    features: Float[Array, "rows terms"],
    hat: Float[Array, "terms rows"],
    residuals: Float[Array, "rows outputs"],
    share: Float[Array, "rows 1"],
) -> float:
    """Decrease of the mean square, less what as many random functions explain."""
    # As many random functions as terms would explain a share terms / rows by chance
    after = residuals - features @ (hat @ residuals)
    total = float((share * residuals**2).sum())
    fall = total - float((share * after**2).sum())
    return float(fall - total * features.shape[1] / len(residuals))


def rank_sources(fit: Fit) -> list[int]:
    """Return the sources of an additive network, that with the largest variance first."""
    size: dict[int, float] = {}
    for edge, curve in fit.curves.by_edge.items():
        if edge.layer == "direct":
            size[edge.start] = size.get(edge.start, 0.0) + float(np.square(curve.coefficients).sum())
    return sorted(size, key=lambda s: (-size[s], s))
