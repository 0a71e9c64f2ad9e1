"""Gauss-Newton on the residuals of differential equations, for splines of several variables.

The objective is a mean of squares: of the equations over Gauss points of all cells, of the conditions over
those of the boundary, of measurements over their rows.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import prod
from operator import itemgetter

import numpy as np
from jaxtyping import Float

from kan_engine.differential.assembly import Layout, Measured, Rows, State
from kan_engine.differential.problem import Problem
from kan_engine.numerics.frontal_solver import TINY, Front, NotDefinite
from kan_engine.splines.tensor_product import Axis

Array = np.ndarray
ELIMINATED = 32  # unknowns at least that a front eliminates at a time, so that few large steps do the work
LARGE = 500  # unknowns of a front from which on an elimination takes long enough to ask whether there is time
GENTLE, STRONGEST = 1e-8, 1e6  # damping after a failed step, and beyond which there is no step
IN_VAIN = 2  # free steps in a row that fail before none is tried any more
NOTHING = 1e-20  # objective of what is solved to rounding
SETTLED = 1e-12  # step, relative to the unknowns, after which nothing is left to gain
OPEN = 25 * TINY  # of what the rows tell, relative to what they did before the unknowns could follow: nothing
TAKES_PART = 1e-6  # squared share of a coefficient in a direction that is open
SLIGHT = 1e-3  # share of the objective by which a step lowers it at least that is worth another


class System:
    """All rows of a problem on given grids.

    Args:
        problem: Its first independent variable is that along which the front moves.
        axes: The grids.
        rows: Equations, conditions, anchors and measurements.
        order: Which axis of the states that come in each axis is.
    """

    def __init__(
        self,
        problem: Problem,
        axes: Sequence[Axis],
        rows: Sequence[Rows | Measured],
        order: Sequence[int],
    ) -> None:
        self.order = order
        self.problem, self.axes, self.rows = problem, tuple(axes), list(rows)
        block = len(problem.unknowns) * prod(axis.terms for axis in axes[1:])
        is_whole = any(each.is_tied for each in rows)
        stride = axes[0].size if is_whole else max(1, ELIMINATED // block)
        self._layout = Layout(block, stride, min(stride + axes[0].order, axes[0].terms))

    def objective(self, state: State) -> float:
        """Sum of all squares."""
        return sum(rows.squares(state) for rows in self.rows)

    def step(self, state: State, damping: float, should_stop: Callable[[], bool] = lambda: False) -> State:
        """A Gauss-Newton step.

        Args:
            should_stop: Asked before each elimination of a large front.

        Raises:
            NotDefinite: The damping is too weak.
            Interrupted: The step was not finished.
        """
        front, blocks = self._front(state, damping, should_stop)
        flat = front.solution(blocks).numpy()
        count = len(self.problem.coefficients)
        inner = flat[: len(flat) - count].reshape(self.axes[0].terms, len(self.problem.unknowns), -1)
        shift = inner.transpose(1, 0, 2).reshape(state.spline.coef.shape)
        moved = replace(state.spline, coef=state.spline.coef + shift)
        return State(moved, state.coefficients + flat[len(flat) - count :])

    def variances(self, state: State) -> Float[Array, " coefficients"]:
        """Of the coefficients, for residuals of variance 1; infinite where the rows leave one open.

        What the rows tell of the coefficients, the unknowns being what suits each value of these best, is
        half the second derivative of the objective in them, and its inverse is their covariance.
        """
        front, blocks = self._front(state.permuted(self.order), 0.0)
        front.solution(blocks)
        information, whole = (each.numpy() for each in front.border_information())
        unit = np.sqrt(np.where(whole > 0, whole, 1.0))
        told, directions = np.linalg.eigh(information / np.outer(unit, unit))
        shares, is_open = np.square(directions), told < OPEN
        variances: Array = shares[:, ~is_open] @ (1 / told[~is_open]) / unit**2
        variances[shares[:, is_open].sum(1) > TAKES_PART] = np.inf
        return variances

    def _front(
        self, state: State, damping: float, should_stop: Callable[[], bool] = lambda: False
    ) -> tuple[Front, int]:
        """The front when all rows have been added, and how many blocks it holds."""
        layout, first = self._layout, self.axes[0]
        front = Front(layout.block, layout.width, len(self.problem.coefficients), damping)
        start = 0
        # One interval of all rows at a time: those of a whole grid may be larger than all else together.
        in_order = heapq.merge(*(rows.parts(layout, state) for rows in self.rows), key=itemgetter(0))
        for slab, parts in groupby(in_order, key=itemgetter(0)):
            while slab >= start + layout.stride:
                if len(front.gradient) > LARGE and should_stop():
                    raise Interrupted
                front.advance(layout.stride)
                start += layout.stride
            for _, squares, slopes, places in parts:
                front.add_squares(squares, slopes, places)
        while first.size > start + layout.stride:
            front.advance(layout.stride)
            start += layout.stride
        return front, first.terms - start


class Interrupted(Exception):
    """There was no time to finish a step."""


@dataclass(frozen=True)
class Descent:
    """What Gauss-Newton steps have reached.

    Attributes:
        objective: Sum of squares.
        moved: Largest change of a value of an unknown in the last step, relative to its size.
        steps: How many were taken.
    """

    state: State
    objective: float
    moved: float
    steps: int


def descend(
    system: System,
    state: State,
    *,
    steps: int,
    strongest: float = STRONGEST,
    settled: float = 0.0,
    slight: float = SLIGHT,
    should_stop: Callable[[], bool] = lambda: False,
) -> Descent:
    """Levenberg-Marquardt steps until nothing is left to gain.

    Args:
        system: The rows.
        state: Where to begin.
        steps: At most so many.
        strongest: Damping beyond which no step is looked for.
        settled: Step, relative to the unknowns, after which none is worth another, if above ``SETTLED``.
        slight: Share of the objective; what lowers it by less is the last step, too.
        should_stop: Asked before every step, and within it; a step that is not finished counts for nothing.
    """
    reached = Descent(state.permuted(system.order), np.inf, np.inf, 0)
    reached, damping, failed = replace(reached, objective=system.objective(reached.state)), 0.0, 0
    while reached.steps < steps and not should_stop():
        fresh = _step(system, reached, damping, should_stop)
        if not damping:
            failed = failed + 1 if fresh is None else 0
        while fresh is None and damping < strongest and not should_stop():
            damping = max(GENTLE, 10 * damping)
            fresh = _step(system, reached, damping, should_stop)
        if fresh is None:
            if reached.objective < NOTHING:  # it began at the solution
                reached = replace(reached, moved=0.0)
            break
        is_slight = reached.objective - fresh.objective < slight * reached.objective
        reached, is_free = fresh, damping <= GENTLE
        damping = damping / 30 if not is_free else GENTLE if failed >= IN_VAIN else 0.0
        if fresh.moved < max(settled, SETTLED) or (is_slight and is_free and fresh.objective > NOTHING):
            break
    back = [int(a) for a in np.argsort(system.order)]
    return replace(reached, state=reached.state.permuted(back))


def _step(system: System, start: Descent, damping: float, should_stop: Callable[[], bool]) -> Descent | None:
    """One step, if it lowers the objective, and there is time for it."""
    try:
        state = system.step(start.state, damping, should_stop)
    except (NotDefinite, Interrupted):
        return None
    objective = system.objective(state)
    is_rounding = max(objective, start.objective) < NOTHING
    if not (objective < start.objective or is_rounding):
        return None
    before, after = start.state.spline, state.spline
    moved = float((replace(after, coef=after.coef - before.coef).sizes() / after.sizes()).max())
    if is_rounding and moved > start.moved / 2:  # where the objective tells nothing, steps must get shorter
        return None
    return Descent(state, objective, moved, start.steps + 1)
