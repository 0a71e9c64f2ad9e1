"""Gauss-Newton on the residuals of differential equations, for splines of several variables.

The objective is a sum of mean squares: of the equations over the Gauss points of all cells, of the conditions
over those of the boundary, of the measurements over their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.differential.assembly import MeasurementBlock, ResidualBlock, SolverState
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.thresholds import SolverThresholds
from kan_engine.numerics.banded_least_squares import (
    RELATIVE_PIVOT_SHIFT,
    BandedNormalEquations,
    IndefiniteMatrix,
)
from kan_engine.numerics.damped_least_squares import Damping, Proposal, take_step
from kan_engine.splines.tensor_product import SplineAxis

Array = np.ndarray


class LeastSquaresSystem:
    """All rows of a problem on given grids.

    Args:
        problem: The problem; the unknowns are banded along its first independent variable.
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

    def sum_of_squares(self, state: SolverState) -> float:
        """Sum of the squares of all weighted residuals."""
        return sum(rows.sum_of_squares(state) for rows in self.rows)

    def step(
        self, state: SolverState, damping: float, should_stop: Callable[[], bool] = lambda: False
    ) -> SolverState:
        """Take a Gauss-Newton step.

        Args:
            should_stop: Called before each assembly of some rows of a large system.

        Raises:
            IndefiniteMatrix: The damping is too weak.
            StepInterrupted: The step was not finished.
        """
        solution = self._assemble(state, should_stop).solve(damping)
        count = len(self.problem.coefficients)
        # Unknown functions are ordered within each basis function of the first axis
        inner = solution[count:].reshape(self.axes[0].terms, len(self.problem.unknowns), -1)
        shift = inner.transpose(1, 0, 2).reshape(state.spline.coef.shape)
        spline = replace(state.spline, coef=state.spline.coef + shift)
        return SolverState(spline, state.coefficients + solution[:count])

    def variances(
        self,
        state: SolverState,
        *,
        undetermined_information: float = 25.0,
        max_undetermined_share: float = 1e-6,
    ) -> Float[Array, " coefficients"]:
        """Variances of the coefficients for residuals of variance 1; infinite for undetermined ones.

        The information about the coefficients is half the second derivative of the objective in them, where
        the unknowns minimise the objective for each value of the coefficients. Its inverse is the covariance.

        Args:
            undetermined_information: Of a coefficient, relative to the information with all unknowns fixed,
                in roundings; less leaves a direction open.
            max_undetermined_share: Squared share of a coefficient in open directions.
        """
        information, diagonal = self._assemble(state.permute_axes(self.order)).border_information()
        # Scaled to a diagonal of 1, so that eigenvalues do not depend on the units of the coefficients
        unit = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        eigenvalues, directions = np.linalg.eigh(information / np.outer(unit, unit))
        shares, is_open = (
            np.square(directions),
            eigenvalues < undetermined_information * RELATIVE_PIVOT_SHIFT,
        )
        # Covariance without the directions that rounding errors hide; coefficients in these are undetermined
        variances: Array = shares[:, ~is_open] @ (1 / eigenvalues[~is_open]) / unit**2
        variances[shares[:, is_open].sum(1) > max_undetermined_share] = np.inf
        return variances

    def _assemble(
        self,
        state: SolverState,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        max_square_numbers: int = 2**14,
    ) -> BandedNormalEquations:
        """The normal equations of all rows.

        Args:
            max_square_numbers: Of products of rows that are added at a time; more do not fit into the cache.
        """
        first_axis, *other_axes = self.axes
        block = len(self.problem.unknowns) * prod(axis.terms for axis in other_axes)
        # A row involves the k + 1 nonzero basis functions along the first axis, at one place or at two
        is_whole = any(row_block.is_tied for row_block in self.rows)
        blocks = first_axis.terms if is_whole else first_axis.order + 1
        equations = BandedNormalEquations(
            border=len(self.problem.coefficients),
            sequence=block * first_axis.terms,
            bandwidth=block * blocks - 1,
        )
        is_large = equations.bandwidth > self.thresholds.large_bandwidth
        for row_block in self.rows:
            for jacobian, columns in row_block.rows(state):
                chunk = max(1, max_square_numbers // jacobian.shape[-1] ** 2)
                chunks = (torch.split(tensor, chunk) for tensor in (jacobian, columns))
                for rows, places in zip(*chunks, strict=True):
                    if is_large and should_stop():
                        raise StepInterrupted
                    equations.add_squares(rows.transpose(-1, -2) @ rows, places)
        return equations


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
    min_relative_decrease: float = 1e-3,
    min_relative_step: float = 1e-12,
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
        min_relative_decrease: Of the objective, of starts and of estimates of coefficients; smaller ones end
            the descent.
        min_relative_step: Relative to the unknowns; a smaller step is the last.
    """
    limits, start = system.thresholds, state.permute_axes(system.order)
    slight = min_relative_decrease if slight is None else slight
    result = DescentResult(start, system.sum_of_squares(start), np.inf, 0)
    damping = _FreeStepDamping.build(limits, strongest)
    step_tolerance = max(step_tolerance, min_relative_step)

    def propose(value: Float[Tensor, " 1"]) -> Proposal[DescentResult]:
        trial = _try_step(system, result, float(value), step_tolerance, should_stop)
        return Proposal(trial or result, accepted=torch.tensor([trial is not None]))

    while result.steps < steps and not should_stop():
        step = take_step(result, propose, damping, should_stop)
        if not step.accepted:
            if result.sum_of_squares < limits.rounding_objective:  # the initial state is the solution
                result = replace(result, moved=0.0)
            break
        is_slight = result.sum_of_squares - step.point.sum_of_squares < slight * result.sum_of_squares
        result = step.point
        if result.moved < step_tolerance or (
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
    def build(
        limits: SolverThresholds,
        strongest: float | None,
        *,
        first_damping: float = 1e-8,
        max_failed_free_steps: int = 2,
    ) -> _FreeStepDamping:
        """Make the damping of a first step, which has none.

        Args:
            first_damping: Of the step after an undamped one that failed.
            max_failed_free_steps: Consecutive failures of undamped steps, after which none is tried any more.
        """
        damping = limits.damping if strongest is None else replace(limits.damping, highest=strongest)
        zero = torch.zeros(1, dtype=torch.float64)
        return _FreeStepDamping(damping, zero, first_damping, max_failed_free_steps)

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
    system: LeastSquaresSystem,
    start: DescentResult,
    damping: float,
    step_tolerance: float,
    should_stop: Callable[[], bool],
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
    if result.sum_of_squares < start.sum_of_squares:
        return result
    # The start is the minimum if an undamped step is negligible; rounding errors hide its gain
    is_minimum = damping == 0 and change < step_tolerance
    return replace(start, moved=change, steps=result.steps) if is_minimum else None
