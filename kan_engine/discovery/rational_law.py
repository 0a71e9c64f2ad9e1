"""Quotients of polynomials: P(x) = T(y) · Q(x) as the null space of a matrix of monomials.

Without noise, the matrix maps the vector of coefficients to rounding error. Angles enter by their cosines and
sines. A law has to hold to rounding error on other rows, so noisy data give no result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, islice, product
from math import comb

import numpy as np
from numpy.typing import NDArray

from kan_engine.data.scaling import TRANSFORMS, is_defined
from kan_engine.discovery.thresholds import DEFAULT_DISCOVERY, DiscoveryThresholds
from kan_engine.expressions.evaluation import (
    Expression,
    Parameter,
    Variable,
    add,
    apply_function,
    evaluate,
    mul,
    number,
    power,
)
from kan_engine.expressions.nice_constants import nice_constants
from kan_engine.expressions.thresholds import NiceConstantThresholds
from kan_engine.symbolic.constant_fitting import (
    ColumnsAndTarget,
    ParametricForm,
    compute_rmse,
    compute_spread,
)
from kan_engine.symbolic.constant_snapping import finalize_formula
from kan_engine.symbolic.extraction import INVERSE_TRANSFORMS
from kan_engine.symbolic.function_starts import Array
from kan_engine.symbolic.thresholds import DEFAULT_SYMBOLIC, SymbolicThresholds

Polynomial = dict[tuple[int, ...], float]
"""Coefficients by monomial, which is a tuple of the indices of its factors."""

TARGET_TRANSFORMS = ("identity", "square", "cos", "sin")


def find_rational_law(
    fit: ColumnsAndTarget,
    validation: ColumnsAndTarget,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    angles: bool = False,
    thresholds: DiscoveryThresholds = DEFAULT_DISCOVERY,
    symbolic: SymbolicThresholds = DEFAULT_SYMBOLIC,
) -> Expression | None:
    """Return a law T⁻¹(P/Q) with few terms, or None if none holds to rounding error.

    Args:
        fit: Columns and target that the coefficients are computed from.
        validation: Columns and target of other rows, on which the law has to hold.
        should_stop: Called before every decomposition; once true, the search ends.
        angles: Whether one or two columns enter by their cosines and sines.
        thresholds: Decision numbers.
        symbolic: Of the constants of the law.
    """
    columns, target = fit
    everything = iterate_variable_sets(list(columns))
    bases = islice(everything, 1, None) if angles else islice(everything, 1)
    most = thresholds.max_angle_columns if angles else thresholds.max_columns
    for variables in bases:
        values = [evaluate(variable, columns) for variable in variables]
        for transform in TARGET_TRANSFORMS:
            if not is_defined(transform, np.concatenate([target, validation[1]])[:, None]):
                continue
            moved = TRANSFORMS[transform].forward(target)
            terms = _find_quotient(values, moved, most, should_stop, thresholds)
            is_short = terms is not None and terms.count <= thresholds.max_quotient_terms
            tree = None
            if terms is not None and is_short:
                tree = _build_law(terms, variables, transform, fit, validation, symbolic)
            if tree is not None:
                return tree
            if should_stop():
                return None
    return None


def iterate_variable_sets(names: list[str]) -> Iterator[list[Expression]]:
    """Yield the columns, then sets in which one or two columns are replaced by cosines and sines."""
    variables = [Variable(name) for name in names]
    yield list(variables)
    for angle in variables:
        rest = [v for v in variables if v != angle]
        yield [*rest, apply_function("cos", angle)]
        yield [*rest, apply_function("sin", angle)]
    for first, second in combinations(variables, 2):
        rest = [v for v in variables if v not in (first, second)]
        yield [*rest, apply_function("cos", add(first, mul(-1, second)))]
        yield [*rest, *(apply_function(f, v) for v in (first, second) for f in ("cos", "sin"))]


@dataclass(frozen=True)
class _Quotient:
    """A quotient of two polynomials.

    Attributes:
        above: Coefficients of P.
        below: Coefficients of Q.
    """

    above: Polynomial
    below: Polynomial

    @property
    def count(self) -> int:
        """Number of terms of both."""
        return len(self.above) + len(self.below)


def _find_quotient(
    values: list[Array],
    y: Array,
    most: int,
    should_stop: Callable[[], bool],
    thresholds: DiscoveryThresholds,
) -> _Quotient | None:
    """Return the quotient for the smallest degrees that have a null vector, or None.

    Degrees are nested: if the largest degrees that the rows allow have no null vector, smaller degrees have
    none.
    """
    system = MonomialSystem(values, y, thresholds)
    limit = min(most, int(thresholds.max_columns_per_row * len(y)))
    least = thresholds.max_numerator_degree + 1
    degrees = [*product(range(1, least), range(thresholds.max_denominator_degree + 1))]
    if len(values) == 1:
        degrees += [(p, 0) for p in range(least, thresholds.max_polynomial_degree + 1)]
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
            return _Quotient(*system.build_polynomials(null, p, q))
    return None


class MonomialSystem:
    """Matrix of the monomials of P, and of those of Q times -y and of R times -y², on the unit scale.

    Degrees of these polynomials come in this order; what has none is absent.
    """

    def __init__(self, values: list[Array], y: Array, thresholds: DiscoveryThresholds) -> None:
        self._thresholds = thresholds
        self._scales = [float(np.abs(v).max()) or 1.0 for v in values]
        self._size = float(np.abs(y).max()) or 1.0
        self._unit = [v / s for v, s in zip(values, self._scales, strict=True)]
        self._y = y / self._size
        self._known: dict[tuple[int, ...], Array] = {}

    def column_count(self, *degrees: int) -> int:
        """Number of columns for these degrees."""
        d = len(self._unit)
        return sum(comb(d + degree, degree) for degree in degrees)

    def null_space(self, *degrees: int) -> Array:
        """Orthonormal null vectors of the matrix with columns of length 1, up to rounding error."""
        if degrees not in self._known:
            matrix, _ = self._matrix(degrees)
            if not np.isfinite(matrix).all():  # powers of large values
                return np.zeros((0, matrix.shape[1]))
            triangle = np.linalg.qr(matrix, mode="r")
            _, singular, right = np.linalg.svd(triangle)
            largest = self._thresholds.max_null_singular_value * singular[0]
            self._known[degrees] = np.asarray(right[singular < largest])
        return self._known[degrees]

    def build_polynomials(self, null: Array, *degrees: int) -> list[Polynomial]:
        """Reduce these null vectors to the sparsest one; return its polynomials, in units of the columns."""
        sets = [_monomials(len(self._unit), degree) for degree in degrees]
        _, norms = self._matrix(degrees)
        everything = [m for own in sets for m in own]
        vector = _eliminate_monomials(null, np.array([len(m) for m in everything]))
        units = norms * [np.prod([self._scales[i] for i in m]) for m in everything]
        smallest = self._thresholds.negligible_coefficient * np.abs(vector).max()
        left = iter(np.where(np.abs(vector) > smallest, vector / units, 0.0).tolist())
        return [
            {m: c / self._size**place for m, c in zip(own, left, strict=False) if c}
            for place, own in enumerate(sets)
        ]

    def _matrix(self, degrees: tuple[int, ...]) -> tuple[Array, Array]:
        columns = [
            (_product(self._unit, m) if place == 0 else -(self._y**place) * _product(self._unit, m))
            for place, degree in enumerate(degrees)
            for m in _monomials(len(self._unit), degree)
        ]
        matrix = np.stack(columns, 1)
        first = np.linalg.norm(matrix, axis=0)
        first = np.where(first > 0, first, 1.0)
        matrix = matrix / first
        # every row counts, also where the target covers decades; null vectors stay what they are
        matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-300)
        second = np.linalg.norm(matrix, axis=0)
        second = np.where(second > 0, second, 1.0)
        return matrix / second, first * second


def _monomials(d: int, degree: int) -> list[tuple[int, ...]]:
    return [m for n in range(degree + 1) for m in combinations_with_replacement(range(d), n)]


def write_monomial(monomial: tuple[int, ...], variables: list[Expression]) -> Expression:
    """The product of the variables with these indices."""
    return mul(*(power(variables[place], count) for place, count in Counter(monomial).items()))


def _product(values: list[Array], monomial: tuple[int, ...]) -> Array:
    return np.prod([values[i] for i in monomial], axis=0) if monomial else np.ones_like(values[0])


def _eliminate_monomials(null: Array, degrees: NDArray[np.int64]) -> Array:
    """Eliminate monomials, highest degrees first, until one null vector is left; return it."""
    rows = null[:, np.argsort(-degrees, kind="stable")].copy()
    column = 0
    while len(rows) > 1:
        pivot = int(np.argmax(np.abs(rows[:, column])))
        if abs(rows[pivot, column]) > 1e-9:
            lead = rows[pivot]
            rows = np.delete(rows, pivot, 0)
            rows = rows - np.outer(rows[:, column] / lead[column], lead)
        column += 1
    vector = np.empty(len(degrees))
    vector[np.argsort(-degrees, kind="stable")] = rows[0]
    return np.asarray(vector / np.abs(vector).max())


def _build_law(
    terms: _Quotient,
    variables: list[Expression],
    transform: str,
    fit: ColumnsAndTarget,
    validation: ColumnsAndTarget,
    symbolic: SymbolicThresholds,
) -> Expression | None:
    """Return the law with snapped constants if it holds on the validation rows, else None."""
    if not terms.above or not terms.below:
        return None
    values = np.array([*terms.above.values(), *terms.below.values()])
    values = values / _find_nicest_unit(values, symbolic.simplification.constants)
    free = [place for place, value in enumerate(values) if value != 1]
    slots: dict[int, Expression] = {place: Parameter(n) for n, place in enumerate(free)}
    factors = [slots.get(place, number(1)) for place in range(len(values))]
    monomials = [write_monomial(m, variables) for m in (*terms.above, *terms.below)]
    parts = [mul(c, m) for c, m in zip(factors, monomials, strict=True)]
    count = len(terms.above)
    tree = INVERSE_TRANSFORMS[transform](add(*parts[:count]) / add(*parts[count:]))
    form = ParametricForm(tree, values[free])
    spread = compute_spread(validation)
    if not compute_rmse(form, validation) < symbolic.constants.max_exact_error * spread:
        return None
    return finalize_formula(form, fit, validation, thresholds=symbolic)


def _find_nicest_unit(values: Array, thresholds: NiceConstantThresholds) -> float:
    """Return the coefficient that, as a divisor, turns most of the others into nice numbers."""

    def rate_unit(unit: float) -> tuple[int, float]:
        others = [float(v) for v in values / unit]
        return sum(bool(nice_constants(v, 1e-8 * abs(v), thresholds)) for v in others), -abs(unit)

    return max((float(v) for v in values), key=rate_unit)
