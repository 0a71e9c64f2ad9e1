"""The loss of a network on rows that were left out of its fit, where validation rows are few."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from kan_engine.compact.curves import Curves
from kan_engine.compact.fit import fit_curves
from kan_engine.compact.losses import loss_per_row
from kan_engine.compact.problem import Problem
from kan_engine.compact.thresholds import CompactThresholds


def cross_validate(
    problem: Problem,
    observations: Problem,
    curves: Curves,
    folds: Int[np.ndarray, " rows"],
    thresholds: CompactThresholds,
    *,
    fold_steps: int = 5,
) -> float:
    """Return the mean loss of curves that are refitted without each fold.

    Args:
        problem: Rows to fit: the observed ones, and then the guarding ones.
        observations: The observed rows with the targets that were observed.
        curves: Fitted to all rows.
        folds: Fold of every row.
        thresholds: Decision numbers.
        fold_steps: Of the fit without one fold.
    """
    losses, guard = np.zeros(len(observations)), np.arange(len(observations), len(problem))
    for number in np.unique(folds):
        outside = np.flatnonzero(folds == number)
        # Guarding rows belong to no fold and stay in every fit
        inside = problem.select(np.r_[np.flatnonzero(folds != number), guard])
        fold_curves = fit_curves(inside, curves, fold_steps, thresholds).curves
        holdout = observations.select(outside)
        losses[outside] = loss_per_row(holdout.loss, holdout.outputs(fold_curves), holdout.targets)
    return float(losses @ observations.weights / observations.weights.sum())
