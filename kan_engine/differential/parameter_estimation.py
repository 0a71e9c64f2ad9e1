"""Estimation of coefficients of differential equations from measurements of their solution.

The unknown functions and the coefficients are fitted together: the functions approximate the measurements
subject to the equations and conditions. At first the measurements have larger weights than the equations, so
that the functions fit them before the coefficients are accurate. Then the weights decrease while the grids
become finer, until the equations hold regardless of the measurements (Ramsay et al., "Parameter estimation
for differential equations: a generalized smoothing approach", J. R. Statist. Soc. B 69, 2007). The weight of
an unknown is relative to its variation, so that its unit does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from kan_engine.differential.adaptive_solver import (
    SolverProgress,
    refine_axes,
    relative_change,
    relative_jumps,
    solve_adaptively,
    spline_order,
)
from kan_engine.differential.assembly import SolverState
from kan_engine.differential.collocation import LeastSquaresSystem, descend
from kan_engine.differential.jets import Jet, compact
from kan_engine.differential.problem import DifferentialProblem, Residual
from kan_engine.differential.residual_weights import build_system
from kan_engine.differential.solution import Estimate, Solution
from kan_engine.differential.thresholds import DEFAULT_SOLVER, SolverThresholds
from kan_engine.errors import NoSolution
from kan_engine.expressions.nodes import Expression, Parameter, number, substitute
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline

Array = np.ndarray


@dataclass(frozen=True)
class Measurements:
    """Measured values of one unknown.

    Attributes:
        points: Points of the measurements, [rows, independent variables].
        values: Measured values.
    """

    points: Float[Array, "rows axes"]
    values: Float[Array, " rows"]


def estimate(
    problem: DifferentialProblem,
    measurements: Mapping[int, Measurements],
    starts: Sequence[float],
    *,
    order: int | None = None,
    steps: int | None = None,
    thresholds: SolverThresholds = DEFAULT_SOLVER,
    should_stop: Callable[[], bool] = lambda: False,
    final_weight: float = 1e-4,
    small_change: float = 1e-2,
) -> Iterator[SolverProgress]:
    """Solve a problem and estimate its coefficients.

    Args:
        problem: A problem with coefficients.
        measurements: Measurements by index of the unknown.
        starts: Initial values of the coefficients.
        order: Order of the splines; None chooses a high one.
        steps: Maximum number of steps of one descent; None for the default.
        thresholds: When a grid is fine enough, and the weights of the measurements.
        should_stop: Called between steps.
        final_weight: In the last fit, after which the equations hold.
        small_change: Between grids, relative to the unknowns.

    Yields:
        Progress; the last one has the solution.
    """
    data = _MeasuredProblem(problem, measurements, steps or thresholds.max_steps, thresholds)
    count = len(problem.independent)
    size = max(thresholds.initial_grid_sizes[count - 1], 16 if count == 1 else 8)
    k = order or spline_order(problem, thresholds)
    axes = tuple(SplineAxis.uniform(low, high, size, k) for low, high in problem.domain)
    candidates = [_fit_measurements(data, axes, starts, should_stop)]
    yield SolverProgress(0.3)
    candidates += _solve_at_starts(data, starts, should_stop)
    yield SolverProgress(0.6)
    state = min(candidates, key=lambda candidate: data.misfit(candidate, thresholds.start_weights[-1]))
    before, change, (weight, *lower) = None, np.inf, thresholds.refinement_weights
    for level in range(thresholds.max_grid_levels):
        state = data.fit_state(state, weight, should_stop)
        change = relative_change(before, state.spline)
        jumps, finer = relative_jumps(state.spline), None
        if (change > thresholds.change_tolerance or lower) and not should_stop():
            finer = refine_axes(problem, state.spline.axes, jumps, thresholds)
        is_done = should_stop() or (finer is None and not lower)
        if is_done:
            state = data.fit_state(state, final_weight, should_stop)
        # The change by the last refinement estimates the error; without one the jumps do
        error = change if np.isfinite(change) else max(float(jump.max()) for jump in jumps)
        solution = Solution.from_state(problem, state, range(count), error, thresholds)
        solution = replace(solution, estimates=data.estimates(state))
        fraction = 1.0 if is_done else 0.6 + 0.4 * (level + 1) / thresholds.max_grid_levels
        yield SolverProgress(fraction, solution)
        if is_done:
            return
        if lower and (finer is None or change < small_change):
            weight, *lower = lower
        before, state = (
            state.spline,
            replace(state, spline=state.spline.change_axes(finer or state.spline.axes)),
        )


class _MeasuredProblem:
    """A problem with its measurements."""

    def __init__(
        self,
        problem: DifferentialProblem,
        measurements: Mapping[int, Measurements],
        steps: int,
        thresholds: SolverThresholds,
    ) -> None:
        self.problem, self.measured, self.steps, self.thresholds = problem, measurements, steps, thresholds
        self.sizes = {u: _variation(m.values) for u, m in measurements.items()}

    def build_system(self, state: SolverState, weight: float) -> LeastSquaresSystem:
        """The system of all rows, where measurements have this weight."""
        rows = [
            (unknown, series.points, series.values, weight / self.sizes[unknown])
            for unknown, series in self.measured.items()
        ]
        return build_system(
            self.problem,
            state.spline.axes,
            state,
            measurements=rows,
            sizes=self._unknown_sizes(state),
            thresholds=self.thresholds,
        )

    def _unknown_sizes(self, state: SolverState) -> list[float]:
        """Variation of every unknown: of its measurements, or of the current spline if it has none."""
        # Geometric mean of the known variations, for unknowns without measurements
        usual = float(np.exp(np.mean(np.log(list(self.sizes.values())))))
        sizes = (
            state.spline.magnitudes().tolist()
            if state.spline.coef.any()
            else [usual] * len(state.spline.coef)
        )
        return [self.sizes.get(unknown, size) for unknown, size in enumerate(sizes)]

    def fit_state(self, state: SolverState, weight: float, should_stop: Callable[[], bool]) -> SolverState:
        """The state after Gauss-Newton steps."""
        return descend(
            self.build_system(state, weight), state, steps=self.steps, should_stop=should_stop
        ).state

    def misfit(self, state: SolverState, weight: float) -> float:
        """The objective of a state; infinite if it is undefined."""
        system = self.build_system(state, weight)
        value = system.sum_of_squares(state.permute_axes(system.order))
        return value if np.isfinite(value) else np.inf

    def estimates(self, state: SolverState) -> tuple[Estimate, ...]:
        """The coefficients with standard errors from the scatter of the measurements.

        The errors are valid to first order for measurements with equal and independent errors. They are
        infinite if there are no more measurements than free numbers, or if other values of a coefficient fit
        as well.
        """
        # With smaller ones the contribution of the measurements is lost in rounding
        weight = self.thresholds.refinement_weights[-1]
        squares, rows = 0.0, 0
        for unknown, series in self.measured.items():
            difference = state.spline.evaluate_points(series.points)[unknown] - series.values
            # the same weighting by variation and number of rows as in the system
            squares += float(np.sum((difference * weight / self.sizes[unknown]) ** 2)) / len(series.values)
            rows += len(series.values)
        # Variance of the measurements per degree of freedom scales the covariance of unit errors
        free = len(state.coefficients) + self._degrees_of_freedom()
        scatter = squares / (rows - free) if rows > free else np.inf
        variances = self.build_system(state, weight).variances(state)
        is_determined = np.isfinite(variances)
        errors = np.sqrt(np.where(is_determined, np.where(is_determined, variances, 0.0) * scatter, np.inf))
        return tuple(
            Estimate(name, float(value), float(error))
            for name, value, error in zip(self.problem.coefficients, state.coefficients, errors, strict=True)
        )

    def _degrees_of_freedom(self) -> int:
        """Free constants of the solution of ordinary equations that no condition determines."""
        if len(self.problem.independent) > 1:
            return 0
        total_order = sum(self.problem.order(0, unknown) for unknown in range(len(self.problem.unknowns)))
        return max(0, total_order - len(self.problem.conditions))


def _variation(values: Float[Array, " rows"]) -> float:
    """Standard deviation of the values; of constant values their size, or 1 for zeros."""
    return float(np.std(values)) or float(np.abs(values).max()) or 1.0


def _fit_measurements(
    data: _MeasuredProblem,
    axes: Sequence[SplineAxis],
    starts: Sequence[float],
    should_stop: Callable[[], bool],
) -> SolverState:
    state = SolverState(TensorSpline.zero(axes, len(data.problem.unknowns)), np.array(starts, dtype=float))
    for weight in data.thresholds.start_weights:
        state = data.fit_state(state, weight, should_stop)
    return state


def _solve_at_starts(
    data: _MeasuredProblem, starts: Sequence[float], should_stop: Callable[[], bool]
) -> Iterator[SolverState]:
    """Solve with the initial coefficients, then fit to the measurements; needs enough conditions."""
    if data._degrees_of_freedom() or should_stop():
        return
    try:
        *_, progress = solve_adaptively(
            substitute_coefficients(data.problem, starts),
            steps=data.steps,
            thresholds=data.thresholds,
            should_stop=should_stop,
        )
    except NoSolution:
        return
    if progress.solution is not None:
        state = SolverState(progress.solution.spline, np.array(starts, dtype=float))
        yield data.fit_state(state, data.thresholds.refinement_weights[-1], should_stop)


def substitute_coefficients(problem: DifferentialProblem, values: Sequence[float]) -> DifferentialProblem:
    """Replace the coefficients of the problem by numbers."""
    numbers = dict(zip(problem.coefficients, values, strict=True))

    def substitute_residual(residual: Residual) -> Residual:
        places: dict[Expression, Expression] = {
            Parameter(index): number(float(numbers[leaf]))
            for index, leaf in enumerate(residual.leaves)
            if not isinstance(leaf, Jet)
        }
        tree, leaves = compact(substitute(residual.tree, places), residual.leaves)
        return replace(residual, tree=tree, leaves=leaves)

    return replace(
        problem,
        equations=tuple(map(substitute_residual, problem.equations)),
        conditions=tuple(map(substitute_residual, problem.conditions)),
        coefficients=(),
    )
