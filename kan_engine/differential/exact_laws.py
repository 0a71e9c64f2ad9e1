"""Exact laws of the solution of differential equations: closed forms that satisfy them to rounding error.

A law of one variable is fitted to the values of the function. A law of several variables may be a product of
such laws, a wave f(w·x), whose gradient has the same direction everywhere, or a sum of products of
exponentials, oscillations and powers. For other laws the caller passes a search. Every law is verified: put
into the equations and conditions it must leave nothing but rounding error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from kan_engine.differential.jets import Jet
from kan_engine.differential.low_rank_network import Term, separated
from kan_engine.differential.problem import Problem
from kan_engine.differential.prony import exponential_sum
from kan_engine.differential.solution import Solution
from kan_engine.discovery.univariate_law import law_of_one
from kan_engine.expressions.nice_constants import nice_constants
from kan_engine.expressions.nodes import (
    Add,
    Call,
    Expression,
    Mul,
    Number,
    Parameter,
    Variable,
    add,
    bind,
    call,
    free_constants,
    mul,
    number,
    substitute,
    walk,
)
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.splines.tensor_product import Axis, TensorSpline
from kan_engine.symbolic.constant_fitting import Data, Form, refit
from kan_engine.symbolic.constant_snapping import polished

Array = np.ndarray
Hunt = Callable[[Data, Data], Expression | None]  # from data for the fit and for its validation
ROWS = 1000  # of the sample that a law is fitted to
FLOOR = 1e-10  # of a solution exact to rounding
WELL_KNOWN = 1e-6  # of a solution accurate enough to determine constants for a proof
PROVED = 1e-9  # violation of an equation, relative to its terms
STEPS = 30
ROUNDS = 2  # over all laws, since a shorter form has other constants
NEAR = 1e-6  # relative distance of a constant from a nice number
MOST_PRODUCTS = 6  # of a sum of oscillations
ONE_WAY = 1e-6  # second over first singular value of the gradients


def find_laws(
    solution: Solution, should_stop: Callable[[], bool] = lambda: False, hunt: Hunt = lambda _, __: None
) -> list[Expression] | None:
    """Find a law for every unknown so that all together satisfy the equations; None if one has no law.

    Args:
        solution: The solution.
        should_stop: Once true, the search ends without further laws.
        hunt: Search for laws of several variables that are of none of the kinds above.
    """
    laws = []
    for unknown in range(len(solution.spline.coef)):
        law = _law(solution, unknown, should_stop) or _by_quarter(solution, unknown, should_stop)
        is_known = solution.error < WELL_KNOWN and not should_stop()
        if law is None and len(solution.spline.axes) > 1 and is_known:
            law = hunt(*_data(solution, unknown))
        if law is None:
            return None
        laws.append(law)
    return proved(solution, laws)


def _by_quarter(solution: Solution, unknown: int, should_stop: Callable[[], bool]) -> Expression | None:
    """Find a law 4·atan(v) if an equation contains the sine or cosine of the unknown.

    Solitons of u_tt - u_xx + sin(u) = 0 are products in v = tan(u/4) (Hirota, J. Phys. Soc. Japan 33, 1972).
    """
    places = [axis.interpolation() for axis in solution.spline.axes]
    values = solution.spline.on_grid(places)[unknown]
    if not _takes_sine(solution.problem, unknown) or np.abs(values).max() >= 2 * np.pi:
        return None
    quarters = np.tan(values / 4)
    spread = np.square(1 / np.cos(values / 4)).max() / 4 * np.abs(values).max() / np.abs(quarters).max()
    spline = TensorSpline.through(solution.spline.axes, quarters[None])
    law = _law(replace(solution, spline=spline, error=spread * solution.error), 0, should_stop)
    if law is None:
        return None
    free, measured = free_constants(4 * call("atan", law))
    better = refit(Form(free, np.array(measured)), _data(solution, unknown)[0], iterations=STEPS)
    return bind(free, better.values.tolist())


def _takes_sine(problem: Problem, unknown: int) -> bool:
    """Whether an equation contains the sine or cosine of an expression in the unknown."""

    def is_in(tree: Expression, leaves: Sequence[Jet | str]) -> bool:
        found = [leaves[node.index] for node in walk(tree) if isinstance(node, Parameter)]
        return any(isinstance(leaf, Jet) and leaf.unknown == unknown for leaf in found)

    return any(
        isinstance(node, Call) and node.function in ("sin", "cos") and is_in(node, equation.leaves)
        for equation in problem.equations
        for node in walk(equation.tree)
    )


def _law(solution: Solution, unknown: int, should_stop: Callable[[], bool]) -> Expression | None:
    axes, names = solution.spline.axes, solution.problem.independent
    floor = max(FLOOR, 10 * solution.error)
    if len(axes) == 1:
        return _law_of_axis(names[0], axes[0], solution.spline.coef[unknown], floor, should_stop)
    terms = separated(solution.spline.coef[unknown], axes, floor)
    if len(terms) == 1:
        factors = zip(names, axes, terms[0], strict=True)
        laws = [_law_of_axis(name, axis, coef, floor, should_stop) for name, axis, coef in factors]
        return None if None in laws else mul(*(_levelled(law) for law in laws if law is not None))
    if len(terms) <= MOST_PRODUCTS:
        law = _sum_of_products(solution, unknown, terms, floor)
        if law is not None:
            return law
    return _wave(solution, unknown, floor, should_stop)


def _levelled(tree: Expression) -> Expression:
    """Divide every sum that is a factor by its first coefficient, so that the others can be nice numbers."""
    if isinstance(tree, Mul):
        return mul(*map(_levelled, tree.factors))
    if not isinstance(tree, Add):
        return tree
    first = tree.terms[0]
    factors = first.factors if isinstance(first, Mul) else (first,)
    scale = math.prod(float(factor.value) for factor in factors if isinstance(factor, Number))
    return mul(number(scale), add(*(mul(number(1 / scale), term) for term in tree.terms)))


def _sum_of_products(
    solution: Solution, unknown: int, terms: Sequence[Term], floor: float
) -> Expression | None:
    """Find a sum of products of exponentials and oscillations, the usual solution of linear equations."""
    names, derivatives = solution.problem.independent, {}
    points = solution.points(ROWS, seed=0)
    for number_, (name, axis) in enumerate(zip(names, solution.spline.axes, strict=True)):
        coefs = np.stack([term[number_] for term in terms], 1)
        slopes = [axis.matrix(points[name], order) @ coefs for order in range(min(4, axis.order - 1) + 1)]
        derivatives[name] = np.stack([slope / np.abs(slopes[0]).max(0) for slope in slopes]).reshape(
            len(slopes), -1
        )
    fit, validation = _data(solution, unknown)
    form = exponential_sum(derivatives, fit, validation, floor)
    return None if form is None else polished(form, fit, validation)


def _data(solution: Solution, unknown: int) -> tuple[Data, Data]:
    fit, validation = (solution.points(rows, seed) for rows, seed in ((ROWS, 0), (ROWS // 2, 1)))
    return (fit, solution.values(fit)[unknown]), (validation, solution.values(validation)[unknown])


def _wave(
    solution: Solution, unknown: int, floor: float, should_stop: Callable[[], bool]
) -> Expression | None:
    """Find u = f(x + c·t …), if the gradient has the same direction everywhere."""
    names = solution.problem.independent
    (points, values), validation = _data(solution, unknown)
    rows = np.stack(list(points.values()), 1)
    lengths = np.array([high - low for low, high in solution.problem.domain])
    unit = np.eye(len(names), dtype=int).tolist()
    gradient = np.stack([solution.spline.at(rows, along)[unknown] for along in unit], 1) * lengths
    _, sizes, directions = np.linalg.svd(gradient, full_matrices=False)
    if sizes[1] > ONE_WAY * sizes[0]:
        return None
    direction = directions[0] / lengths
    direction /= direction[int(np.argmax(np.abs(directions[0]) > 1e-3))]

    def along(columns: Mapping[str, Array]) -> dict[str, Array]:
        return {WAVE: sum(w * columns[name] for w, name in zip(direction, names, strict=True))}

    data = ((along(points), values), (along(validation[0]), validation[1]))
    law = law_of_one(Variable(WAVE), *data, should_stop, floor=floor)
    if law is None:
        return None
    place = add(*(mul(number(float(w)), Variable(name)) for w, name in zip(direction, names, strict=True)))
    return substitute(law, {Variable(WAVE): place})


WAVE = "along the wave"  # cannot be a name of the client, since it has spaces


def _law_of_axis(
    name: str, axis: Axis, coef: Float[Array, " terms"], floor: float, should_stop: Callable[[], bool]
) -> Expression | None:
    """Find the closed form of a function of one variable whose relative error is ``floor``."""
    random, variable = np.random.default_rng(0), Variable(name)
    size = float(np.abs(axis.matrix(axis.interpolation()) @ coef).max()) or 1.0
    samples = []
    for rows in (ROWS, ROWS // 2):
        places = random.uniform(axis.grid[0], axis.grid[-1], rows)
        samples.append(({name: places}, axis.matrix(places) @ coef / size))
    (columns, values), validation = samples
    if np.ptp(values) < floor:
        return number(float(np.mean(values)) * size)
    highest = min(4, axis.order - 1)
    slopes = np.stack([axis.matrix(columns[name], order) @ coef / size for order in range(highest + 1)])
    form = exponential_sum({name: slopes}, (columns, values), validation, floor)
    law = polished(form, (columns, values), validation) if form else None
    if law is None:
        law = law_of_one(variable, (columns, values), validation, should_stop, floor=floor, squared=True)
    return None if law is None else law * size


def proved(solution: Solution, laws: Sequence[Expression]) -> list[Expression] | None:
    """Round constants to nice numbers; None if the laws violate an equation or condition.

    Violations up to ``PROOF_TOLERANCE`` count as rounding error.
    """
    points = solution.points(ROWS, seed=1)

    def holds(trees: Sequence[Expression]) -> bool:
        with np.errstate(all="ignore"):
            violations = [v for part in solution.violations_by(trees) for v in part]
        return all(v.relative < PROVED for v in violations)

    found = [simplify(tree, points) for tree in laws]
    best = found if holds(found) else None
    for unknown in [*range(len(found))] * ROUNDS:
        for tree in _nicer(found[unknown], points):
            trial = [*found[:unknown], tree, *found[unknown + 1 :]]
            if tree != found[unknown] and holds(trial):
                found, best = trial, trial
                break
    return best


def _nicer(tree: Expression, points: Mapping[str, Array]) -> Iterator[Expression]:
    """The formula with constants rounded to nice numbers nearby: all of them first, then all but one."""
    free, values = free_constants(tree)
    nice = {
        index: candidates[0]
        for index, value in enumerate(values)
        if (candidates := nice_constants(value, NEAR * abs(value) + 1e-12))
    }
    for count in range(len(nice), max(0, len(nice) - 2), -1):
        for chosen in combinations(nice, count):
            numbers: dict[Expression, Expression] = {
                Parameter(i): nice[i] if i in chosen else number(v) for i, v in enumerate(values)
            }
            yield simplify(substitute(free, numbers), points)
