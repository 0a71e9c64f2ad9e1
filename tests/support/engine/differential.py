"""Differential equations with known solutions, for tests of what solves them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from kan_engine.differential.adaptive_solver import SolverProgress, solve_adaptively
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.problem_parser import parse_problem
from kan_engine.differential.solution import Solution

Condition = tuple[Mapping[str, Any], str]
BRATU = 1.5171645990507543  # t = √2·cosh(t / 4): the lower one of the two solutions for λ = 1


@dataclass(frozen=True, eq=False)
class Case:
    """A problem, its solution, and how far a computed one may be from it.

    Attributes:
        exact: The unknowns, of the independent variables by name.
        laws: Their formulas; None if none of the kinds that are looked for.
    """

    domain: Mapping[str, tuple[float, float]]
    equations: tuple[str, ...]
    conditions: tuple[Condition, ...]
    exact: Callable[..., list[np.ndarray]]
    laws: list[str] | None
    tolerance: float
    unknowns: tuple[str, ...] = ("y",)
    options: Mapping[str, Any] = field(default_factory=dict)

    def problem(self) -> DifferentialProblem:
        """What the engine solves."""
        return parse_problem(
            independent=list(self.domain),
            unknowns=self.unknowns,
            domain=self.domain,
            equations=self.equations,
            conditions=self.conditions,
        )

    def error(self, solution: Solution) -> float:
        """Largest error at random points, relative to the size of each unknown."""
        points = solution.sample_points(500, seed=9)
        pairs = zip(solution.values(points), self.exact(**points), strict=True)
        return max(float(np.abs(mine - its).max() / np.abs(its).max()) for mine, its in pairs)


def last(problem: DifferentialProblem, **options: Any) -> SolverProgress:
    """Where the search ends."""
    *_, progress = solve_adaptively(problem, **options)
    return progress


@cache
def solved(case: Case) -> Solution:
    """What is found; once for all tests, which leave it as it is."""
    solution = last(case.problem(), **case.options).solution
    assert solution is not None
    return solution


def _slope(name: str, place: float) -> str:
    return f"Subs(Derivative({name}(x), x), x, {place})"


# Grids are refined until jumps are 1e-11 of an ordinary solution and 1e-8 of a partial one; what the
# solution is wrong by is of that size, times what errors grow to along the way.
ORDINARY = {
    "decay": Case(
        {"x": (0, 5)},
        ("Derivative(y(x), x) + y(x)",),
        (({"x": 0}, "y(0) - 1"),),
        lambda x: [np.exp(-x)],
        ["exp(-x)"],
        1e-11,
    ),
    "oscillator": Case(
        {"x": (0, 5)},
        ("Derivative(y(x), (x, 2)) + 4*y(x)",),
        (({"x": 0}, "y(0) - 1"), ({"x": 0}, _slope("y", 0))),
        lambda x: [np.cos(2 * x)],
        ["cos(2*x)"],
        1e-11,
    ),
    "damped oscillator": Case(
        {"x": (0, 5)},
        ("Eq(Derivative(y(x), x, x) + 2*Derivative(y(x), x)/5 + (4 + Rational(1, 25))*y(x), 0)",),
        (({"x": 0}, "y(0) - 1"), ({"x": 0}, f"{_slope('y', 0)} = -1/5")),
        lambda x: [np.exp(-x / 5) * np.cos(2 * x)],
        ["cos(2*x)*exp(-0.2*x)"],
        1e-11,
    ),
    "critically damped": Case(
        {"x": (0, 5)},
        ("Derivative(y(x), x, 2) + 2*Derivative(y(x), x) + y(x)",),
        (({"x": 0}, "y(0)"), ({"x": 0}, f"{_slope('y', 0)} - 1")),
        lambda x: [x * np.exp(-x)],
        ["x*exp(-x)"],
        1e-11,
    ),
    "resonance": Case(
        {"x": (0, 5)},
        ("Derivative(y(x), x, 2) + y(x) - cos(x)",),
        (({"x": 0}, "y(0)"), ({"x": 0}, _slope("y", 0))),
        lambda x: [x * np.sin(x) / 2],
        ["x*sin(x)/2"],
        1e-11,
    ),
    "logistic": Case(
        {"x": (0, 5)},
        ("Derivative(y(x), x) - y(x)*(1 - y(x))",),
        (({"x": 0}, "y(0) - Rational(1, 10)"),),
        lambda x: [1 / (1 + 9 * np.exp(-x))],
        ["exp(x)/(exp(x) + 9)"],
        1e-11,
    ),
    "Riccati": Case(
        {"x": (0, 1)},
        ("Derivative(y(x), x) - 1 - y(x)**2",),
        (({"x": 0}, "y(0)"),),
        lambda x: [np.tan(x)],
        ["tan(x)"],
        1e-11,
    ),
    "system": Case(
        {"x": (0, 5)},
        ("Derivative(y(x), x) - z(x)", "Derivative(z(x), x) + y(x)"),
        (({"x": 0}, "y(0)"), ({"x": 0}, "z(0) - 1")),
        lambda x: [np.sin(x), np.cos(x)],
        ["sin(x)", "cos(x)"],
        1e-11,
        unknowns=("y", "z"),
    ),
    "periodic": Case(
        {"x": (0, 2 * np.pi)},
        ("Derivative(y(x), x) + y(x) = sin(x) + cos(x)",),
        (({"x": [0, 2 * np.pi]}, "y(0) - y(2*pi)"),),
        lambda x: [np.sin(x)],
        ["sin(x)"],
        1e-11,
    ),
    "Bratu": Case(
        {"x": (0, 1)},
        ("Derivative(y(x), (x, 2)) + exp(y(x))",),
        (({"x": 0}, "y(0)"), ({"x": 1}, "y(1)")),
        lambda x: [-2 * np.log(np.cosh((x - 0.5) * BRATU / 2) / np.cosh(BRATU / 4))],
        None,
        1e-11,
    ),
}
PARTIAL = {
    "Poisson": Case(
        {"x": (0, 1), "y": (0, 1)},
        ("Derivative(u(x,y), x, 2) + Derivative(u(x,y), y, 2) + 2*pi**2*sin(pi*x)*sin(pi*y)",),
        (({"x": 0}, "u(0,y)"), ({"x": 1}, "u(1,y)"), ({"y": 0}, "u(x,0)"), ({"y": 1}, "u(x,1)")),
        lambda x, y: [np.sin(np.pi * x) * np.sin(np.pi * y)],
        ["sin(pi*x)*sin(pi*y)"],
        1e-8,
        unknowns=("u",),
    ),
    "heat": Case(
        {"x": (0, 1), "t": (0, 0.1)},
        ("Derivative(u(x,t), t) - Derivative(u(x,t), (x, 2))",),
        (({"x": 0}, "u(0,t)"), ({"x": 1}, "u(1,t)"), ({"t": 0}, "u(x,0) - sin(pi*x)")),
        lambda x, t: [np.exp(-(np.pi**2) * t) * np.sin(np.pi * x)],
        ["exp(-pi**2*t)*sin(pi*x)"],
        1e-8,
        unknowns=("u",),
    ),
    "periodic advection": Case(
        {"x": (0, 1), "t": (0, 1)},
        ("Derivative(u(x,t), t) + Derivative(u(x,t), x)",),
        (({"x": [0, 1]}, "u(0,t) - u(1,t)"), ({"t": 0}, "u(x,0) - sin(2*pi*x)")),
        lambda x, t: [np.sin(2 * np.pi * (x - t))],
        ["sin(2*pi*(x - t))"],
        1e-8,
        unknowns=("u",),
    ),
    "Burgers": Case(
        {"x": (0, 1), "t": (0, 0.5)},
        ("Derivative(u(x,t), t) + u(x,t)*Derivative(u(x,t), x)",),
        (({"x": 0}, "u(0,t)"), ({"t": 0}, "u(x,0) - x")),
        lambda x, t: [x / (1 + t)],
        ["x/(t + 1)"],
        1e-7,
        unknowns=("u",),
    ),
}
CASES = ORDINARY | PARTIAL
