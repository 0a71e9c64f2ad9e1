"""Quotients of polynomials: P(x) = T(y) · Q(x) as the null space of a matrix of monomials.

Without noise, the matrix maps the vector of coefficients to rounding error. Angles enter by their cosines and
sines. A law has to hold to rounding error on other rows, so noisy data give no result.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TRANSFORMS, TRANSFORMS_BY_SEARCH, is_defined
from kan_engine.expressions.evaluation import (
    Expression,
    Parameter,
    add,
    evaluate,
    mul,
    number,
)
from kan_engine.expressions.nice_constants import nice_constants
from kan_engine.expressions.thresholds import NiceConstantThresholds
from kan_engine.formulas.core.constant_fitting import (
    Array,
    ParametricForm,
    compute_rmse,
)
from kan_engine.formulas.core.constant_snapping import finalize_formula
from kan_engine.formulas.core.discovery_thresholds import DEFAULT_DISCOVERY, DiscoveryThresholds
from kan_engine.formulas.core.thresholds import DEFAULT_SYMBOLIC, SymbolicThresholds
from kan_engine.formulas.core.transforms import INVERSE_TRANSFORMS
from kan_engine.formulas.strategies.exact.monomials import (
    MonomialSystem,
    Polynomial,
    list_variable_sets,
    write_monomial,
)
from kan_engine.numerics.ties import round_rank


def find_rational_law(
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    angles: bool = False,
    max_columns: int = 560,
    thresholds: DiscoveryThresholds = DEFAULT_DISCOVERY,
    symbolic: SymbolicThresholds = DEFAULT_SYMBOLIC,
) -> Expression | None:
    """Return a law T⁻¹(P/Q) with few terms, or None if none holds to rounding error.

    Args:
        fit: Rows that the coefficients are computed from.
        validation: Other rows, on which the law has to hold.
        should_stop: Called before every decomposition; once true, the search ends.
        angles: Whether one or two columns enter by their cosines and sines.
        max_columns: Of the matrix of monomials without these.
        thresholds: Decision numbers.
        symbolic: Of the constants of the law.
    """
    most = thresholds.max_angle_columns if angles else max_columns
    for variables in list_variable_sets(list(fit.names), angles=angles):
        values = [evaluate(variable, fit.columns) for variable in variables]
        for transform in TRANSFORMS_BY_SEARCH["quotients"]:
            if not is_defined(transform, np.concatenate([fit.y, validation.y])[:, None]):
                continue
            moved = TRANSFORMS[transform].forward(fit.y)
            terms = _find_quotient(values, moved, most, should_stop, thresholds)
            tree = None
            if terms is not None and sum(map(len, terms)) <= thresholds.max_quotient_terms:
                tree = _build_law(terms, variables, transform, fit, validation, symbolic)
            if tree is not None:
                return tree
            if should_stop():
                return None
    return None


def _find_quotient(
    values: list[Array],
    y: Array,
    most: int,
    should_stop: Callable[[], bool],
    thresholds: DiscoveryThresholds,
    *,
    max_numerator_degree: int = 6,
    max_denominator_degree: int = 4,
    max_polynomial_degree: int = 16,
) -> list[Polynomial] | None:
    """Return P and Q for the smallest degrees that have a null vector, or None.

    Degrees are nested: if the largest degrees that the rows allow have no null vector, smaller degrees have
    none. A polynomial of one variable may have a degree up to ``max_polynomial_degree``.
    """
    system = MonomialSystem(values, y, thresholds.negligible_coefficient)
    limit = min(most, int(thresholds.max_columns_per_row * len(y)))
    least = max_numerator_degree + 1
    degrees = [*product(range(1, least), range(max_denominator_degree + 1))]
    if len(values) == 1:
        degrees += [(p, 0) for p in range(least, max_polynomial_degree + 1)]
    sized = sorted((system.column_count(p, q), p, q) for p, q in degrees)
    sized = [entry for entry in sized if entry[0] <= limit]
    largest = [
        (p, q) for _, p, q in sized if not any(p <= r and q <= s and (p, q) != (r, s) for _, r, s in sized)
    ]
    if not any(len(system.null_space(p, q)) for p, q in largest if not should_stop()):
        return None
    for _, p, q in sized:
        if should_stop():
            return None
        null = system.null_space(p, q)
        if len(null):
            return system.build_polynomials(null, p, q)
    return None


def _build_law(
    terms: list[Polynomial],
    variables: list[Expression],
    transform: str,
    fit: LabelledRows,
    validation: LabelledRows,
    symbolic: SymbolicThresholds,
) -> Expression | None:
    """Return the law with snapped constants if it holds on the validation rows, else None."""
    above, below = terms
    if not above or not below:
        return None
    values = np.array([*above.values(), *below.values()])
    values = values / _find_nicest_unit(values, symbolic.simplification.constants)
    free = [place for place, value in enumerate(values) if value != 1]
    slots: dict[int, Expression] = {place: Parameter(n) for n, place in enumerate(free)}
    factors = [slots.get(place, number(1)) for place in range(len(values))]
    monomials = [write_monomial(m, variables) for m in (*above, *below)]
    parts = [mul(c, m) for c, m in zip(factors, monomials, strict=True)]
    count = len(above)
    tree = INVERSE_TRANSFORMS[transform](add(*parts[:count]) / add(*parts[count:]))
    form = ParametricForm(tree, values[free])
    if not compute_rmse(form, validation) < symbolic.constants.max_exact_error * validation.spread:
        return None
    return finalize_formula(form, fit, validation, thresholds=symbolic)


def _find_nicest_unit(values: Array, thresholds: NiceConstantThresholds) -> float:
    """Return the coefficient that, as a divisor, turns most of the others into nice numbers."""

    def rate_unit(unit: float) -> tuple[int, float]:
        others = [float(v) for v in values / unit]
        return sum(bool(nice_constants(v, 1e-8 * abs(v), thresholds)) for v in others), -round_rank(abs(unit))

    return max((float(v) for v in values), key=rate_unit)
