"""Solution of initial value problems window by window; later windows do not change earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from kan_engine.differential.assembly import Anchor, State
from kan_engine.differential.collocation import descend
from kan_engine.differential.problem import Problem
from kan_engine.differential.residual_weights import MOST_BYTES, memory_bytes, system_of
from kan_engine.errors import NoSolution
from kan_engine.splines.tensor_product import Axis, TensorSpline

# Dictionary keys are numbers of axes.
INTERVALS = 4  # along the first axis
FIRST = 1 / 32  # of the whole length
NEWTON = 12
STRONGEST = 1e-3  # a shorter window is better than a strongly damped step
SLIGHT = 5e-2  # relative; a step with less is the last, since small gains near a kink never end
CONVERGED = {1: 1e-6, 2: 1e-3, 3: 1e-3}  # of the unknowns in the last step, relative
RESOLVED = {1: 1e-8, 2: 1e-5, 3: 1e-4}  # relative to the unknowns
LEAST, MOST = 0.25, 2.0  # length of a window relative to the one before
SHORTEST = 1e-7  # of the whole length; a shorter window ends the marching
# Tolerance where neither shorter windows nor finer grids reduce the jumps.
LOOSEST = {1: 0.0, 2: 1e-3, 3: 1e-3}
ROUGH = {1: 1e-7, 2: 1e-3, 3: 1e-2}  # of the whole length; shorter windows are accepted with their jumps
FINEST, NARROWEST = 192, 2e-3  # of the other axes: intervals; relative width of one that is halved


def march(
    problem: Problem,
    axes: Sequence[Axis],
    *,
    steps: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[float | State]:
    """Solve an initial value problem along the first axis.

    Args:
        problem: A problem whose conditions on the first axis are all at its start.
        axes: Initial grids; of the first one only the order is used.
        steps: Maximum number of steps in a window, if it is below ``MAX_WINDOW_STEPS``.
        should_stop: Once true, the current window is discarded and no further one is solved.

    Yields:
        The finished share of the first axis, 0 to 1; last the solution, if a window was solved.

    Raises:
        NoSolution: The solution cannot be continued even with the shortest windows.
    """
    low, high = problem.domain[0]
    resolved, steps = RESOLVED[len(axes)], min(NEWTON, steps)
    length = (high - low) * FIRST
    windows: list[TensorSpline] = []
    largest = np.zeros(len(problem.unknowns))  # sizes that the unknowns have had so far
    others, place = _resolving(problem, axes, resolved, steps, should_stop), low
    order, before, noise = axes[0].order, np.inf, 0.0
    shortest = ROUGH[len(axes)] * (high - low) * (1 + 1e-9)
    while place < high - 1e-12 * (high - low):
        if should_stop():
            break
        if length < SHORTEST * (high - low):
            name = problem.independent[0]
            raise NoSolution(
                f"the solution cannot be continued beyond {name} = {place:.6g}: it is not smooth there"
                + (f", or at most {steps} steps are too few" if steps < NEWTON else "")
            )
        end = min(place + length, high)
        end = high if high - end < 0.2 * length else end
        first = Axis.uniform(place, end, INTERVALS, order)
        spline, is_solved = _window(
            problem, (first, *others), windows[-1] if windows else None, steps, should_stop
        )
        if not is_solved and should_stop():
            break
        scale = np.maximum(largest, spline.sizes())
        along, *across = (_largest_jump(spline, scale, axis) for axis in range(len(axes)))
        if end - place <= shortest or before / 2 < along < LOOSEST[len(axes)]:  # shorter windows do not help
            noise = 2 * along
        tolerated = max(resolved, min(LOOSEST[len(axes)], max([noise, *across])))
        finer = _finer(spline, scale, resolved) if is_solved and along < 1e6 * resolved else None
        if finer is not None and memory_bytes(problem, (first, *finer)) <= MOST_BYTES:
            others = finer
            windows = [each.moved((each.axes[0], *others)) for each in windows]
        elif not is_solved or (along > tolerated and end - place > shortest):
            length = (end - place) * min(0.5, _growth(along, tolerated, order) if is_solved else LEAST)
            before = along if is_solved else np.inf
        else:
            windows.append(spline)
            largest = scale
            growth = MOST if along <= noise else _growth(along, tolerated, order)
            length = max((end - place) * growth, shortest)
            place, before, noise = end, np.inf, noise / 2 if along < noise / 4 else noise
            yield (place - low) / (high - low)
    if windows:
        yield State(_joined(windows), np.zeros(0))


def _largest_jump(spline: TensorSpline, scale: np.ndarray, axis: int) -> float:
    return float((spline.jumps(axis).max(1) / scale).max())


def _growth(jump: float, tolerated: float, order: int) -> float:
    """Factor of the window length; jumps grow with its power k + 1."""
    return float(np.clip(0.8 * (tolerated / max(jump, 1e-300)) ** (1 / (order + 1)), LEAST, MOST))


def _resolving(
    problem: Problem,
    axes: Sequence[Axis],
    resolved: float,
    steps: int,
    should_stop: Callable[[], bool],
) -> tuple[Axis, ...]:
    """Refine the grids along the other axes until they resolve the initial values."""
    while len(axes) > 1 and not should_stop():
        spline = _initial(problem, axes, steps, should_stop)
        finer = _finer(spline, spline.sizes(), resolved)
        if finer is None or memory_bytes(problem, (axes[0], *finer)) > MOST_BYTES:
            break
        axes = (axes[0], *finer)
    return tuple(axes[1:])


def _window(
    problem: Problem,
    axes: Sequence[Axis],
    before: TensorSpline | None,
    steps: int,
    should_stop: Callable[[], bool],
) -> tuple[TensorSpline, bool]:
    """Solve one window; returns the unknowns and whether the steps converged."""
    start = axes[0].grid[0]
    if before is None:
        part, anchors = problem, []
        guess = _initial(problem, axes, steps, should_stop)
    else:
        part = replace(problem, conditions=tuple(c for c in problem.conditions if 0 not in c.fixed))
        anchors = list(_anchors(problem, before, start))
        places = [axis.interpolation() for axis in axes[1:]]
        values = before.on_grid([np.array([start]), *places])
        guess = TensorSpline.through(axes, np.repeat(values, axes[0].terms, axis=1))
    begun = State(guess, np.zeros(0))
    reached = descend(
        system_of(part, axes, begun, anchors),
        begun,
        steps=steps,
        strongest=STRONGEST,
        settled=RESOLVED[len(axes)],
        slight=SLIGHT,
        should_stop=should_stop,
    )
    return reached.state.spline, reached.moved < CONVERGED[len(axes)]


def _initial(
    problem: Problem, axes: Sequence[Axis], steps: int, should_stop: Callable[[], bool]
) -> TensorSpline:
    """Extend the initial values along the first axis; unknowns without a condition are 0."""
    flat = (Axis(axes[0].grid[[0, -1]], 0), *axes[1:])  # constant along the first axis
    start = State(TensorSpline.zero(flat, len(problem.unknowns)), np.zeros(0))
    told = tuple(c for c in problem.conditions if 0 in c.fixed and not any(jet.orders[0] for jet in c.jets))
    if told:
        system = system_of(replace(problem, equations=(), conditions=told), flat, start)
        start = descend(system, start, steps=steps, should_stop=should_stop).state
    size = (len(problem.unknowns), *(axis.terms for axis in axes))
    return TensorSpline(tuple(axes), np.broadcast_to(start.spline.coef, size).copy())


def _anchors(problem: Problem, before: TensorSpline, place: float) -> Iterator[Anchor]:
    for unknown in range(len(problem.unknowns)):
        for order in range(problem.order(0, unknown)):
            orders = (order, *(0 for _ in before.axes[1:]))

            def values(
                places: Sequence[np.ndarray], unknown: int = unknown, orders: tuple[int, ...] = orders
            ) -> np.ndarray:
                found: np.ndarray = before.on_grid(places, orders)[unknown]
                return found

            yield Anchor(0, place, unknown, order, values)


def _finer(spline: TensorSpline, scale: np.ndarray, resolved: float) -> tuple[Axis, ...] | None:
    """Refine the grids along the other axes where this window has jumps; None if none are too large."""
    changed, finer = False, []
    for number, axis in enumerate(spline.axes[1:], 1):
        jumps = (spline.jumps(number) / scale[:, None]).max(0)
        wide = np.diff(axis.grid) > NARROWEST * (axis.grid[-1] - axis.grid[0])
        worst = jumps[wide].max(
            initial=0.0
        )  # without narrow intervals, so that a kink does not prevent refinement elsewhere
        split = (jumps > max(10 * resolved, 1e-2 * worst)) & wide
        if split.any() and axis.size < FINEST:
            finer.append(split_axis(axis, split))
            changed = True
        else:
            finer.append(axis)
    return tuple(finer) if changed else None


def split_axis(axis: Axis, chosen: np.ndarray) -> Axis:
    """Halve the chosen intervals."""
    middles = (axis.grid[1:] + axis.grid[:-1]) / 2
    return Axis(np.sort(np.concatenate([axis.grid, middles[chosen]])), axis.order)


def _joined(windows: Sequence[TensorSpline]) -> TensorSpline:
    """Join all windows to one spline."""
    last = windows[-1]
    grid = np.concatenate([windows[0].axes[0].grid[:1], *(each.axes[0].grid[1:] for each in windows)])
    axes = (Axis(grid, last.axes[0].order), *last.axes[1:])
    places = [axis.interpolation() for axis in axes]
    ends = np.array([each.axes[0].grid[-1] for each in windows])
    owner = np.minimum(np.searchsorted(ends, places[0]), len(windows) - 1)
    values = np.empty((len(last.coef), *(axis.terms for axis in axes)))
    for number, window in enumerate(windows):
        mine = owner == number
        if mine.any():
            values[:, mine] = window.on_grid([places[0][mine], *places[1:]])
    return TensorSpline.through(axes, values)
