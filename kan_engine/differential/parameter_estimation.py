"""Unknown numbers in differential equations, from measurements of what satisfies them.

The unknown functions and the numbers are found together: equations and conditions are to hold, and within
that the functions come as close to the measurements as they can. At first the measurements weigh more than
the equations, so that the functions are near them before the numbers are; then, on grids that become finer,
less and less, until the equations hold whatever was measured (Ramsay et al., "Parameter estimation for
differential equations: a generalized smoothing approach", J. R. Statist. Soc. B 69, 2007). What an unknown
weighs is relative to how much it varies, so that its unit changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from kan_engine.differential.adaptive_solver import (
    FIRST_GRID,
    LEVELS,
    Reached,
    change_between,
    finer_axes,
    jumps_of,
    solve,
    spline_order,
)
from kan_engine.differential.assembly import State
from kan_engine.differential.collocation import System, descend
from kan_engine.differential.jets import Jet, compact
from kan_engine.differential.problem import Problem, Residual
from kan_engine.differential.residual_weights import system_of
from kan_engine.differential.solution import Estimate, Solution
from kan_engine.errors import NoSolution
from kan_engine.expressions.nodes import Expression, Parameter, number, substitute
from kan_engine.splines.tensor_product import Axis, TensorSpline

Array = np.ndarray
FIRST = (100.0, 10.0, 1.0, 0.1)  # weights of measurements against equations, one after the other
THEN = (0.1, 0.01, 1e-3)  # the next one once a finer grid changes little: no coarse one can hold to equations
FINAL = 1e-4  # once all numbers are near: the equations hold then
STEPS = 40
LITTLE, SETTLED = 1e-2, 1e-8  # change from grid to grid, relative to the unknowns; the latter ends the search


@dataclass(frozen=True)
class Measurements:
    """Measured values of one unknown.

    Attributes:
        points: Where, [rows, independent variables].
        values: What was measured there.
    """

    points: Float[Array, "rows axes"]
    values: Float[Array, " rows"]


def estimate(
    problem: Problem,
    measured: Mapping[int, Measurements],
    starts: Sequence[float],
    *,
    order: int | None = None,
    steps: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Reached]:
    """Solve a problem together with the numbers in it.

    Args:
        problem: With coefficients.
        measured: Measurements by the place of the unknown.
        starts: Where to begin with the coefficients.
        order: Of the splines; None for a high one.
        steps: Most steps of one descent; None for as many as there may be.
        should_stop: Asked between steps.

    Yields:
        How far it is; the last one has the solution.
    """
    data = _Data(problem, measured, steps or STEPS)
    count = len(problem.independent)
    size = max(FIRST_GRID[count], 16 if count == 1 else 8)
    k = order or spline_order(problem)
    axes = tuple(Axis.uniform(low, high, size, k) for low, high in problem.domain)
    begun = [_near_the_measurements(data, axes, starts, should_stop)]
    yield Reached(0.3, None)
    begun += _from_the_starts(data, starts, should_stop)
    yield Reached(0.6, None)
    state = min(begun, key=lambda each: data.misfit(each, FIRST[-1]))
    before, change, (weight, *lower) = None, np.inf, THEN
    for level in range(LEVELS):
        state = data.fitted(state, weight, should_stop)
        change = change_between(before, state.spline)
        jumps, finer = jumps_of(state.spline), None
        if (change > SETTLED or lower) and not should_stop():
            finer = finer_axes(problem, state.spline.axes, jumps)
        is_done = should_stop() or (finer is None and not lower)
        if is_done:
            state = data.fitted(state, FINAL, should_stop)
        error = change if np.isfinite(change) else max(float(jump.max()) for jump in jumps)
        solution = Solution.of(problem, state, range(count), error)
        solution = replace(solution, estimates=data.estimates(state))
        yield Reached(1.0 if is_done else 0.6 + 0.4 * (level + 1) / LEVELS, solution, _sizes(state))
        if is_done:
            return
        if lower and (finer is None or change < LITTLE):
            weight, *lower = lower
        before, state = state.spline, replace(state, spline=state.spline.moved(finer or state.spline.axes))


def _sizes(state: State) -> tuple[int, ...]:
    return tuple(axis.size for axis in state.spline.axes)


class _Data:
    """A problem with what was measured."""

    def __init__(self, problem: Problem, measured: Mapping[int, Measurements], steps: int) -> None:
        self.problem, self.measured, self.steps = problem, measured, steps
        self.sizes = {u: _size(m.values) for u, m in measured.items()}

    def system(self, state: State, weight: float) -> System:
        """All rows, measurements with this weight."""
        measured = [
            (unknown, each.points, each.values, weight / self.sizes[unknown])
            for unknown, each in self.measured.items()
        ]
        return system_of(
            self.problem, state.spline.axes, state, measured=measured, sizes=self._sizes_of_all(state)
        )

    def _sizes_of_all(self, state: State) -> list[float]:
        """By how much the unknowns vary; those that were not measured, by what is found of them so far."""
        usual = float(np.exp(np.mean(np.log(list(self.sizes.values())))))
        reached = (
            state.spline.sizes().tolist() if state.spline.coef.any() else [usual] * len(state.spline.coef)
        )
        return [self.sizes.get(unknown, size) for unknown, size in enumerate(reached)]

    def fitted(self, state: State, weight: float, should_stop: Callable[[], bool]) -> State:
        """Where Gauss-Newton steps lead."""
        return descend(self.system(state, weight), state, steps=self.steps, should_stop=should_stop).state

    def misfit(self, state: State, weight: float) -> float:
        """The objective where a search has ended."""
        system = self.system(state, weight)
        value = system.objective(state.permuted(system.order))
        return value if np.isfinite(value) else np.inf

    def estimates(self, state: State) -> tuple[Estimate, ...]:
        """The coefficients with the standard errors that the scatter of the measurements gives them.

        For values that were measured with equal and independent errors, to first order. Infinite where there
        is no scatter, since there are no more measurements than numbers, or where other values of a
        coefficient fit as well.
        """
        weight = THEN[-1]  # smaller ones bury in rounding what the measurements tell
        squares, rows = 0.0, 0
        for unknown, each in self.measured.items():
            difference = state.spline.at(each.points)[unknown] - each.values
            # every unknown counts by its own size and number of rows, as in the system
            squares += float(np.sum((difference * weight / self.sizes[unknown]) ** 2)) / len(each.values)
            rows += len(each.values)
        free = len(state.coefficients) + self._open_conditions()
        scatter = squares / (rows - free) if rows > free else np.inf
        variances = self.system(state, weight).variances(state)
        is_told = np.isfinite(variances)
        errors = np.sqrt(np.where(is_told, np.where(is_told, variances, 0.0) * scatter, np.inf))
        return tuple(
            Estimate(name, float(value), float(error))
            for name, value, error in zip(self.problem.coefficients, state.coefficients, errors, strict=True)
        )

    def _open_conditions(self) -> int:
        """How many numbers of the solution no condition settles, of ordinary equations."""
        if len(self.problem.independent) > 1:
            return 0
        needed = sum(self.problem.order(0, unknown) for unknown in range(len(self.problem.unknowns)))
        return max(0, needed - len(self.problem.conditions))


def _size(values: Float[Array, " rows"]) -> float:
    """By how much values vary; if they do not, how large they are."""
    return float(np.std(values)) or float(np.abs(values).max()) or 1.0


def _near_the_measurements(
    data: _Data, axes: Sequence[Axis], starts: Sequence[float], should_stop: Callable[[], bool]
) -> State:
    state = State(TensorSpline.zero(axes, len(data.problem.unknowns)), np.array(starts, dtype=float))
    for weight in FIRST:
        state = data.fitted(state, weight, should_stop)
    return state


def _from_the_starts(
    data: _Data, starts: Sequence[float], should_stop: Callable[[], bool]
) -> Iterator[State]:
    """What there is if the coefficients are first taken for known, where the conditions suffice for that."""
    if data._open_conditions() or should_stop():
        return
    try:
        *_, reached = solve(known(data.problem, starts), steps=data.steps, should_stop=should_stop)
    except NoSolution:
        return
    if reached.solution is not None:
        state = State(reached.solution.spline, np.array(starts, dtype=float))
        yield data.fitted(state, THEN[-1], should_stop)


def known(problem: Problem, values: Sequence[float]) -> Problem:
    """The problem with numbers for its coefficients."""
    numbers = dict(zip(problem.coefficients, values, strict=True))

    def put(residual: Residual) -> Residual:
        places: dict[Expression, Expression] = {
            Parameter(index): number(float(numbers[leaf]))
            for index, leaf in enumerate(residual.leaves)
            if not isinstance(leaf, Jet)
        }
        tree, leaves = compact(substitute(residual.tree, places), residual.leaves)
        return replace(residual, tree=tree, leaves=leaves)

    return replace(
        problem,
        equations=tuple(map(put, problem.equations)),
        conditions=tuple(map(put, problem.conditions)),
        coefficients=(),
    )
