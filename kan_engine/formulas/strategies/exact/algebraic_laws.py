"""Laws R(x)·y² + Q(x)·T(y) = P(x) with polynomials, as the null space of the matrix of their monomials.

Without noise, the matrix maps the vector of coefficients to rounding error. Quotients have R = 0. Roots have
T(y) = y: distances, the law of cosines, bound concentrations and relativistic energies are of this kind.
Angles enter by their cosines and sines. A law has to hold to rounding error on other rows, so noisy data give
no result.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS, TRANSFORMS_BY_SEARCH, is_defined
from kan_engine.expressions.evaluation import Expression, Parameter, add, apply_function, evaluate, mul
from kan_engine.expressions.nice_constants import nice_constants
from kan_engine.formulas.core.constant_fitting import Array, ParametricForm, compute_rmse
from kan_engine.formulas.core.constant_snapping import finalize_formula
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR
from kan_engine.formulas.core.transforms import invert_transform
from kan_engine.formulas.strategies.exact.monomials import (
    NEGLIGIBLE,
    MonomialSystem,
    Polynomial,
    list_variable_sets,
    write_monomial,
)
from kan_engine.numerics.ties import round_rank

MAX_COLUMNS_PER_ROW = 0.7
"""Columns of the matrix of monomials over the rows."""
MAX_ANGLE_COLUMNS = 250
"""Columns of the matrix with cosines and sines, and of that of a quadratic equation."""
MAX_TERMS = 14
"""More are an approximation, however close."""


def find_rational_law(
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    angles: bool = False,
    max_columns: int = 560,
) -> Expression | None:
    """Return a law T⁻¹(P/Q) with few terms, or None if none holds to rounding error.

    Args:
        fit: Rows that the coefficients are computed from.
        validation: Other rows, on which the law has to hold.
        should_stop: Called before every decomposition; once true, the search ends.
        angles: Whether one or two columns enter by their cosines and sines.
        max_columns: Of the matrix of monomials without these.
    """
    column_limit = MAX_ANGLE_COLUMNS if angles else max_columns
    for variables in list_variable_sets(list(fit.names), angles=angles):
        values = [evaluate(variable, fit.columns) for variable in variables]
        for transform in TRANSFORMS_BY_SEARCH["quotients"]:
            if not is_defined(transform, np.concatenate([fit.y, validation.y])[:, None]):
                continue
            response = TRANSFORMS[transform].forward(fit.y)
            terms = _find_quotient(values, response, column_limit, should_stop)
            tree = None if terms is None else _build_quotient(terms, variables, transform, fit, validation)
            if tree is not None:
                return tree
            if should_stop():
                return None
    return None


def _find_quotient(
    values: list[Float[Array, " rows"]],
    y: Float[Array, " rows"],
    column_limit: int,
    should_stop: Callable[[], bool],
    *,
    max_numerator_degree: int = 6,
    max_denominator_degree: int = 4,
    max_polynomial_degree: int = 16,
) -> list[Polynomial] | None:
    """Return P and Q for the smallest degrees that have a null vector, or None.

    Degrees are nested: if the largest degrees that the rows allow have no null vector, smaller degrees have
    none. A polynomial of one variable may have a degree up to ``max_polynomial_degree``.
    """
    # The matrix needs clearly more rows than columns: else every target has a null vector
    system = MonomialSystem(values, y)
    limit = min(column_limit, int(MAX_COLUMNS_PER_ROW * len(y)))
    degree_stop = max_numerator_degree + 1
    degrees = [*product(range(1, degree_stop), range(max_denominator_degree + 1))]
    if len(values) == 1:
        degrees += [(p, 0) for p in range(degree_stop, max_polynomial_degree + 1)]
    sizes = sorted((system.column_count(p, q), p, q) for p, q in degrees)
    sizes = [entry for entry in sizes if entry[0] <= limit]
    # Degrees that no others contain settle whether there is a law at all
    largest = [
        (p, q) for _, p, q in sizes if not any(p <= r and q <= s and (p, q) != (r, s) for _, r, s in sizes)
    ]
    if not any(len(system.null_space(p, q)) for p, q in largest if not should_stop()):
        return None
    # The smallest matrix with a null vector has the law without common factors
    for _, p, q in sizes:
        if should_stop():
            return None
        null = system.null_space(p, q)
        if len(null):
            return system.build_polynomials(null, p, q)
    return None


def _build_quotient(
    terms: list[Polynomial],
    variables: list[Expression],
    transform: str,
    fit: LabelledRows,
    validation: LabelledRows,
) -> Expression | None:
    """Return the quotient with snapped constants if it holds on the validation rows, else None."""
    above, below = terms
    if not above or not below or len(above) + len(below) > MAX_TERMS:
        return None
    # One coefficient becomes 1, since P and Q are known up to a common factor
    values = np.array([*above.values(), *below.values()])
    unit, constants = _find_nicest_unit(values), list[float]()
    top, bottom = (_to_tree(part, variables, constants, unit) for part in terms)
    form = ParametricForm(invert_transform(transform, top / bottom), np.array(constants))
    return _finalize_law(form, fit, validation)


def _finalize_law(form: ParametricForm, fit: LabelledRows, validation: LabelledRows) -> Expression | None:
    if not compute_rmse(form, validation) < MAX_EXACT_ERROR * validation.spread:
        return None
    return finalize_formula(form, fit, validation)


def _find_nicest_unit(values: Float[Array, " terms"]) -> float:
    """Return the coefficient that, as a divisor, turns most of the others into nice numbers."""

    def rate_unit(unit: float) -> tuple[int, float]:
        quotients = [float(v) for v in values / unit]
        return sum(bool(nice_constants(v, 1e-8 * abs(v))) for v in quotients), -round_rank(abs(unit))

    return max((float(v) for v in values), key=rate_unit)


def find_quadratic_law(
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    angles: bool = False,
    max_constant_degree: int = 4,
    max_linear_degree: int = 2,
) -> Expression | None:
    """Return a law y = (-h ± √(h² + R·P))/R with h = Q/2 and few terms, or None.

    ``max_constant_degree`` and ``max_linear_degree`` are those of P and Q, other arguments as those of
    ``find_rational_law``.
    """
    for variables in list_variable_sets(list(fit.names), angles=angles):
        values = [evaluate(variable, fit.columns) for variable in variables]
        system = MonomialSystem(values, fit.y)
        max_columns = min(MAX_ANGLE_COLUMNS, int(MAX_COLUMNS_PER_ROW * len(fit)))
        degree_triples = product(range(1, max_constant_degree + 1), range(max_linear_degree + 1), range(2))
        for _, triple in sorted(
            (system.column_count(*degree_triple), degree_triple) for degree_triple in degree_triples
        ):
            if system.column_count(*triple) > max_columns:
                break
            if should_stop():
                return None
            null = system.null_space(*triple)
            if len(null):
                tree = _build_root(system.build_polynomials(null, *triple), variables, fit, validation)
                if tree is not None:
                    return tree
                break
    return None


def _build_root(
    polynomials: list[Polynomial], variables: list[Expression], fit: LabelledRows, validation: LabelledRows
) -> Expression | None:
    """Return the root that holds on the rows, with snapped constants, else None."""
    constant, linear, leading = polynomials
    if not leading or sum(map(len, polynomials)) > MAX_TERMS:
        return None
    # The quadratic formula for R·y² + Q·y = P, scaled so that the largest coefficient of R is 1
    unit = max(leading.values(), key=lambda c: round_rank(abs(c)))
    constant, leading = ({m: c / unit for m, c in part.items()} for part in (constant, leading))
    half_linear = {m: c / unit / 2 for m, c in linear.items()}
    below_root = _add(_multiply(half_linear, half_linear), _multiply(leading, constant))
    for sign in (1, -1):
        values: list[float] = []
        root = mul(sign, apply_function("sqrt", _to_tree(below_root, variables, values)))
        tree = add(mul(-1, _to_tree(half_linear, variables, values)), root) / _to_tree(
            leading, variables, values
        )
        law = _finalize_law(ParametricForm(tree, np.array(values)), fit, validation)
        if law is not None:
            return law
    return None


def _multiply(p: Polynomial, q: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for (m, a), (n, b) in product(p.items(), q.items()):
        key = tuple(sorted((*m, *n)))
        result[key] = result.get(key, 0.0) + a * b
    return result


def _add(p: Polynomial, q: Polynomial) -> Polynomial:
    """The sum without terms that cancel up to rounding."""
    result: Polynomial = {}
    for key in p.keys() | q.keys():
        a, b = p.get(key, 0.0), q.get(key, 0.0)
        if abs(a + b) > NEGLIGIBLE * max(abs(a), abs(b)):
            result[key] = a + b
    return dict(sorted(result.items()))


def _to_tree(
    polynomial: Polynomial, variables: list[Expression], values: list[float], unit: float = 1.0
) -> Expression:
    """The polynomial over a unit with its coefficients as parameters, appended to ``values``; 1 stays."""
    terms = []
    for monomial, coefficient in polynomial.items():
        factor: Expression | int = 1
        if coefficient != unit:
            factor = Parameter(len(values))
            values.append(coefficient / unit)
        terms.append(mul(factor, write_monomial(monomial, variables)))
    return add(*terms)
