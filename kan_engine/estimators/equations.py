"""Differential equations, solved as the service solves them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from kan_engine.differential.problem_parser import ConditionLocation, parse_problem
from kan_engine.differential.solution import Estimate, Solution, largest_violation
from kan_engine.differential.solving import (
    MeasurementsByUnknown,
    find_formulas,
    find_solution,
    select_measurements,
)
from kan_engine.differential.thresholds import DEFAULT_EQUATIONS, EquationThresholds
from kan_engine.errors import InvalidData, NoSolution
from kan_engine.estimators.parameters import EQUATION_RULES, check_parameters
from kan_engine.estimators.tables import is_frame, read_frame
from kan_engine.expressions.nodes import Expression, Variable
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.printing.latex import to_latex
from kan_engine.expressions.printing.mathml import to_mathml
from kan_engine.formulas.callbacks import Callbacks


@dataclass(frozen=True, eq=False, repr=False)
class SolvedEquations:
    """The unknown functions of differential equations.

    Attributes:
        solution: The functions as splines, with the violation of every equation and condition.
        laws: An exact formula for every unknown; None if not all have one.
    """

    solution: Solution
    laws: tuple[Expression, ...] | None = None

    @property
    def formulas(self) -> dict[str, str] | None:
        """The exact formulas as text, by unknown."""
        if self.laws is None:
            return None
        return {
            name: to_text(law) for name, law in zip(self.solution.problem.unknowns, self.laws, strict=True)
        }

    @property
    def error(self) -> float:
        """Estimate of the largest error, relative to the size of each unknown."""
        return self.solution.error

    @property
    def violation(self) -> float:
        """Largest violation of an equation or a condition, relative to its terms."""
        return largest_violation(self.solution.violations)

    @property
    def parameters(self) -> dict[str, Estimate]:
        """The estimated parameters with their standard errors."""
        return {parameter.name: parameter for parameter in self.solution.estimates}

    def __repr__(self) -> str:
        lines = [f"{name} = {formula}" for name, formula in (self.formulas or {}).items()]
        return f"<SolvedEquations {'; '.join([*lines, *self._describe_quality()])}>"

    def _repr_html_(self) -> str:
        """The exact formulas, the estimated parameters, and how well the equations hold."""
        lines = [
            to_mathml(f"{to_latex(Variable(name))} = {to_latex(law)}")
            for name, law in zip(
                self.solution.problem.unknowns, self.laws or (), strict=self.laws is not None
            )
        ]
        lines += [escape(line) for line in self._describe_quality()]
        return f"<div>{''.join(f'<p>{line}</p>' for line in lines)}</div>"

    def _describe_quality(self) -> list[str]:
        """The parameters with their errors, the error of the solution and the violation, as texts."""
        unknowns = ", ".join(self.solution.problem.unknowns)
        return [
            *([] if self.laws else [f"{unknowns}: no exact formula"]),
            *map(_describe_estimate, self.solution.estimates),
            f"largest error {self.error:.2g}",
            f"largest violation {self.violation:.2g}",
        ]

    def predict(self, points: Any) -> dict[str, Float[np.ndarray, " rows"]]:
        """The unknowns at points: columns or a data frame of the independent variables.

        Raises:
            InvalidData: A variable is absent.
        """
        columns, names = _read_columns(points), self.solution.problem.independent
        absent = [name for name in names if name not in columns]
        if absent:
            raise InvalidData(f"the column {absent[0]!r} is absent", column=absent[0])
        values = self.solution.values({name: columns[name] for name in names})
        return dict(zip(self.solution.problem.unknowns, values, strict=True))


def _describe_estimate(estimate: Estimate) -> str:
    if not isfinite(estimate.standard_error):
        return f"{estimate.name} is not determined by the measurements"
    return f"{estimate.name} = {estimate.value:.6g} ± {estimate.standard_error:.2g}"


def solve(
    equations: Sequence[str],
    *,
    unknowns: Sequence[str],
    domain: Mapping[str, Sequence[float]],
    conditions: Sequence[tuple[ConditionLocation, str] | str] = (),
    parameters: Mapping[str, float] | None = None,
    measurements: Any = None,
    grid: int | None = None,
    order: int | None = None,
    steps: int | None = None,
    symbolic: bool = True,
    max_seconds: float = 300.0,
    thresholds: EquationThresholds = DEFAULT_EQUATIONS,
) -> SolvedEquations:
    """Solve ordinary or partial differential equations, and look for exact formulas of the solution.

    Args:
        equations: Equations in the domain, such as ``"y' = -y"``, ``"u_t = 0.1*u_xx"`` or
            ``"Derivative(y(x), x) + y(x)"``, which must vanish.
        unknowns: Names of the unknown functions.
        domain: Lowest and highest value of every independent variable, by its name.
        conditions: Equations that hold at places that they name, such as ``"y(0) = 1"``, or pairs of a
            place and an equation, such as ``({"x": 0}, "y = 1")``.
        parameters: Unknown numbers in the equations, each with an initial value.
        measurements: Columns or a data frame of the independent variables and of unknowns, from which the
            parameters are estimated. Missing values are left out.
        grid: Grid intervals along every axis; None refines the grid where it is needed.
        order: Order of the splines; None chooses a high one.
        steps: Limit of steps on one grid; None for the default.
        symbolic: Whether exact formulas are looked for.
        max_seconds: Time limit; the best solution so far is kept.
        thresholds: Decision numbers of the solver and of the search for formulas.

    Raises:
        InvalidConfig: An argument has a value that it cannot have; a ``ValueError``.
        InvalidEquation: A text is not an equation, or the problem is not well posed; a ``ValueError``.
        NoSolution: No solution was found, or it cannot be continued.

    Example:
        >>> solve(["y' = -y"], unknowns=["y"], domain={"x": (0, 1)}, conditions=["y(0) = 1"]).formulas
        {'y': 'exp(-x)'}
    """
    check_parameters(
        {
            "equations": equations,
            "unknowns": unknowns,
            "domain": domain,
            "conditions": conditions,
            "parameters": parameters,
            "grid": grid,
            "order": order,
            "steps": steps,
            "symbolic": symbolic,
            "max_seconds": max_seconds,
        },
        EQUATION_RULES,
    )
    until = time.monotonic() + max_seconds
    callbacks = Callbacks(should_stop=lambda: time.monotonic() > until, clock=time.monotonic)
    # Measurements by index of the unknown; with any, the parameters are estimated along with the solution
    data = {} if measurements is None else _read_measurements(measurements, list(domain), unknowns)
    problem = parse_problem(
        independent=list(domain),
        unknowns=unknowns,
        domain=domain,
        equations=equations,
        conditions=conditions,
        coefficients=list(parameters or {}),
        measured=[unknowns[place] for place in data],
        limits=thresholds.limits,
    )
    solution = find_solution(
        problem,
        data,
        residuals=[*equations, *(entry if isinstance(entry, str) else entry[1] for entry in conditions)],
        starts=list((parameters or {}).values()),
        grid=grid,
        order=order,
        steps=steps,
        thresholds=thresholds,
        should_stop=callbacks.should_stop,
    )
    if solution is None:
        raise NoSolution(f"no solution was found within max_seconds = {max_seconds:g}; raise max_seconds")
    laws = find_formulas(solution, callbacks, thresholds) if symbolic else None
    return SolvedEquations(solution, None if laws is None else tuple(laws))


def _read_columns(table: Any) -> dict[str, Shaped[np.ndarray, " ..."]]:
    if is_frame(table):
        return read_frame(table)[0]
    return {name: np.asarray(values, dtype=np.float64) for name, values in table.items()}


def _read_measurements(
    table: Any, independent: Sequence[str], unknowns: Sequence[str]
) -> MeasurementsByUnknown:
    """The measurements by index of the unknown."""
    columns = _read_columns(table)
    absent = [name for name in independent if name not in columns]
    if absent:
        raise InvalidData(f"the measurements lack the column {absent[0]!r}", column=absent[0])
    return select_measurements(columns, independent, unknowns)
