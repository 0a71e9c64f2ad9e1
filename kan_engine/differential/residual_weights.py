"""Relative weights of equations and conditions in the least-squares system.

An equation is divided by its sensitivity to functions that vary over the domain. A condition on a part of the
boundary has G^(m - c - 1/2) times the weight of an equation of order m, where c is the order of the
derivative in the condition. In this norm the errors on the boundary and inside are of the same size
(Bramble and Schatz, "Rayleigh-Ritz-Galerkin methods for Dirichlet's problem using subspaces without boundary
conditions", Comm. Pure Appl. Math. 23, 1970).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from jaxtyping import Float

from kan_engine.differential.assembly import (
    Anchor,
    MeasurementBlock,
    ResidualBlock,
    SolverState,
    points_per_interval,
)
from kan_engine.differential.collocation import LeastSquaresSystem
from kan_engine.differential.jets import Jet
from kan_engine.differential.problem import DifferentialProblem, Residual
from kan_engine.differential.thresholds import SolverThresholds
from kan_engine.expressions.nodes import Parameter
from kan_engine.splines.tensor_product import SplineAxis

WORKING_COPIES = 4  # of squares of the bandwidth, and of the rows of an interval, in memory


def build_system(
    problem: DifferentialProblem,
    axes: Sequence[SplineAxis],
    state: SolverState,
    anchors: Sequence[Anchor] = (),
    measurements: Sequence[tuple[int, Float[np.ndarray, "_ _"], Float[np.ndarray, " _"], float]] = (),
    sizes: Sequence[float] | None = None,
    *,
    thresholds: SolverThresholds,
    condition_weight: float = 10.0,
) -> LeastSquaresSystem:
    """Build the least-squares system of a problem on given grids, with weights for the current state.

    Args:
        problem: The equations and conditions.
        axes: The grids.
        state: The current state.
        anchors: Further prescribed values of the unknowns.
        measurements: Unknown, points, values and weight of each set of measurements.
        sizes: Variation of every unknown; 1 by default.
        thresholds: Of the solver.
        condition_weight: Of conditions relative to equations.
    """
    variations = sizes or [1.0] * len(problem.unknowns)
    order = band_order(problem, axes)
    problem, axes, state = problem.permute_axes(order), [axes[a] for a in order], state.permute_axes(order)

    def build_rows(residual: Residual, weight: float, anchor: Anchor | None = None) -> ResidualBlock:
        max_numbers = thresholds.max_chunk_numbers
        block = ResidualBlock(problem, residual, axes, weight, max_chunk_numbers=max_numbers, anchor=anchor)
        return _normalise_weight(block, state, variations)

    def weigh_condition(condition: Residual) -> float:
        return _condition_weight(problem, condition, axes, condition_weight)

    rows: list[ResidualBlock | MeasurementBlock] = [build_rows(entry, 1.0) for entry in problem.equations]
    rows += [build_rows(condition, weigh_condition(condition)) for condition in problem.conditions]
    for anchor in (entry.permute_axes(order) for entry in anchors):
        residual = anchor_residual(anchor, len(axes))
        rows.append(build_rows(residual, weigh_condition(residual), anchor))
    for unknown, points, values, weight in measurements:
        rows.append(MeasurementBlock(axes, points[:, list(order)], unknown, values, weight))
    return LeastSquaresSystem(problem, axes, rows, order, thresholds)


def band_order(problem: DifferentialProblem, axes: Sequence[SplineAxis]) -> tuple[int, ...]:
    """Order of the axes: first the longest one along which no condition couples two places.

    The normal equations are banded along this axis.
    """
    # A condition on two places would widen the band to the whole matrix
    coupled_axes = {axis for c in problem.conditions for axis, places in c.fixed.items() if len(places) > 1}
    free = [axis for axis in range(len(axes)) if axis not in coupled_axes]
    first_axis = max(free, key=lambda axis: axes[axis].terms, default=0)
    return (first_axis, *(axis for axis in range(len(axes)) if axis != first_axis))


def step_multiplications(problem: DifferentialProblem, axes: Sequence[SplineAxis]) -> float:
    """Estimated multiplications of a step, which are mainly those of the elimination."""
    first_axis, *other_axes = (axes[a] for a in band_order(problem, axes))
    block = len(problem.unknowns) * prod(axis.terms for axis in other_axes)
    return float(first_axis.terms * block * ((first_axis.order + 1) * block) ** 2)


def step_bytes(problem: DifferentialProblem, axes: Sequence[SplineAxis]) -> float:
    """Upper estimate of the memory of a step: the band, and one interval of all rows.

    The squares of the bandwidth exceed what a step needs: they also bound the time of a step whose band is
    the whole matrix, which ``step_multiplications`` does not count.
    """
    first_axis, *other_axes = (axes[a] for a in band_order(problem, axes))
    block = len(problem.unknowns) * prod(axis.terms for axis in other_axes)
    is_whole = any(len(c.fixed.get(band_order(problem, axes)[0], ())) > 1 for c in problem.conditions)
    # Bandwidth: the blocks that one interval involves, or all if a condition couples distant ones
    side = block * (first_axis.terms if is_whole else min(first_axis.order + 1, first_axis.terms)) + len(
        problem.coefficients
    )
    points = prod(axis.size * points_per_interval(axis) for axis in other_axes) * points_per_interval(
        first_axis
    )
    local = len(problem.unknowns) * prod(axis.order + 1 for axis in axes)
    rows = (len(problem.equations) + WORKING_COPIES) * points * local
    return 8.0 * (WORKING_COPIES * side**2 + first_axis.terms * block * (side + block) + rows)


def anchor_residual(anchor: Anchor, axes: int) -> Residual:
    """The anchor as a condition."""
    orders = tuple(anchor.order if number == anchor.axis else 0 for number in range(axes))
    at = tuple(anchor.place if number == anchor.axis else None for number in range(axes))
    return Residual(Parameter(0), (Jet(anchor.unknown, orders, at),), {anchor.axis: (anchor.place,)})


def _condition_weight(
    problem: DifferentialProblem, condition: Residual, axes: Sequence[SplineAxis], weight: float
) -> float:
    for axis in condition.fixed:
        order = max(jet.orders[axis] for jet in condition.jets)
        weight *= axes[axis].size ** max(0.5, problem.order(axis) - order - 0.5)
    return weight


def _normalise_weight(rows: ResidualBlock, state: SolverState, sizes: Sequence[float]) -> ResidualBlock:
    """Divide the weight in place by the RMS sensitivity to functions that vary by these sizes."""
    with np.errstate(all="ignore"):
        _, slopes = rows.evaluate(state)
    # Mean square change of the residual if every jet changes by its size over half the domain
    total = np.zeros(rows.shape)
    for number, leaf in enumerate(rows.residual.leaves):
        if isinstance(leaf, Jet):
            rate = np.prod(
                [
                    (2 / (axis.grid[-1] - axis.grid[0])) ** order
                    for axis, order in zip(rows.axes, leaf.orders, strict=True)
                ]
            )
            total = total + np.square(slopes[..., number] * rate * sizes[leaf.unknown])
    scale = float(np.sqrt(np.nanmean(total)))
    rows.weight /= scale if np.isfinite(scale) and scale > 0 else 1.0
    return rows
