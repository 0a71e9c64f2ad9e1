"""The sources that can explain something, of many."""

from __future__ import annotations

import numpy as np

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
    most = max(1, min(thresholds.max_sources, thresholds.max_start_curves // problem.targets.shape[1]))
    if count <= most:
        return list(range(count))
    start = np.zeros((1, problem.targets.shape[1]))
    left = problem.targets - (link(problem.loss, start) if problem.loss != "squared" else start)
    share = (problem.weights / problem.weights.sum())[:, None]
    left = left - (share * left).sum(0)
    hats = [_make_smoother(features, share, thresholds) for features in problem.features]
    kept: list[int] = []
    while len(kept) < most:
        gains = [
            -np.inf if s in kept else _gain(problem.features[s], hat, left, share)
            for s, hat in enumerate(hats)
        ]
        kept.append(int(np.argmax(gains)))
        for s in kept[::-1]:
            left = left - problem.features[s] @ (hats[s] @ left)
    for group in problem.required:
        if group.isdisjoint(kept):
            kept.append(min(group))
    return sorted(kept)


def _make_smoother(features: Array, share: Array, thresholds: CompactThresholds) -> Array:
    """Matrix from residuals to coefficients of a curve."""
    weighted = (features * share).T
    gram = weighted @ features
    solved: Array = np.linalg.solve(gram + thresholds.screening_ridge * np.eye(len(gram)), weighted)
    return solved


def _gain(features: Array, hat: Array, left: Array, share: Array) -> float:
    """Decrease of the mean square, less what as many random functions explain."""
    after = left - features @ (hat @ left)
    total = float((share * left**2).sum())
    fall = total - float((share * after**2).sum())
    return float(fall - total * features.shape[1] / len(left))


def rank_sources(fit: Fit) -> list[int]:
    """Return the sources of an additive network, that with the largest variance first."""
    size: dict[int, float] = {}
    for edge, curve in fit.curves.by_edge.items():
        if edge.layer == "direct":
            size[edge.start] = size.get(edge.start, 0.0) + float(np.square(curve.coefficients).sum())
    return sorted(size, key=lambda s: (-size[s], s))
