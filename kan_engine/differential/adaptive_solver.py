"""Solution of differential equations on adaptive grids, by Gauss-Newton steps on the residuals.

Every unknown is a spline of the independent variables. Its exact derivatives enter the equations at Gauss
points of every cell. Linear equations take one step. Nonlinear initial value problems are solved window by
window (``time_marching.py``), then all windows together, unless an unknown has no derivative in time. Linear
ones are solved by windows if the grid of the whole stays too coarse, since a finer one would cost too much.
Intervals are halved where the highest derivatives of the splines jump, until the jumps or the changes are
small enough.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from jaxtyping import Float

from kan_engine.differential.assembly import SolverState
from kan_engine.differential.characteristics import outflow_conditions
from kan_engine.differential.collocation import DescentResult, descend
from kan_engine.differential.problem import (
    DifferentialProblem,
    has_constrained_unknown,
    is_initial,
    is_linear,
)
from kan_engine.differential.residual_weights import build_system, step_bytes, step_multiplications
from kan_engine.differential.solution import Solution, check_inflow, check_outflow, largest_violation
from kan_engine.differential.thresholds import DEFAULT_SOLVER, SolverThresholds
from kan_engine.differential.time_marching import march, split_axis
from kan_engine.errors import NoSolution
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline


@dataclass(frozen=True)
class SolverProgress:
    """Progress of a solver.

    Attributes:
        fraction: Estimated share of the work that is done, 0 to 1.
        solution: The best solution so far; None before the first one, and while windows are solved.
    """

    fraction: float
    solution: Solution | None = None


def solve_adaptively(
    problem: DifferentialProblem,
    *,
    grid: int | None = None,
    order: int | None = None,
    steps: int | None = None,
    thresholds: SolverThresholds = DEFAULT_SOLVER,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[SolverProgress]:
    """Solve a problem.

    Args:
        problem: A result of ``parse_problem``.
        grid: Number of equal intervals along every axis, without refinement; None adapts the grids.
        order: Order of the splines; None chooses a high one.
        steps: Limit of Gauss-Newton steps on one grid and in one window; None for the default.
        thresholds: When a grid is fine enough, a step the last, and a solution good.
        should_stop: Called between steps; once true, the current progress is the last. After interrupted time
            marching, the domain of the solution ends where marching stopped.

    Yields:
        Progress; the last one has the solution, if one was found before the stop.

    Raises:
        NoSolution: The solution of an initial value problem cannot be continued, is not determined, or
            contradicts a condition at an end that all characteristics leave.
    """
    solution = None
    if leaving := outflow_conditions(problem):
        solution = yield from _solve_without(leaving, problem, grid, order, steps, thresholds, should_stop)
    if solution is None:
        for progress in _refine_adaptively(problem, grid, order, steps, thresholds, should_stop):
            solution = progress.solution
            yield progress
        if solution is not None:
            check_inflow(solution)


def _solve_without(
    leaving: Mapping[int, tuple[int, float]],
    problem: DifferentialProblem,
    grid: int | None,
    order: int | None,
    steps: int | None,
    thresholds: SolverThresholds,
    should_stop: Callable[[], bool],
) -> Generator[SolverProgress, None, Solution | None]:
    """Solve a problem without the conditions that the initial values make unnecessary, and check these.

    Contradictory conditions would make a thin layer, in which no window of time marching is short enough.

    Returns:
        The solution; None if it is not determined without these conditions, since the speeds change.
    """
    needed_conditions = tuple(c for number, c in enumerate(problem.conditions) if number not in leaving)
    reduced_problem, solution = replace(problem, conditions=needed_conditions), None
    try:
        for progress in _refine_adaptively(reduced_problem, grid, order, steps, thresholds, should_stop):
            if (solution := progress.solution) is not None:
                solution = replace(solution, problem=replace(solution.problem, conditions=problem.conditions))
            yield replace(progress, solution=solution)
        if solution is not None:
            check_inflow(replace(solution, problem=replace(solution.problem, conditions=needed_conditions)))
    except NoSolution:
        return None
    if solution is not None:
        check_outflow(solution, leaving)
    return solution


def _refine_adaptively(  # noqa: PLR0912 - the order of its steps is the method
    problem: DifferentialProblem,
    grid: int | None,
    order: int | None,
    steps: int | None,
    thresholds: SolverThresholds,
    should_stop: Callable[[], bool],
    *,
    step_tolerance_share: float = 1e-3,
    stall_ratio: float = 0.5,
    min_marching_gain: float = 10.0,
) -> Iterator[SolverProgress]:
    """Solve on finer and finer grids.

    Args:
        step_tolerance_share: Of the largest jump: smaller steps are below the error of the grid and end the
            descent.
        stall_ratio: Of the relative changes between grids, this and the one before: above it, and below
            ``change_tolerance``, the search ends.
        min_marching_gain: Linear problems are solved by windows, too, if the jumps of the whole exceed the
            tolerance of windows by this factor. A peak that moves in two dimensions is then right to 3e-6, on
            the finest grid of the whole to 5e-4.
    """
    permuted_problem, axes_order = _put_time_first(problem)
    steps = steps or thresholds.max_steps
    jump_tolerance = thresholds.jump_tolerances[len(problem.independent) - 1]
    axes = _initial_axes(permuted_problem, grid, order, thresholds)
    state, solution, fraction = _constant_state(permuted_problem, axes, 0.0), None, 0.0
    can_march = (
        is_initial(permuted_problem, 0) and grid is None and not has_constrained_unknown(permuted_problem)
    )
    if not (linear := is_linear(permuted_problem)):
        if can_march:
            for outcome in march(
                permuted_problem, axes, steps=steps, thresholds=thresholds, should_stop=should_stop
            ):
                if isinstance(outcome, SolverState):
                    state, fraction = outcome, thresholds.marching_work_share
                    permuted_problem = _truncate_domain(permuted_problem, outcome)
                    result = DescentResult(outcome, np.inf, 0.0, 1)
                    solution = _build_solution(
                        permuted_problem, result, axes_order, np.inf, linear, thresholds
                    )
                else:
                    yield SolverProgress(thresholds.marching_work_share * outcome)
        else:
            start = _select_start(permuted_problem, axes, steps, thresholds, should_stop)
            if start is not None:
                state = start.state
                solution = _build_solution(permuted_problem, start, axes_order, np.inf, linear, thresholds)
    # Both solutions of an initial value problem, by windows and of the whole, show each other's error.
    before = state.spline if fraction else None
    change, worst = np.inf, _largest_jump(relative_jumps(state.spline))
    for level in range(thresholds.max_grid_levels):
        if (
            solution is not None
            and step_bytes(permuted_problem, state.spline.axes) > thresholds.max_step_bytes
        ):
            yield SolverProgress(1.0, solution)
            return
        result = descend(
            build_system(permuted_problem, state.spline.axes, state, thresholds=thresholds),
            state,
            steps=steps,
            step_tolerance=step_tolerance_share * worst,
            slight=thresholds.min_step_decrease,
            should_stop=should_stop,
        )
        if not result.steps and should_stop():
            if solution is not None:
                yield SolverProgress(1.0, solution)
            return
        state = result.state
        previous_change, change = change, relative_change(before, state.spline)
        # Jumps of the highest derivatives and the change since the last grid decide whether this grid is fine
        # enough
        jumps = relative_jumps(state.spline)
        worst = _largest_jump(jumps)
        is_done = (
            grid is not None
            or should_stop()
            or worst < jump_tolerance
            or (change < thresholds.change_tolerance and change > stall_ratio * previous_change)
        )
        finer = None if is_done else refine_axes(permuted_problem, state.spline.axes, jumps, thresholds)
        is_rough = worst > min_marching_gain * thresholds.window_jump_tolerances[len(axes) - 1]
        is_marching = linear and can_march and finer is None and not is_done and is_rough
        levels = thresholds.max_grid_levels
        fraction = (
            1.0 if finer is None and not is_marching else fraction + (1 - fraction) * (level + 1) / levels
        )
        solution = _build_solution(permuted_problem, result, axes_order, change, linear, thresholds)
        yield SolverProgress(fraction, solution)
        if finer is None:
            if is_marching:
                yield from _march_on_finer_grids(
                    permuted_problem,
                    axes,
                    axes_order,
                    SolverProgress(fraction, solution),
                    worst,
                    steps,
                    thresholds,
                    should_stop,
                )
            return
        before, state = state.spline, replace(state, spline=state.spline.change_axes(finer))


def _march_on_finer_grids(
    problem: DifferentialProblem,
    axes: Sequence[SplineAxis],
    order: Sequence[int],
    progress: SolverProgress,
    jump: float,
    steps: int,
    thresholds: SolverThresholds,
    should_stop: Callable[[], bool],
) -> Iterator[SolverProgress]:
    """Solve a linear initial value problem window by window, where a finer grid of the whole costs too much.

    Args:
        problem, axes: The problem with its time axis first, and its initial grids.
        order: Original number of every axis.
        progress: The solution of the whole.
        jump: Its largest jump; the solution by windows is better if it has a smaller one.
        steps, thresholds, should_stop: As for ``solve_adaptively``.
    """
    state = None
    try:
        for outcome in march(problem, axes, steps=steps, thresholds=thresholds, should_stop=should_stop):
            if isinstance(outcome, SolverState):
                state = outcome
            else:
                yield SolverProgress(progress.fraction + (1 - progress.fraction) * outcome)
    except NoSolution:
        state = None
    solution = progress.solution
    # The windows replace the whole only if they cover the domain and have smaller jumps
    if state is not None and state.spline.axes[0].grid[-1] == problem.domain[0][1]:
        jumps = _largest_jump(relative_jumps(state.spline))
        if jumps < jump:
            solution = Solution.from_state(problem, state, order, jumps, thresholds)
    assert solution is not None  # noqa: S101 - the whole has been solved
    yield SolverProgress(1.0, solution)


def initial_grid_cost(
    problem: DifferentialProblem,
    grid: int | None = None,
    order: int | None = None,
    thresholds: SolverThresholds = DEFAULT_SOLVER,
) -> tuple[int, int]:
    """Number of coefficients, and memory of a step in bytes, on the initial grid."""
    permuted_problem, _ = _put_time_first(problem)
    axes = _initial_axes(permuted_problem, grid, order, thresholds)
    return len(problem.unknowns) * prod(axis.terms for axis in axes), int(step_bytes(permuted_problem, axes))


def _initial_axes(
    problem: DifferentialProblem, grid: int | None, order: int | None, thresholds: SolverThresholds
) -> tuple[SplineAxis, ...]:
    size = grid or thresholds.initial_grid_sizes[len(problem.independent) - 1]
    k = order or spline_order(problem, thresholds)
    return tuple(SplineAxis.uniform(low, high, size, k) for low, high in problem.domain)


def _build_solution(
    problem: DifferentialProblem,
    result: DescentResult,
    order: Sequence[int],
    change: float,
    linear: bool,
    thresholds: SolverThresholds,
) -> Solution:
    """Build the solution and estimate its error.

    The error is the change by the last refinement, or the largest jump if there was none. For nonlinear
    equations it is at least the square of the last step, which Newton's method leaves as its error.
    """
    jumps = _largest_jump(relative_jumps(result.state.spline))
    error = max(change if np.isfinite(change) else jumps, 0.0 if linear else result.moved**2)
    return Solution.from_state(problem, result.state, order, error, thresholds)


def spline_order(
    problem: DifferentialProblem,
    thresholds: SolverThresholds,
    *,
    default_orders: tuple[int, int, int] = (7, 7, 5),
) -> int:
    """Default order of the splines, well above the order of the equations.

    Args:
        default_orders: Of the splines.
    """
    count = len(problem.independent)
    highest = max(problem.order(axis) for axis in range(count))
    return max(default_orders[count - 1], thresholds.spare_orders + highest)


def _put_time_first(problem: DifferentialProblem) -> tuple[DifferentialProblem, tuple[int, ...]]:
    """The problem with its time axis first, if it has one, and the original number of every axis."""
    axes = range(len(problem.independent))
    time = next((axis for axis in axes if is_initial(problem, axis)), 0)
    order = (time, *(axis for axis in axes if axis != time))
    return problem.permute_axes(order), order


def _truncate_domain(problem: DifferentialProblem, state: SolverState) -> DifferentialProblem:
    """The problem on the part of the first axis that the state covers."""
    low, high = (float(state.spline.axes[0].grid[end]) for end in (0, -1))
    return replace(problem, domain=((low, high), *problem.domain[1:]))


def _constant_state(problem: DifferentialProblem, axes: Sequence[SplineAxis], value: float) -> SolverState:
    # The basis sums to 1, so equal coefficients make a constant
    spline = TensorSpline.zero(axes, len(problem.unknowns))
    return SolverState(replace(spline, coef=spline.coef + value), np.zeros(len(problem.coefficients)))


def _select_start(
    problem: DifferentialProblem,
    axes: Sequence[SplineAxis],
    steps: int,
    thresholds: SolverThresholds,
    should_stop: Callable[[], bool],
    *,
    start_constants: tuple[float, ...] = (0.0, 1.0, -1.0),
    converged_change: float = 1e-6,
    solved_violation: float = 1e-3,
) -> DescentResult | None:
    """The best result from ``start_constants`` on the initial grid; None if no step was taken.

    Args:
        start_constants: Initial values of nonlinear problems that are not solved by time marching.
        converged_change: Largest change in the last step of a solution from such a start.
        solved_violation: Its largest relative violation.
    """
    best, min_violation = None, np.inf
    for value in start_constants:
        start = _constant_state(problem, axes, value)
        system = build_system(problem, axes, start, thresholds=thresholds)
        result = descend(system, start, steps=steps, should_stop=should_stop)
        if not result.steps and should_stop():
            break
        solution = Solution.from_state(problem, result.state, range(len(axes)), np.inf, thresholds)
        # Descents from different constants may end at different solutions; the violation compares them
        violation = largest_violation(solution.violations)
        if best is None or violation < min_violation:
            best, min_violation = result, violation
        if result.moved < converged_change and violation < solved_violation:
            break
    return best


def relative_jumps(spline: TensorSpline) -> list[Float[np.ndarray, " _"]]:
    """The jumps at the knots along every axis, relative to the largest values of the unknowns."""
    sizes = spline.magnitudes()[:, None]
    return [(spline.resolution_errors(axis) / sizes).max(0) for axis in range(len(spline.axes))]


def _largest_jump(jumps: Sequence[Float[np.ndarray, " _"]]) -> float:
    return max(float(jump.max()) for jump in jumps)


def relative_change(before: TensorSpline | None, after: TensorSpline) -> float:
    """The largest change of an unknown, relative to its size; infinite without a spline before."""
    if before is None:
        return np.inf
    places = [axis.interpolation_points() for axis in after.axes]
    # Largest change of each unknown over the interpolation points of the finer grid
    difference = (
        np.abs(after.evaluate_grid(places) - before.evaluate_grid(places)).reshape(len(after.coef), -1).max(1)
    )
    return float((difference / after.magnitudes()).max())


def refine_axes(
    problem: DifferentialProblem,
    axes: Sequence[SplineAxis],
    jumps: Sequence[Float[np.ndarray, " _"]],
    thresholds: SolverThresholds,
) -> tuple[SplineAxis, ...] | None:
    """Halve the intervals whose jumps are too large; only the worst ones if all would cost too much.

    None if no jump is too large, or if any refinement would cost too much.
    """
    worst, jump_tolerance = _largest_jump(jumps), thresholds.jump_tolerances[len(axes) - 1]
    if worst < jump_tolerance:
        return None
    # All intervals above the tolerance; if that costs too much, only those near the worst one
    for share in thresholds.split_shares:
        limit = max(jump_tolerance, share * worst)
        finer = tuple(
            split_axis(axis, jump > limit) if (jump > limit).any() else axis
            for axis, jump in zip(axes, jumps, strict=True)
        )
        if (
            step_multiplications(problem, finer) <= thresholds.max_step_multiplications
            and step_bytes(problem, finer) <= thresholds.max_step_bytes
        ):
            return finer
    return None
