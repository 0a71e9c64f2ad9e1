"""Gauss-Newton on the residuals of differential equations, for splines of several variables.

The objective is a sum of mean squares: of the equations over the Gauss points of all cells, of the conditions
over those of the boundary, of the measurements over their rows.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import prod
from operator import itemgetter

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.differential.assembly import FrontLayout, MeasurementBlock, ResidualBlock, SolverState
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.thresholds import SolverThresholds
from kan_engine.numerics.damped_least_squares import Damping, Proposal, take_step
from kan_engine.numerics.frontal_solver import RELATIVE_PIVOT_SHIFT, Front, IndefiniteMatrix
from kan_engine.splines.tensor_product import SplineAxis

Array = np.ndarray


class LeastSquaresSystem:
    """All rows of a problem on given grids.

    Args:
        problem: The problem; the front moves along its first independent variable.
        axes: The grids.
        rows: Equations, conditions, anchors and measurements.
        order: For each axis, its number in the states of the callers.
        thresholds: Of the solver.
    """

    def __init__(
        self,
        problem: DifferentialProblem,
        axes: Sequence[SplineAxis],
        rows: Sequence[ResidualBlock | MeasurementBlock],
        order: Sequence[int],
        thresholds: SolverThresholds,
    ) -> None:
        self.order, self.thresholds = order, thresholds
        self.problem, self.axes, self.rows = problem, tuple(axes), list(rows)
        block = len(problem.unknowns) * prod(axis.terms for axis in axes[1:])
        is_whole = any(row_block.is_tied for row_block in rows)
        stride = axes[0].size if is_whole else max(1, thresholds.min_eliminated_unknowns // block)
        self._layout = FrontLayout(block, stride, min(stride + axes[0].order, axes[0].terms))

    def sum_of_squares(self, state: SolverState) -> float:
        """Sum of the squares of all weighted residuals."""
        return sum(rows.sum_of_squares(state) for rows in self.rows)

    def step(
        self, state: SolverState, damping: float, should_stop: Callable[[], bool] = lambda: False
    ) -> SolverState:
        """Take a Gauss-Newton step.

        Args:
            should_stop: Called before each elimination of a large front.

        Raises:
            NotDefinite: The damping is too weak.
            StepInterrupted: The step was not finished.
        """
        front, blocks = self._assemble_front(state, damping, should_stop)
        flat = front.solve(blocks).numpy()
        count = len(self.problem.coefficients)
        # The front orders unknowns within each basis function of the first axis; coefficients come last
        inner = flat[: len(flat) - count].reshape(self.axes[0].terms, len(self.problem.unknowns), -1)
        shift = inner.transpose(1, 0, 2).reshape(state.spline.coef.shape)
        spline = replace(state.spline, coef=state.spline.coef + shift)
        return SolverState(spline, state.coefficients + flat[len(flat) - count :])

    def variances(self, state: SolverState) -> Float[Array, " coefficients"]:
        """Variances of the coefficients for residuals of variance 1; infinite for undetermined ones.

        The information about the coefficients is half the second derivative of the objective in them, where
        the unknowns minimise the objective for each value of the coefficients. Its inverse is the covariance.
        """
        front, blocks = self._assemble_front(state.permute_axes(self.order), 0.0)
        front.solve(blocks)
        information, diagonal = (tensor.numpy() for tensor in front.border_information())
        # Scaled to a diagonal of 1, so that eigenvalues do not depend on the units of the coefficients
        unit = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        eigenvalues, directions = np.linalg.eigh(information / np.outer(unit, unit))
        shares, is_open = (
            np.square(directions),
            eigenvalues < self.thresholds.undetermined_information * RELATIVE_PIVOT_SHIFT,
        )
        # Covariance without the directions that rounding errors hide; coefficients in these are undetermined
        variances: Array = shares[:, ~is_open] @ (1 / eigenvalues[~is_open]) / unit**2
        variances[shares[:, is_open].sum(1) > self.thresholds.max_undetermined_share] = np.inf
        return variances

    def _assemble_front(
        self, state: SolverState, damping: float, should_stop: Callable[[], bool] = lambda: False
    ) -> tuple[Front, int]:
        """The front after all rows have been added, and its remaining number of blocks."""
        layout, first_axis = self._layout, self.axes[0]
        front = Front(layout.block, layout.width, len(self.problem.coefficients), damping)
        start = 0
        # One interval of all rows at a time: the rows of a whole grid may need more memory than all else.
        in_order = heapq.merge(*(rows.contributions(layout, state) for rows in self.rows), key=itemgetter(0))
        for slab, parts in groupby(in_order, key=itemgetter(0)):
            while slab >= start + layout.stride:
                if len(front.gradient) > self.thresholds.large_front_unknowns and should_stop():
                    raise StepInterrupted
                front.advance(layout.stride)
                start += layout.stride
            for _, squares, slopes, places in parts:
                front.add_squares(squares, slopes, places)
        while first_axis.size > start + layout.stride:
            front.advance(layout.stride)
            start += layout.stride
        return front, first_axis.terms - start


class StepInterrupted(Exception):
    """A step was interrupted by ``should_stop``."""


@dataclass(frozen=True)
class DescentResult:
    """The result of Gauss-Newton steps.

    Attributes:
        state: Unknowns and coefficients after the last step.
        sum_of_squares: The objective.
        moved: Largest change of an unknown in the last step, relative to its size.
        steps: Number of steps.
    """

    state: SolverState
    sum_of_squares: float
    moved: float
    steps: int

    @property
    def objective(self) -> Float[Tensor, " 1"]:
        """The objective of a batch of one problem."""
        return torch.tensor([self.sum_of_squares], dtype=torch.float64)


def descend(
    system: LeastSquaresSystem,
    state: SolverState,
    *,
    steps: int,
    strongest: float | None = None,
    step_tolerance: float = 0.0,
    slight: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> DescentResult:
    """Minimise the objective by Levenberg-Marquardt steps.

    Args:
        system: The rows.
        state: Initial state.
        steps: Maximum number of steps.
        strongest: Largest damping; by default that of the thresholds.
        step_tolerance: Size of a step, relative to the unknowns; a smaller step is the last. The tolerance is
            at least ``min_relative_step``.
        slight: Relative decrease of the objective; a step with less is the last.
        should_stop: Called before and within every step; an interrupted step is discarded.
    """
    limits, start = system.thresholds, state.permute_axes(system.order)
    slight = limits.min_relative_decrease if slight is None else slight
    result = DescentResult(start, system.sum_of_squares(start), np.inf, 0)
    damping = _FreeStepDamping.build(limits, strongest)

    def propose(value: Float[Tensor, " 1"]) -> Proposal[DescentResult]:
        trial = _try_step(system, result, float(value), should_stop)
        return Proposal(trial or result, accepted=torch.tensor([trial is not None]))

    while result.steps < steps and not should_stop():
        step = take_step(result, propose, damping, should_stop)
        if not step.accepted:
            if result.sum_of_squares < limits.rounding_objective:  # the initial state is the solution
                result = replace(result, moved=0.0)
            break
        is_slight = result.sum_of_squares - step.point.sum_of_squares < slight * result.sum_of_squares
        result = step.point
        if result.moved < max(step_tolerance, limits.min_relative_step) or (
            is_slight and damping.is_free and result.sum_of_squares > limits.rounding_objective
        ):
            break
    back = [int(a) for a in np.argsort(system.order)]
    return replace(result, state=result.state.permute_axes(back))


@dataclass(eq=False)
class _FreeStepDamping(Damping):
    """Undamped steps as long as they succeed.

    Attributes:
        first: Damping after an undamped step that failed.
        patience: Consecutive failures of undamped steps, after which none is tried any more.
        failed: Their number.
        is_free: Whether the last step was hardly damped or undamped.
    """

    first: float
    patience: int
    failed: int = 0
    is_free: bool = True

    @staticmethod
    def build(limits: SolverThresholds, strongest: float | None) -> _FreeStepDamping:
        damping = limits.damping if strongest is None else replace(limits.damping, highest=strongest)
        zero = torch.zeros(1, dtype=torch.float64)
        return _FreeStepDamping(damping, zero, limits.first_damping, limits.max_failed_free_steps)

    def update_(self, is_accepted: Bool[Tensor, " 1"], ratio: Float[Tensor, " 1"] | None = None) -> None:  # noqa: ARG002
        """Adapt to a step that was accepted or rejected."""
        value = float(self.value)
        self.is_free = value <= self.first
        if value == 0:
            self.failed = 0 if is_accepted else self.failed + 1
        if not is_accepted:
            value = max(self.first, self.config.increase * value)
        elif self.is_free:
            value = self.first if self.failed >= self.patience else 0.0
        else:
            value *= self.config.decrease
        self.value.fill_(value)


def _try_step(
    system: LeastSquaresSystem, start: DescentResult, damping: float, should_stop: Callable[[], bool]
) -> DescentResult | None:
    """Take a step; None if it does not lower the objective or is interrupted."""
    try:
        state = system.step(start.state, damping, should_stop)
    except (IndefiniteMatrix, StepInterrupted):
        return None
    before, after = start.state.spline, state.spline
    # Largest change relative to the size of each unknown
    change = float((replace(after, coef=after.coef - before.coef).magnitudes() / after.magnitudes()).max())
    result = DescentResult(state, system.sum_of_squares(state), change, start.steps + 1)
    if max(result.sum_of_squares, start.sum_of_squares) < system.thresholds.rounding_objective:
        # Steps must get shorter where the objective is rounding.
        return None if change > start.moved / 2 else result
    return result if result.sum_of_squares < start.sum_of_squares else None
