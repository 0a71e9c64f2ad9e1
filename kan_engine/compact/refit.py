"""The final fit of the networks that were found: to all training rows, with more functions per curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from kan_engine.compact.conversion import build_network
from kan_engine.compact.curves import Curves
from kan_engine.compact.fit import curvature_of, fit_curves
from kan_engine.compact.path import CompactNetwork
from kan_engine.compact.problem import Problem
from kan_engine.compact.rows import RowMaker
from kan_engine.compact.thresholds import CompactThresholds
from kan_engine.compact.validation import cross_validate
from kan_engine.data.folds import assign_folds
from kan_engine.data.labelled_rows import LabelledRows


def refit_networks(
    maker: RowMaker,
    candidates: Mapping[int, tuple[float, Curves]],
    judges: LabelledRows,
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool],
    *,
    is_taught: bool,
    refit_rows: int = 10_000,
) -> tuple[CompactNetwork, ...]:
    """Return the networks, fitted to all training rows.

    Args:
        maker: Of problems with all functions of the final fit.
        candidates: Loss on the validation rows, and curves, by number of curves.
        judges: The validation rows.
        thresholds: Decision numbers.
        should_stop: Once it returns true, the networks are returned as they were found.
        is_taught: Whether the targets are partly the teacher's.
        refit_rows: Rows of the final fit.
    """
    data = maker.data
    rows = data.training.sample(thresholds.count_rows(refit_rows, data.output_count), maker.seed)
    # Targets of the teacher may help the fit, but losses count on observed targets alone
    observations, validation = maker.make_problem(rows), maker.make_problem(judges)
    problem = maker.make_taught_problem(rows) if is_taught else observations
    problem = problem.append(maker.make_guard(rows))
    folds = assign_folds(rows.y, data.task, maker.seed, thresholds.folds)
    networks = []
    for count, (loss, curves) in candidates.items():
        refit = _refit_curves(problem, _pad_curves(problem, curves), validation, thresholds, should_stop)
        # With few rows the validation loss is too noisy to compare sizes, and cross-validation is cheap
        if len(rows) <= thresholds.max_cross_validated_rows and not should_stop():
            expected_loss = cross_validate(problem, observations, refit, folds, thresholds)
        else:
            expected_loss = loss
        network = build_network(refit, maker.bases, maker.node_basis, data.rows.x.shape[1])
        networks.append(CompactNetwork(network=network, curve_count=count, loss=expected_loss))
    return tuple(networks)


def _pad_curves(problem: Problem, curves: Curves) -> Curves:
    """The same network with a coefficient of every function of a problem, the new ones 0."""
    by_edge = {}
    for edge, curve in curves.by_edge.items():
        missing = len(curvature_of(problem, edge)) - len(curve.coefficients)
        by_edge[edge] = replace(curve, coefficients=np.pad(curve.coefficients, (0, missing)))
    return curves.add(by_edge)


def _refit_curves(
    problem: Problem,
    curves: Curves,
    validation: Problem,
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool],
    *,
    max_refit_ratio: float = 1.02,
) -> Curves:
    """Fit curves to all training rows, unless they then fit the validation rows among these worse.

    The evidence sometimes removes a curve that mattered, since it knows only the neighbourhood of a fit.

    Args:
        max_refit_ratio: Of the losses on the validation rows after and before that; else it is dropped.
    """
    refit = fit_curves(problem, curves, thresholds.refit_steps, thresholds, should_stop).curves
    limit = validation.mean_loss(curves) * max_refit_ratio
    return refit if validation.mean_loss(refit) <= limit else curves
