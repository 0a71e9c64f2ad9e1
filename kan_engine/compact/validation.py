"""The loss of a network on rows that were left out of its fit, where validation rows are few."""

from __future__ import annotations

import numpy as np

from kan_engine.compact.curves import Curves
from kan_engine.compact.fit import fit_curves
from kan_engine.compact.losses import loss_per_row
from kan_engine.compact.rows import RowMaker
from kan_engine.compact.thresholds import CompactThresholds
from kan_engine.data.folds import assign_folds
from kan_engine.data.training_data import TrainingData


def cross_validate(
    maker: RowMaker,
    data: TrainingData,
    curves: Curves,
    is_taught: bool,
    seed: int,
    thresholds: CompactThresholds,
) -> float:
    """Return the mean loss over folds of the training rows, with the curves refitted without each fold."""
    rows = data.training
    folds = assign_folds(rows.y, data.task, seed, thresholds.folds)
    losses = np.zeros(len(rows))
    for number in range(thresholds.folds):
        inside = rows[folds != number]
        problem = maker.make_taught_problem(inside) if is_taught else maker.make_problem(inside)
        fitted = fit_curves(problem, curves, thresholds.fold_steps, thresholds).curves
        outside = maker.make_problem(rows[folds == number])
        losses[folds == number] = loss_per_row(outside.loss, outside.outputs(fitted), outside.targets)
    return float(losses @ rows.weights / rows.weights.sum())
