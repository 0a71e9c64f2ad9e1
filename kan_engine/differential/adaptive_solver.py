"""Solution of differential equations on adaptive grids, by Gauss-Newton steps on the residuals.

Every unknown is a spline of the independent variables. Its exact derivatives enter the equations at Gauss
points of every cell. Linear equations take one step. Nonlinear initial value problems are solved window by
window (``time_marching.py``), then all windows together. Intervals are halved where the highest derivatives
of the splines jump, until the jumps or the changes are small enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from kan_engine.differential.assembly import State
from kan_engine.differential.collocation import Descent, descend
from kan_engine.differential.problem import Problem
from kan_engine.differential.residual_weights import MOST_BYTES, memory_bytes, system_of, work
from kan_engine.differential.solution import Solution
from kan_engine.differential.time_marching import SLIGHT, march, split_axis
from kan_engine.expressions.differentiation import derivative
from kan_engine.expressions.nodes import ONE, ZERO, Expression, Parameter, walk
from kan_engine.splines.tensor_product import Axis, TensorSpline

FIRST_GRID = {1: 8, 2: 8, 3: 4}  # intervals along every axis, by the number of axes
ORDERS = {1: 7, 2: 7, 3: 5}
SPARE = 3  # orders of a spline beyond the highest derivative
STEPS = 40
LEVELS = 12
RESOLVED = {1: 1e-11, 2: 1e-8, 3: 1e-5}  # relative to the unknowns; smaller jumps need no finer grid
SHARES = (1e-2, 1e-1, 0.5)  # of the largest jump: intervals above it are halved; larger if too many
CAREFUL = 1e-3  # of the largest jump: smaller steps are below the error of the grid and end the descent
MOST_WORK = 3e10
# The search ends if the relative change between grids is below the first value but above this share
# of the change before.
SETTLED, STALLED = 1e-8, 0.5
STARTS = (0.0, 1.0, -1.0)  # initial values of nonlinear problems that are not solved by time marching
CONVERGED, SOLVED = (
    1e-6,
    1e-3,
)  # largest change in the last step, and largest relative violation, of a solution
MARCHED = 0.6  # estimate


@dataclass(frozen=True)
class Reached:
    """Progress of a solver.

    Attributes:
        fraction: Estimated share of the work that is done, 0 to 1.
        solution: The best solution so far; None before the first one.
        intervals: Grid intervals along every axis.
    """

    fraction: float
    solution: Solution | None
    intervals: tuple[int, ...] = ()


def solve(
    problem: Problem,
    *,
    grid: int | None = None,
    order: int | None = None,
    steps: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Reached]:
    """Solve a problem.

    Args:
        problem: A result of ``parse_problem``.
        grid: Number of equal intervals along every axis, without refinement; None adapts the grids.
        order: Order of the splines; None chooses a high one.
        steps: Limit of Gauss-Newton steps on one grid and in one window; None for the default.
        should_stop: Called between steps; once true, the current progress is the last. After interrupted time
            marching, the domain of the solution ends where marching stopped.

    Yields:
        Progress; the last one has the solution, if one was found before the stop.

    Raises:
        NoSolution: The solution of an initial value problem cannot be continued.
    """
    turned, axes_order = _time_first(problem)
    count, steps = len(problem.independent), steps or STEPS
    axes = _first_axes(turned, grid, order)
    state, found, fraction = _constant(turned, axes, 0.0), None, 0.0
    if not (linear := is_linear(turned)):
        if is_initial(turned, 0) and grid is None:
            for marched in march(turned, axes, steps=steps, should_stop=should_stop):
                if isinstance(marched, State):
                    state, fraction = marched, MARCHED
                    turned = _as_far_as(turned, marched)
                    found = _found(turned, Descent(marched, np.inf, 0.0, 1), axes_order, np.inf, linear)
                else:
                    yield Reached(MARCHED * marched, None)
        else:
            started = _started(turned, axes, steps, should_stop)
            if started is not None:
                state, found = started.state, _found(turned, started, axes_order, np.inf, linear)
    before, change, worst = None, np.inf, _largest(jumps_of(state.spline))
    for level in range(LEVELS):
        if found is not None and memory_bytes(turned, state.spline.axes) > MOST_BYTES:
            yield Reached(1.0, found, _intervals(found.spline))
            return
        reached = descend(
            system_of(turned, state.spline.axes, state),
            state,
            steps=steps,
            settled=CAREFUL * worst,
            slight=SLIGHT,
            should_stop=should_stop,
        )
        if not reached.steps and should_stop():
            if found is not None:
                yield Reached(1.0, found, _intervals(found.spline))
            return
        state = reached.state
        last, change = change, change_between(before, state.spline)
        jumps = jumps_of(state.spline)
        worst = _largest(jumps)
        is_done = (
            grid is not None
            or should_stop()
            or worst < RESOLVED[count]
            or (change < SETTLED and change > STALLED * last)
        )
        finer = None if is_done else finer_axes(turned, state.spline.axes, jumps)
        fraction = 1.0 if finer is None else fraction + (1 - fraction) * (level + 1) / LEVELS
        found = _found(turned, reached, axes_order, change, linear)
        yield Reached(fraction, found, _intervals(found.spline))
        if finer is None:
            return
        before, state = state.spline, replace(state, spline=state.spline.moved(finer))


def first_cost(problem: Problem, grid: int | None = None, order: int | None = None) -> tuple[int, int]:
    """Number of coefficients, and memory of a step in bytes, on the initial grid."""
    turned, _ = _time_first(problem)
    axes = _first_axes(turned, grid, order)
    return len(problem.unknowns) * prod(axis.terms for axis in axes), int(memory_bytes(turned, axes))


def _first_axes(problem: Problem, grid: int | None, order: int | None) -> tuple[Axis, ...]:
    size, k = grid or FIRST_GRID[len(problem.independent)], order or spline_order(problem)
    return tuple(Axis.uniform(low, high, size, k) for low, high in problem.domain)


def _found(problem: Problem, reached: Descent, order: Sequence[int], change: float, linear: bool) -> Solution:
    """Build the solution and estimate its error.

    The error is the change by the last refinement, or the largest jump if there was none. For nonlinear
    equations it is at least the square of the last step, which Newton's method leaves as its error.
    """
    jumps = _largest(jumps_of(reached.state.spline))
    error = max(change if np.isfinite(change) else jumps, 0.0 if linear else reached.moved**2)
    return Solution.of(problem, reached.state, order, error)


def _intervals(spline: TensorSpline) -> tuple[int, ...]:
    return tuple(axis.size for axis in spline.axes)


def spline_order(problem: Problem) -> int:
    """Default order of the splines, well above the order of the equations."""
    count = len(problem.independent)
    return max(ORDERS[count], SPARE + max(problem.order(axis) for axis in range(count)))


def _time_first(problem: Problem) -> tuple[Problem, tuple[int, ...]]:
    """The problem with its time axis first, if it has one, and the original number of every axis."""
    axes = range(len(problem.independent))
    time = next((axis for axis in axes if is_initial(problem, axis)), 0)
    order = (time, *(axis for axis in axes if axis != time))
    return problem.permuted(order), order


def _as_far_as(problem: Problem, state: State) -> Problem:
    """The problem on the part of the first axis that the state covers."""
    low, high = (float(state.spline.axes[0].grid[end]) for end in (0, -1))
    return replace(problem, domain=((low, high), *problem.domain[1:]))


def is_initial(problem: Problem, axis: int) -> bool:
    """Whether all conditions on an axis are at its start, and there are enough of them."""
    low = problem.domain[axis][0]
    places = [c.fixed[axis] for c in problem.conditions if axis in c.fixed]
    needed = max(problem.order(axis, unknown) for unknown in range(len(problem.unknowns)))
    return 0 < needed <= len(places) and all(place == (low,) for place in places)


def is_linear(problem: Problem) -> bool:
    """Whether all unknowns and coefficients occur linearly everywhere."""
    return all(
        not any(isinstance(node, Parameter) for node in walk(_slope(residual.tree, number)))
        for residual in (*problem.equations, *problem.conditions)
        for number, _ in enumerate(residual.leaves)
    )


def _slope(tree: Expression, number: int) -> Expression:
    return derivative(tree, lambda leaf: ONE if leaf == Parameter(number) else ZERO)


def _constant(problem: Problem, axes: Sequence[Axis], value: float) -> State:
    spline = TensorSpline.zero(axes, len(problem.unknowns))
    return State(replace(spline, coef=spline.coef + value), np.zeros(len(problem.coefficients)))


def _started(
    problem: Problem, axes: Sequence[Axis], steps: int, should_stop: Callable[[], bool]
) -> Descent | None:
    """The best result from ``START_CONSTANTS`` on the initial grid; None if no step was taken."""
    best, least = None, np.inf
    for value in STARTS:
        start = _constant(problem, axes, value)
        reached = descend(system_of(problem, axes, start), start, steps=steps, should_stop=should_stop)
        if not reached.steps and should_stop():
            break
        solution = Solution.of(problem, reached.state, range(len(axes)), np.inf)
        violation = max(v.relative for part in solution.violations() for v in part)
        if best is None or violation < least:
            best, least = reached, violation
        if reached.moved < CONVERGED and violation < SOLVED:
            break
    return best


def jumps_of(spline: TensorSpline) -> list[np.ndarray]:
    """The jumps at the knots along every axis, relative to the largest values of the unknowns."""
    sizes = spline.sizes()[:, None]
    return [(spline.jumps(axis) / sizes).max(0) for axis in range(len(spline.axes))]


def _largest(jumps: Sequence[np.ndarray]) -> float:
    return max(float(jump.max()) for jump in jumps)


def change_between(before: TensorSpline | None, after: TensorSpline) -> float:
    """The largest change of an unknown, relative to its size; infinite without a spline before."""
    if before is None:
        return np.inf
    places = [axis.interpolation() for axis in after.axes]
    difference = np.abs(after.on_grid(places) - before.on_grid(places)).reshape(len(after.coef), -1).max(1)
    return float((difference / after.sizes()).max())


def finer_axes(
    problem: Problem, axes: Sequence[Axis], jumps: Sequence[np.ndarray]
) -> tuple[Axis, ...] | None:
    """Halve the intervals whose jumps are too large; only the worst ones if all would cost too much.

    None if no jump is too large, or if any refinement would cost too much.
    """
    worst, resolved = _largest(jumps), RESOLVED[len(axes)]
    if worst < resolved:
        return None
    for share in SHARES:
        limit = max(resolved, share * worst)
        finer = tuple(
            split_axis(axis, jump > limit) if (jump > limit).any() else axis
            for axis, jump in zip(axes, jumps, strict=True)
        )
        if work(problem, finer) <= MOST_WORK and memory_bytes(problem, finer) <= MOST_BYTES:
            return finer
    return None
