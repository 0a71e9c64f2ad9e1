"""Exact laws of the solution of differential equations: closed forms that satisfy them to rounding error.

A law of one variable is fitted to the values of the function. A law of several variables may be a product of
such laws, a wave f(w·x), whose gradient has the same direction everywhere, or a sum of products of
exponentials, oscillations and powers. Logarithms, arc tangents and error functions of laws are found, too.
For other laws the caller passes a search. Every law is verified: put into the equations and conditions it
must leave nothing but rounding error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.differential.derivative_relations import find_error_function, find_log_rate, measure_levels
from kan_engine.differential.jets import Jet
from kan_engine.differential.networks.low_rank_network import Term, separate_variables
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.prony import fit_exponential_sum
from kan_engine.differential.solution import Solution
from kan_engine.differential.thresholds import DEFAULT_SOLUTION_LAWS, SolutionLawThresholds
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
    mul,
    number,
    parametrize_floats,
    substitute,
    walk,
)
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.core.constant_fitting import ParametricForm, refit_constants
from kan_engine.formulas.core.constant_snapping import finalize_formula
from kan_engine.formulas.strategies.exact.univariate_law import find_univariate_law
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline

Array = np.ndarray
# From rows for the fit and for its validation
LawFinder = Callable[[LabelledRows, LabelledRows], Expression | None]


def find_laws(
    solution: Solution,
    should_stop: Callable[[], bool] = lambda: False,
    hunt: LawFinder = lambda _, __: None,
    *,
    thresholds: SolutionLawThresholds = DEFAULT_SOLUTION_LAWS,
) -> list[Expression] | None:
    """Find a law for every unknown so that all together satisfy the equations; None if one has no law.

    Args:
        solution: The solution.
        should_stop: Once true, the search ends without further laws.
        hunt: Search for laws of several variables that are of none of the kinds above.
        thresholds: When a closed form is a law.
    """
    laws = []
    for unknown in range(len(solution.spline.coef)):
        law = _find_log_law(solution, unknown, thresholds, should_stop)
        law = law or _find_erf_law(solution, unknown, thresholds, should_stop)
        law = law or _find_law(solution, unknown, thresholds, should_stop)
        law = law or _find_arctan_law(solution, unknown, thresholds, should_stop)
        is_known = solution.error < thresholds.max_search_error and not should_stop()
        if law is None and len(solution.spline.axes) > 1 and is_known:
            law = hunt(*_sample_unknown(solution, unknown, thresholds.sample_rows))
        if law is None:
            return None
        laws.append(law)
    return prove_laws(solution, laws, thresholds)


def _find_arctan_law(
    solution: Solution, unknown: int, thresholds: SolutionLawThresholds, should_stop: Callable[[], bool]
) -> Expression | None:
    """Find a law 4·atan(v) if an equation contains the sine or cosine of the unknown.

    Solitons of u_tt - u_xx + sin(u) = 0 are products in v = tan(u/4) (Hirota, J. Phys. Soc. Japan 33, 1972).
    """
    places = [axis.interpolation_points() for axis in solution.spline.axes]
    values = solution.spline.evaluate_grid(places)[unknown]
    if not _has_sine(solution.problem, unknown) or np.abs(values).max() >= 2 * np.pi:
        return None
    # Relative error of v = tan(u/4) over that of u: largest slope, times the size of u over that of v
    quarters = np.tan(values / 4)
    spread = np.square(1 / np.cos(values / 4)).max() / 4 * np.abs(values).max() / np.abs(quarters).max()
    law = _find_law_of_values(solution, quarters, spread, thresholds, should_stop)
    return None if law is None else _refit(4 * call("atan", law), solution, unknown, thresholds)


def _find_log_law(
    solution: Solution,
    unknown: int,
    thresholds: SolutionLawThresholds,
    should_stop: Callable[[], bool],
    *,
    max_log_range: float = 15.0,
) -> Expression | None:
    """Find a law log(v)/s, where v is a sum of exponentials in one of the variables.

    If v has two rates, v″ = κ·v′ + λ·v, then u = log(v)/s satisfies u″ = -s·u′² + κ·u′ + λ/s. Such are
    solutions of Riccati's and Hamilton-Jacobi equations (Hopf, Comm. Pure Appl. Math. 3, 1950).

    Args:
        max_log_range: Of the logarithm of v; beyond it the small values of v are rounding.
    """
    places = [axis.interpolation_points() for axis in solution.spline.axes]
    values = solution.spline.evaluate_grid(places)[unknown]
    for axis in range(len(solution.spline.axes)):
        rate = find_log_rate(solution, unknown, axis, thresholds)
        if rate is None or np.ptp(rate * values) > max_log_range:
            continue
        # The function exp(s·u) is a sum of exponentials; without the middle of its range it cannot overflow
        middle = (values.max() + values.min()) / 2
        powers = np.exp(rate * (values - middle))
        spread = abs(rate) * max(float(np.abs(values).max()), 1e-300)
        law = _find_law_of_values(solution, powers, spread, thresholds, should_stop)
        if law is not None:
            return _refit(
                number(1 / rate) * call("log", law * math.exp(rate * middle)), solution, unknown, thresholds
            )
    return None


def _find_erf_law(
    solution: Solution, unknown: int, thresholds: SolutionLawThresholds, should_stop: Callable[[], bool]
) -> Expression | None:
    """Find a law A + B·erf(v), with laws of the other variables for A and B."""
    for axis in range(len(solution.spline.axes)):
        error_function = find_error_function(solution, unknown, axis, thresholds)
        if error_function is None:
            continue
        levels: list[Expression | None] = [number(error_function.offset), number(error_function.factor)]
        if not error_function.is_accurate and solution.error < thresholds.max_search_error:
            level_values = measure_levels(solution, unknown, axis, error_function.tree)
            if level_values is None:
                continue
            size = max(float(np.abs(level).max()) for level in level_values)
            # A level that is negligible beside the other is 0
            levels = [
                number(0)
                if np.abs(level).max() < thresholds.negligible_bell_share * size
                else _find_law_of_values(solution, level, 1.0, thresholds, should_stop)
                for level in level_values
            ]
        offset, factor = levels
        if offset is None or factor is None:
            continue
        law = offset + factor * error_function.tree
        if solution.error < thresholds.max_search_error:
            return _refit(law, solution, unknown, thresholds)
        points = solution.sample_points(thresholds.sample_rows, seed=1)
        coarse = replace(thresholds, snapping_tolerance=thresholds.bell_tolerance)
        return next(_snap_constants(law, points, coarse), law)
    return None


def _find_law_of_values(
    solution: Solution,
    values: Float[Array, "*points"],
    spread: float,
    thresholds: SolutionLawThresholds,
    should_stop: Callable[[], bool],
) -> Expression | None:
    """Find the law of a function of an unknown, given at the interpolation points.

    Args:
        spread: Relative error of the function over that of the unknown.
    """
    spline = TensorSpline.interpolate(solution.spline.axes, values[None])
    return _find_law(
        replace(solution, spline=spline, error=spread * solution.error), 0, thresholds, should_stop
    )


def _refit(
    law: Expression,
    solution: Solution,
    unknown: int,
    thresholds: SolutionLawThresholds,
    *,
    max_inverse_refit_steps: int = 30,
) -> Expression:
    """Refit the constants of a law to the unknown.

    Args:
        max_inverse_refit_steps: Of Levenberg-Marquardt for 4·atan(v) and log(v)/s.
    """
    free, values = parametrize_floats(law)
    better = refit_constants(
        ParametricForm(free, np.array(values)),
        _sample_unknown(solution, unknown, thresholds.sample_rows)[0],
        iterations=max_inverse_refit_steps,
    )
    return bind(free, better.values.tolist())


def _has_sine(problem: DifferentialProblem, unknown: int) -> bool:
    """Whether an equation contains the sine or cosine of an expression in the unknown."""

    def is_in(tree: Expression, leaves: Sequence[Jet | str]) -> bool:
        occurrences = [leaves[node.index] for node in walk(tree) if isinstance(node, Parameter)]
        return any(isinstance(leaf, Jet) and leaf.unknown == unknown for leaf in occurrences)

    return any(
        isinstance(node, Call) and node.function in ("sin", "cos") and is_in(node, equation.leaves)
        for equation in problem.equations
        for node in walk(equation.tree)
    )


def _find_law(
    solution: Solution,
    unknown: int,
    thresholds: SolutionLawThresholds,
    should_stop: Callable[[], bool],
    *,
    min_error: float = 1e-10,
) -> Expression | None:
    """Find the law of an unknown: over one axis, a product, a sum or a wave.

    Args:
        min_error: Of a solution exact to rounding.
    """
    axes, names = solution.spline.axes, solution.problem.independent
    floor, coef = max(min_error, 10 * solution.error), solution.spline.coef[unknown]
    if len(axes) == 1:
        return _find_axis_law(names[0], axes[0], coef, floor, thresholds, should_stop)
    # One product separates into laws of one variable; several make a sum, many perhaps a wave
    terms = separate_variables(coef, axes, floor, max_terms=thresholds.max_products + 1)
    if len(terms) == 1:
        factors = zip(names, axes, terms[0], strict=True)
        laws = [_find_axis_law(*factor, floor, thresholds, should_stop) for factor in factors]
        return None if None in laws else mul(*(_normalise_sums(law) for law in laws if law is not None))
    if len(terms) <= thresholds.max_products:
        law = _find_sum_of_products(solution, unknown, terms, floor, thresholds)
        if law is not None:
            return law
    return _find_wave_law(solution, unknown, floor, thresholds, should_stop)


def _normalise_sums(tree: Expression) -> Expression:
    """Divide every sum that is a factor by its first coefficient, so that the others can be nice numbers."""
    if isinstance(tree, Mul):
        return mul(*map(_normalise_sums, tree.factors))
    if not isinstance(tree, Add):
        return tree
    leading_term = tree.terms[0]
    factors = leading_term.factors if isinstance(leading_term, Mul) else (leading_term,)
    scale = math.prod(float(factor.value) for factor in factors if isinstance(factor, Number))
    return mul(number(scale), add(*(mul(number(1 / scale), term) for term in tree.terms)))


def _find_sum_of_products(
    solution: Solution, unknown: int, terms: Sequence[Term], floor: float, thresholds: SolutionLawThresholds
) -> Expression | None:
    """Find a sum of products of exponentials and oscillations, the usual solution of linear equations."""
    names, derivatives = solution.problem.independent, {}
    points = solution.sample_points(thresholds.sample_rows, seed=0)
    for number_, (name, axis) in enumerate(zip(names, solution.spline.axes, strict=True)):
        # Derivatives of the factors along this axis, each factor scaled to a maximum of 1
        coefs = np.stack([term[number_] for term in terms], 1)
        slopes = [axis.matrix(points[name], order) @ coefs for order in range(min(4, axis.order - 1) + 1)]
        derivatives[name] = np.stack([slope / np.abs(slopes[0]).max(0) for slope in slopes]).reshape(
            len(slopes), -1
        )
    fit, validation = _sample_unknown(solution, unknown, thresholds.sample_rows)
    form = fit_exponential_sum(derivatives, fit, validation, floor, thresholds)
    return None if form is None else finalize_formula(form, fit, validation)


def _sample_unknown(solution: Solution, unknown: int, rows: int) -> tuple[LabelledRows, LabelledRows]:
    fit, validation = solution.sample_points(rows, seed=0), solution.sample_points(rows // 2, seed=1)
    fit_rows, validation_rows = (
        LabelledRows.from_columns(points, solution.values(points)[unknown]) for points in (fit, validation)
    )
    return fit_rows, validation_rows


def _find_wave_law(
    solution: Solution,
    unknown: int,
    floor: float,
    thresholds: SolutionLawThresholds,
    should_stop: Callable[[], bool],
    *,
    max_direction_ratio: float = 1e-6,
) -> Expression | None:
    """Find u = f(x + c·t …), if the gradient has the same direction everywhere.

    Args:
        max_direction_ratio: Second over first singular value of the gradients of a wave.
    """
    names = solution.problem.independent
    fit, validation = _sample_unknown(solution, unknown, thresholds.sample_rows)
    # The gradients at all points have one direction if their second singular value is negligible
    lengths = np.array([high - low for low, high in solution.problem.domain])
    unit = np.eye(len(names), dtype=int).tolist()
    gradient = (
        np.stack([solution.spline.evaluate_points(fit.x, along)[unknown] for along in unit], 1) * lengths
    )
    _, sizes, directions = np.linalg.svd(gradient, full_matrices=False)
    if sizes[1] > max_direction_ratio * sizes[0]:
        return None
    # In the units of the variables, scaled so that the first component that is not negligible is 1
    direction = directions[0] / lengths
    direction /= direction[int(np.argmax(np.abs(directions[0]) > 1e-3))]

    def project_points(rows: LabelledRows) -> LabelledRows:
        place = sum(w * rows.columns[name] for w, name in zip(direction, names, strict=True))
        return LabelledRows.from_columns({WAVE_VARIABLE: place}, rows.y)

    law = find_univariate_law(
        Variable(WAVE_VARIABLE),
        project_points(fit),
        project_points(validation),
        should_stop,
        floor=floor,
    )
    if law is None:
        return None
    place = add(*(mul(number(float(w)), Variable(name)) for w, name in zip(direction, names, strict=True)))
    return substitute(law, {Variable(WAVE_VARIABLE): place})


WAVE_VARIABLE = "along the wave"  # cannot be a name of the client, since it has spaces


def _find_axis_law(
    name: str,
    axis: SplineAxis,
    coef: Float[Array, " terms"],
    floor: float,
    thresholds: SolutionLawThresholds,
    should_stop: Callable[[], bool],
) -> Expression | None:
    """Find the closed form of a function of one variable whose relative error is ``floor``."""
    random, variable = np.random.default_rng(0), Variable(name)
    # Random places for fit and validation, with values scaled to a maximum of 1
    size = float(np.abs(axis.interpolation_matrix @ coef).max()) or 1.0
    samples = []
    for rows in (thresholds.sample_rows, thresholds.sample_rows // 2):
        places = random.uniform(axis.grid[0], axis.grid[-1], rows)
        samples.append(LabelledRows.from_columns({name: places}, axis.matrix(places) @ coef / size))
    fit, validation = samples
    if np.ptp(fit.y) < floor:
        return number(float(np.mean(fit.y)) * size)
    highest = min(4, axis.order - 1)
    slopes = np.stack([axis.matrix(fit.columns[name], order) @ coef / size for order in range(highest + 1)])
    form = fit_exponential_sum({name: slopes}, fit, validation, floor, thresholds)
    law = None
    if form:
        law = finalize_formula(form, fit, validation)
    if law is None:
        law = find_univariate_law(variable, fit, validation, should_stop, floor=floor, squared=True)
    return None if law is None else law * size


def prove_laws(
    solution: Solution,
    laws: Sequence[Expression],
    thresholds: SolutionLawThresholds,
    *,
    snapping_rounds: int = 2,
) -> list[Expression] | None:
    """Round constants to nice numbers; None if the laws violate an equation or condition.

    Violations up to ``proof_tolerance`` count as rounding error.

    Args:
        snapping_rounds: Over all laws, since a shorter form has other constants.
    """
    points = solution.sample_points(thresholds.sample_rows, seed=1)

    def holds(trees: Sequence[Expression]) -> bool:
        with np.errstate(all="ignore"):
            violations = [v for part in solution.law_violations(trees) for v in part]
        return all(v.relative < thresholds.proof_tolerance for v in violations)

    formulas = [simplify(tree, points) for tree in laws]
    best = formulas if holds(formulas) else None
    for unknown in [*range(len(formulas))] * snapping_rounds:
        for tree in _snap_constants(formulas[unknown], points, thresholds):
            trial = [*formulas[:unknown], tree, *formulas[unknown + 1 :]]
            if tree != formulas[unknown] and holds(trial):
                formulas, best = trial, trial
                break
    return best


def _snap_constants(
    tree: Expression, points: Mapping[str, Float[Array, " rows"]], thresholds: SolutionLawThresholds
) -> Iterator[Expression]:
    """The formula with constants rounded to nice numbers nearby: all of them first, then all but one."""
    free, values = parametrize_floats(tree)
    tolerance = thresholds.snapping_tolerance
    nice = {
        index: candidates[0]
        for index, value in enumerate(values)
        if (candidates := nice_constants(value, tolerance * abs(value) + 1e-12))
    }
    for count in range(len(nice), max(0, len(nice) - 2), -1):
        for subset in combinations(nice, count):
            numbers: dict[Expression, Expression] = {
                Parameter(i): nice[i] if i in subset else number(v) for i, v in enumerate(values)
            }
            yield simplify(substitute(free, numbers), points)
