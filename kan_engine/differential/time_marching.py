"""Solution of initial value problems window by window; later windows do not change earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from kan_engine.differential.assembly import Anchor, SolverState
from kan_engine.differential.collocation import descend
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.residual_weights import build_system, step_bytes
from kan_engine.differential.thresholds import SolverThresholds
from kan_engine.errors import NoSolution
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline


def march(
    problem: DifferentialProblem,
    axes: Sequence[SplineAxis],
    *,
    steps: int,
    thresholds: SolverThresholds,
    should_stop: Callable[[], bool] = lambda: False,
    window_intervals: tuple[int, int, int] = (4, 4, 2),
    max_window_jump_tolerances: tuple[float, float, float] = (0.0, 1e-3, 1e-3),
) -> Iterator[float | SolverState]:
    """Solve an initial value problem along the first axis.

    Args:
        problem: A problem whose conditions on the first axis are all at its start.
        axes: Initial grids; of the first one only the order is used.
        steps: Maximum number of steps in a window, if it is below ``max_window_steps``.
        thresholds: Of the windows.
        should_stop: Once true, the current window is discarded and no further one is solved.
        window_intervals: Of a window along the first axis; in three variables few, since the cost of a window
            grows with the third power of its terms.
        max_window_jump_tolerances: Jumps between windows over the tolerance that are accepted where neither
            shorter windows nor finer grids reduce them.

    Yields:
        The finished share of the first axis, 0 to 1; last the solution, if a window was solved.

    Raises:
        NoSolution: The solution cannot be continued even with the shortest windows.
    """
    low, high = problem.domain[0]
    steps = min(thresholds.max_window_steps, steps)
    jump_tolerance = thresholds.window_jump_tolerances[len(axes) - 1]
    roughest = max_window_jump_tolerances[len(axes) - 1]
    length = (high - low) * thresholds.first_window_share
    windows: list[TensorSpline] = []
    largest = np.zeros(len(problem.unknowns))  # sizes that the unknowns have had so far
    cross_axes, place = _resolve_initial_values(problem, axes, steps, thresholds, should_stop), low
    order, before, noise = axes[0].order, np.inf, 0.0
    shortest = thresholds.rough_window_shares[len(axes) - 1] * (high - low) * (1 + 1e-9)
    while place < high - 1e-12 * (high - low):
        if should_stop():
            break
        if length < thresholds.min_window_share * (high - low):
            name = problem.independent[0]
            raise NoSolution(
                f"the solution cannot be continued beyond {name} = {place:.6g}: it is not smooth there"
                + (f", or at most {steps} steps are too few" if steps < thresholds.max_window_steps else "")
            )
        end = min(place + length, high)
        end = high if high - end < 0.2 * length else end
        window_axis = SplineAxis.uniform(place, end, window_intervals[len(axes) - 1], order)
        spline, is_solved = _solve_window(
            problem,
            (window_axis, *cross_axes),
            windows[-1] if windows else None,
            steps,
            thresholds,
            should_stop,
        )
        if not is_solved and should_stop():
            break
        # Jumps along time and across it, relative to the largest sizes that the unknowns have had
        scale = np.maximum(largest, spline.magnitudes())
        along, *across = (_largest_jump(spline, scale, axis) for axis in range(len(axes)))
        # Shorter windows do not help
        if end - place <= shortest or before / 2 < along < roughest:
            noise = 2 * along
        max_jump = max(jump_tolerance, min(roughest, max([noise, *across])))
        can_refine = is_solved and along < 1e6 * jump_tolerance
        # Finer grids across time come first; the same window is then solved on them
        finer = _refine_cross_axes(spline, scale, thresholds) if can_refine else None
        if finer is not None and step_bytes(problem, (window_axis, *finer)) <= thresholds.max_step_bytes:
            cross_axes = finer
            windows = [part.change_axes((part.axes[0], *cross_axes)) for part in windows]
        elif not is_solved or (along > max_jump and end - place > shortest):
            growth = (
                _growth_factor(along, max_jump, order, thresholds) if is_solved else thresholds.min_growth
            )
            length = (end - place) * min(0.5, growth)
            before = along if is_solved else np.inf
        else:
            windows.append(spline)
            largest = scale
            growth = (
                thresholds.max_growth
                if along <= noise
                else _growth_factor(along, max_jump, order, thresholds)
            )
            length = max((end - place) * growth, shortest)
            place, before, noise = end, np.inf, noise / 2 if along < noise / 4 else noise
            yield (place - low) / (high - low)
    if windows:
        yield SolverState(_join_windows(windows), np.zeros(0))


def _largest_jump(spline: TensorSpline, scale: Float[np.ndarray, " unknowns"], axis: int) -> float:
    return float((spline.resolution_errors(axis).max(1) / scale).max())


def _growth_factor(jump: float, max_jump: float, order: int, thresholds: SolverThresholds) -> float:
    """Factor of the window length; jumps grow with its power k + 1."""
    factor = 0.8 * (max_jump / max(jump, 1e-300)) ** (1 / (order + 1))
    return float(np.clip(factor, thresholds.min_growth, thresholds.max_growth))


def _resolve_initial_values(
    problem: DifferentialProblem,
    axes: Sequence[SplineAxis],
    steps: int,
    thresholds: SolverThresholds,
    should_stop: Callable[[], bool],
) -> tuple[SplineAxis, ...]:
    """Refine the grids along the other axes until they resolve the initial values."""
    while len(axes) > 1 and not should_stop():
        spline = _extend_initial_values(problem, axes, steps, thresholds, should_stop)
        finer = _refine_cross_axes(spline, spline.magnitudes(), thresholds)
        if finer is None or step_bytes(problem, (axes[0], *finer)) > thresholds.max_step_bytes:
            break
        axes = (axes[0], *finer)
    return tuple(axes[1:])


def _solve_window(
    problem: DifferentialProblem,
    axes: Sequence[SplineAxis],
    before: TensorSpline | None,
    steps: int,
    thresholds: SolverThresholds,
    should_stop: Callable[[], bool],
    *,
    max_window_damping: float = 1e-3,
    window_converged_changes: tuple[float, float, float] = (1e-6, 1e-3, 1e-3),
) -> tuple[TensorSpline, bool]:
    """Solve one window; returns the unknowns and whether the steps converged.

    Args:
        max_window_damping: A shorter window is better than a strongly damped step.
        window_converged_changes: Of the unknowns in the last step, relative.
    """
    start = axes[0].grid[0]
    if before is None:
        part, anchors = problem, []
        guess = _extend_initial_values(problem, axes, steps, thresholds, should_stop)
    else:
        part = replace(problem, conditions=tuple(c for c in problem.conditions if 0 not in c.fixed))
        anchors = list(_anchors(problem, before, start))
        places = [axis.interpolation_points() for axis in axes[1:]]
        # The unknowns at the end of the last window, constant in time, start the descent
        values = before.evaluate_grid([np.array([start]), *places])
        guess = TensorSpline.interpolate(axes, np.repeat(values, axes[0].terms, axis=1))
    initial_state = SolverState(guess, np.zeros(0))
    result = descend(
        build_system(part, axes, initial_state, anchors, thresholds=thresholds),
        initial_state,
        steps=steps,
        strongest=max_window_damping,
        step_tolerance=thresholds.window_jump_tolerances[len(axes) - 1],
        slight=thresholds.min_step_decrease,
        should_stop=should_stop,
    )
    return result.state.spline, result.moved < window_converged_changes[len(axes) - 1]


def _extend_initial_values(
    problem: DifferentialProblem,
    axes: Sequence[SplineAxis],
    steps: int,
    thresholds: SolverThresholds,
    should_stop: Callable[[], bool],
) -> TensorSpline:
    """Extend the initial values along the first axis; unknowns without a condition are 0."""
    flat = (SplineAxis(axes[0].grid[[0, -1]], 0), *axes[1:])  # constant along the first axis
    start = SolverState(TensorSpline.zero(flat, len(problem.unknowns)), np.zeros(0))
    value_conditions = tuple(
        c for c in problem.conditions if 0 in c.fixed and not any(jet.orders[0] for jet in c.jets)
    )
    if value_conditions:
        initial = replace(problem, equations=(), conditions=value_conditions)
        # A fit to the initial conditions alone, by splines that do not depend on time
        system = build_system(initial, flat, start, thresholds=thresholds)
        start = descend(system, start, steps=steps, should_stop=should_stop).state
    size = (len(problem.unknowns), *(axis.terms for axis in axes))
    return TensorSpline(tuple(axes), np.broadcast_to(start.spline.coef, size).copy())


def _anchors(problem: DifferentialProblem, before: TensorSpline, place: float) -> Iterator[Anchor]:
    for unknown in range(len(problem.unknowns)):
        for order in range(problem.order(0, unknown)):
            orders = (order, *(0 for _ in before.axes[1:]))

            def values(
                places: Sequence[Float[np.ndarray, " _"]],
                unknown: int = unknown,
                orders: tuple[int, ...] = orders,
            ) -> Float[np.ndarray, "*points"]:
                result: np.ndarray = before.evaluate_grid(places, orders)[unknown]
                return result

            yield Anchor(0, place, unknown, order, values)


def _refine_cross_axes(
    spline: TensorSpline,
    scale: Float[np.ndarray, " unknowns"],
    thresholds: SolverThresholds,
    *,
    max_cross_intervals: int = 192,
    min_split_share: float = 2e-3,
) -> tuple[SplineAxis, ...] | None:
    """Refine the grids along the other axes where this window has jumps; None if none are too large.

    Args:
        max_cross_intervals: Along the other axes.
        min_split_share: Of another axis: intervals that are not wider are not halved.
    """
    jump_tolerance = thresholds.window_jump_tolerances[len(spline.axes) - 1]
    has_changed, finer = False, []
    for number, axis in enumerate(spline.axes[1:], 1):
        # Largest jump of any unknown over each interval, relative to its size
        jumps = (spline.resolution_errors(number) / scale[:, None]).max(0)
        wide = np.diff(axis.grid) > min_split_share * (axis.grid[-1] - axis.grid[0])
        # Without narrow intervals, so that a kink does not prevent refinement elsewhere
        worst = jumps[wide].max(initial=0.0)
        split = (jumps > max(10 * jump_tolerance, 1e-2 * worst)) & wide
        if split.any() and axis.size < max_cross_intervals:
            finer.append(split_axis(axis, split))
            has_changed = True
        else:
            finer.append(axis)
    return tuple(finer) if has_changed else None


def split_axis(axis: SplineAxis, is_split: Bool[np.ndarray, " intervals"]) -> SplineAxis:
    """Halve the chosen intervals."""
    middles = (axis.grid[1:] + axis.grid[:-1]) / 2
    return SplineAxis(np.sort(np.concatenate([axis.grid, middles[is_split]])), axis.order)


def _join_windows(windows: Sequence[TensorSpline]) -> TensorSpline:
    """Join all windows to one spline."""
    last_window = windows[-1]
    grid = np.concatenate([windows[0].axes[0].grid[:1], *(part.axes[0].grid[1:] for part in windows)])
    axes = (SplineAxis(grid, last_window.axes[0].order), *last_window.axes[1:])
    places = [axis.interpolation_points() for axis in axes]
    # Each interpolation point of the joint grid takes its value from the window that contains it
    ends = np.array([part.axes[0].grid[-1] for part in windows])
    owner = np.minimum(np.searchsorted(ends, places[0]), len(windows) - 1)
    values = np.empty((len(last_window.coef), *(axis.terms for axis in axes)))
    for number, window in enumerate(windows):
        mine = owner == number
        if mine.any():
            values[:, mine] = window.evaluate_grid([places[0][mine], *places[1:]])
    return TensorSpline.interpolate(axes, values)
