"""Roots of equations R(x)·y² + Q(x)·y = P(x) with polynomials, from the null space of their monomials.

Distances, the law of cosines, bound concentrations and relativistic energies are of this kind. As in
``rational_law``, a law has to hold to rounding error on other rows.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Parameter, add, apply_function, evaluate, mul
from kan_engine.formulas.core.constant_fitting import ParametricForm, compute_rmse
from kan_engine.formulas.core.constant_snapping import finalize_formula
from kan_engine.formulas.core.discovery_thresholds import DEFAULT_DISCOVERY, DiscoveryThresholds
from kan_engine.formulas.core.thresholds import DEFAULT_SYMBOLIC, SymbolicThresholds
from kan_engine.formulas.strategies.exact.monomials import (
    MonomialSystem,
    Polynomial,
    list_variable_sets,
    write_monomial,
)
from kan_engine.numerics.ties import round_rank


def find_quadratic_law(
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    angles: bool = False,
    max_constant_degree: int = 4,
    max_linear_degree: int = 2,
    thresholds: DiscoveryThresholds = DEFAULT_DISCOVERY,
    symbolic: SymbolicThresholds = DEFAULT_SYMBOLIC,
) -> Expression | None:
    """Return a law y = (-h ± √(h² + R·P))/R with h = Q/2 and few terms, or None.

    Args:
        fit: Rows that the coefficients are computed from.
        validation: Other rows, on which the law has to hold.
        should_stop: Called before every decomposition; once true, the search ends.
        angles: Whether one or two columns enter by their cosines and sines.
        max_constant_degree, max_linear_degree: Of P and Q.
        thresholds: Decision numbers.
        symbolic: Of the constants of the law.
    """
    for variables in list_variable_sets(list(fit.names), angles=angles):
        values = [evaluate(variable, fit.columns) for variable in variables]
        system = MonomialSystem(values, fit.y, thresholds.negligible_coefficient)
        most = min(thresholds.max_angle_columns, int(thresholds.max_columns_per_row * len(fit)))
        degrees = product(range(1, max_constant_degree + 1), range(max_linear_degree + 1), range(2))
        for _, chosen in sorted((system.column_count(*each), each) for each in degrees):
            if system.column_count(*chosen) > most:
                break
            if should_stop():
                return None
            null = system.null_space(*chosen)
            if len(null):
                tree = _build_law(
                    system.build_polynomials(null, *chosen), variables, fit, validation, thresholds, symbolic
                )
                if tree is not None:
                    return tree
                break
    return None


def _build_law(
    polynomials: list[Polynomial],
    variables: list[Expression],
    fit: LabelledRows,
    validation: LabelledRows,
    thresholds: DiscoveryThresholds,
    symbolic: SymbolicThresholds,
) -> Expression | None:
    """Return the root that holds on the rows, with snapped constants, else None."""
    constant, linear, leading = polynomials
    if not leading or sum(map(len, polynomials)) > thresholds.max_quotient_terms:
        return None
    unit = max(leading.values(), key=lambda c: round_rank(abs(c)))
    constant, leading = ({m: c / unit for m, c in own.items()} for own in (constant, leading))
    half = {m: c / unit / 2 for m, c in linear.items()}
    below_root = _add(_multiply(half, half), _multiply(leading, constant), thresholds.negligible_coefficient)
    for sign in (1, -1):
        values: list[float] = []
        root = mul(sign, apply_function("sqrt", _to_tree(below_root, variables, values)))
        tree = add(mul(-1, _to_tree(half, variables, values)), root) / _to_tree(leading, variables, values)
        form = ParametricForm(tree, np.array(values))
        if compute_rmse(form, validation) < symbolic.constants.max_exact_error * validation.spread:
            return finalize_formula(form, fit, validation, thresholds=symbolic)
    return None


def _multiply(first: Polynomial, second: Polynomial) -> Polynomial:
    found: Polynomial = {}
    for (m, a), (n, b) in product(first.items(), second.items()):
        key = tuple(sorted((*m, *n)))
        found[key] = found.get(key, 0.0) + a * b
    return found


def _add(first: Polynomial, second: Polynomial, negligible: float) -> Polynomial:
    """The sum without terms that cancel up to rounding."""
    found: Polynomial = {}
    for key in first.keys() | second.keys():
        a, b = first.get(key, 0.0), second.get(key, 0.0)
        if abs(a + b) > negligible * max(abs(a), abs(b)):
            found[key] = a + b
    return dict(sorted(found.items()))


def _to_tree(polynomial: Polynomial, variables: list[Expression], values: list[float]) -> Expression:
    """The polynomial with its coefficients as parameters, which are appended to ``values``; 1 stays."""
    terms = []
    for monomial, coefficient in polynomial.items():
        factor: Expression | int = 1
        if coefficient != 1:
            factor = Parameter(len(values))
            values.append(coefficient)
        terms.append(mul(factor, write_monomial(monomial, variables)))
    return add(*terms)
