"""Solve differential equations, with or without measurements, and look for exact formulas of the solution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain

import numpy as np
from jaxtyping import Float

from kan_engine.differential.adaptive_solver import SolverProgress, solve_adaptively
from kan_engine.differential.exact_laws import find_laws
from kan_engine.differential.parameter_estimation import Measurements, estimate
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.solution import Solution
from kan_engine.differential.thresholds import EquationThresholds
from kan_engine.errors import InvalidData, NoSolution
from kan_engine.expressions.nodes import Expression
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.search.laws.solution_law import find_exact_law

MeasurementsByUnknown = Mapping[int, Measurements]


def select_measurements(
    columns: Mapping[str, Float[np.ndarray, " rows"]], independent: Sequence[str], unknowns: Sequence[str]
) -> MeasurementsByUnknown:
    """The measurements of every unknown, by its index: the rows with its value and all coordinates.

    Raises:
        InvalidData: There are none.
    """
    points = np.stack([columns[name] for name in independent], 1)
    measurements = {}
    for place, name in enumerate(unknowns):
        if name in columns:
            rows = np.isfinite(points).all(1) & np.isfinite(columns[name])
            if rows.any():
                measurements[place] = Measurements(points[rows], columns[name][rows])
    if not measurements:
        raise InvalidData("no row of the measurements has values of all independent variables and an unknown")
    return measurements


def find_solution(
    problem: DifferentialProblem,
    measurements: MeasurementsByUnknown,
    *,
    residuals: Sequence[str],
    starts: Sequence[float] = (),
    grid: int | None = None,
    order: int | None = None,
    steps: int | None = None,
    thresholds: EquationThresholds,
    should_stop: Callable[[], bool],
    report: Callable[[SolverProgress], None] = lambda _: None,
) -> Solution | None:
    """Solve a problem; the best solution before ``should_stop``, or None.

    Args:
        problem: The problem.
        measurements: With any, the coefficients are estimated along with the solution.
        residuals: The equations and then the conditions as the client wrote them, for messages.
        starts: Initial values of the coefficients.
        grid, order: Grid intervals along every axis, where nothing is measured, and order of the splines;
            None chooses them.
        steps: Limit of steps on one grid; None for the default.
        thresholds: Decision numbers.
        should_stop: Once true, the solution so far is the last.
        report: Takes the progress.

    Raises:
        NoSolution: None exists, or an equation or condition has no value on a part of the domain.
    """
    solver, solution = thresholds.solver, None
    if measurements:
        find = partial(estimate, measurements=measurements, starts=starts)
    else:
        find = partial(solve_adaptively, grid=grid)
    progresses = find(problem, order=order, steps=steps, thresholds=solver, should_stop=should_stop)
    for progress in progresses:
        # A nonlinear problem may be continued from an easier one before it has a solution
        solution = progress.solution or solution
        report(progress)
    if solution is None:
        return None
    # Comparisons with NaN are false, so no limit on violations would notice a residual without a value
    for text, violation in zip(residuals, chain(*solution.violations), strict=True):
        if not math.isfinite(violation.largest):
            raise NoSolution(
                f"{text!r} has no real value on a part of the domain: check the domains of its "
                "functions, such as log and sqrt, and its divisions"
            )
    return solution


def find_formulas(
    solution: Solution, callbacks: Callbacks, thresholds: EquationThresholds
) -> list[Expression] | None:
    """An exact formula for every unknown; None if one has none."""
    search = partial(find_exact_law, callbacks=callbacks)
    return find_laws(solution, callbacks.should_stop, search, thresholds=thresholds.laws)
