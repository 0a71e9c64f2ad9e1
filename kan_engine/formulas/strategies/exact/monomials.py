"""Polynomials that satisfy P = y·Q + y²·R in all rows, as the null space of the matrix of their monomials.

Without noise, the matrix maps the vector of coefficients to rounding error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement
from math import comb

import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from kan_engine.expressions.evaluation import Expression, Variable, add, apply_function, mul, power
from kan_engine.expressions.library import select_functions
from kan_engine.formulas.core.constant_fitting import Array

Polynomial = dict[tuple[int, ...], float]
"""Coefficients by monomial, which is a tuple of the indices of its factors."""

NEGLIGIBLE = 1e-7
"""Over the largest coefficient on the unit scale; terms with smaller ones are dropped."""


def list_variable_sets(names: list[str], *, angles: bool) -> Iterator[list[Expression]]:
    """Yield the columns, or with ``angles`` sets in which functions of angles replace one or two of them.

    A periodic function replaces one column. Cosines and sines of two columns are enough for all functions of
    their sums and differences, by the addition theorems.
    """
    variables = [Variable(name) for name in names]
    if not angles:
        yield list(variables)
        return
    periodic = [f for f in select_functions("terms") if f.equation == "periodic"]
    periodic.sort(key=lambda function: function.parity != "even")
    for angle in variables:
        columns = [v for v in variables if v != angle]
        yield from ([*columns, apply_function(function.name, angle)] for function in periodic)
    for alpha, beta in combinations(variables, 2):
        columns = [v for v in variables if v not in (alpha, beta)]
        yield [*columns, apply_function("cos", add(alpha, mul(-1, beta)))]
        yield [*columns, *(apply_function(f, v) for v in (alpha, beta) for f in ("cos", "sin"))]


class MonomialSystem:
    """Matrix of the monomials of P, and of those of Q times -y and of R times -y², on the unit scale.

    Degrees of these polynomials come in this order; what has none is absent.

    Args:
        values: Of the variables.
        y: The target.
        max_null_singular_value: Over the largest singular value.
    """

    def __init__(
        self,
        values: list[Float[Array, " rows"]],
        y: Float[Array, " rows"],
        *,
        max_null_singular_value: float = 3e-13,
    ) -> None:
        self._max_null_singular_value = max_null_singular_value
        # The largest magnitude of every column becomes 1, so that coefficients are comparable
        self._scales = [float(np.abs(v).max()) or 1.0 for v in values]
        self._size = float(np.abs(y).max()) or 1.0
        self._unit = [v / s for v, s in zip(values, self._scales, strict=True)]
        self._y = y / self._size
        self._known: dict[tuple[int, ...], Array] = {}

    def column_count(self, *degrees: int) -> int:
        """Number of columns for these degrees."""
        d = len(self._unit)
        return sum(comb(d + degree, degree) for degree in degrees)

    def null_space(self, *degrees: int) -> Float[Array, "vectors terms"]:
        """Orthonormal null vectors of the matrix with columns of length 1, up to rounding error."""
        if degrees not in self._known:
            matrix, _ = self._matrix(degrees)
            if not np.isfinite(matrix).all():  # powers of large values
                return np.zeros((0, matrix.shape[1]))
            # The triangle of QR has the null space of the matrix, and far fewer rows
            _, singular, right = _decompose(np.asarray(np.linalg.qr(matrix, mode="r")))
            largest = self._max_null_singular_value * singular[0]
            self._known[degrees] = np.asarray(right[singular < largest])
        return self._known[degrees]

    def build_polynomials(self, null: Float[Array, "vectors terms"], *degrees: int) -> list[Polynomial]:
        """Reduce these null vectors to the sparsest one; return its polynomials, in units of the columns."""
        sets = [_list_monomials(len(self._unit), degree) for degree in degrees]
        _, norms = self._matrix(degrees)
        everything = [m for monomials in sets for m in monomials]
        vector = _eliminate_monomials(null, np.array([len(m) for m in everything]))
        # Back to the units of the columns; coefficients that rounding may explain become 0
        units = norms * [np.prod([self._scales[i] for i in m]) for m in everything]
        smallest = NEGLIGIBLE * np.abs(vector).max()
        coefficients = iter(np.where(np.abs(vector) > smallest, vector / units, 0.0).tolist())
        return [
            {m: c / self._size**place for m, c in zip(monomials, coefficients, strict=False) if c}
            for place, monomials in enumerate(sets)
        ]

    def _matrix(self, degrees: tuple[int, ...]) -> tuple[Float[Array, "rows terms"], Float[Array, " terms"]]:
        # Columns of y·Q and y²·R are subtracted from those of P
        columns = [
            (_product(self._unit, m) if place == 0 else -(self._y**place) * _product(self._unit, m))
            for place, degree in enumerate(degrees)
            for m in _list_monomials(len(self._unit), degree)
        ]
        matrix = np.stack(columns, 1)
        norms = np.linalg.norm(matrix, axis=0)
        norms = np.where(norms > 0, norms, 1.0)
        matrix = matrix / norms
        # every row counts, also where the target covers decades; null vectors stay what they are
        matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-300)
        final_norms = np.linalg.norm(matrix, axis=0)
        final_norms = np.where(final_norms > 0, final_norms, 1.0)
        return matrix / final_norms, norms * final_norms


def _list_monomials(d: int, degree: int) -> list[tuple[int, ...]]:
    return [m for n in range(degree + 1) for m in combinations_with_replacement(range(d), n)]


def write_monomial(monomial: tuple[int, ...], variables: list[Expression]) -> Expression:
    """The product of the variables with these indices."""
    return mul(*(power(variables[place], count) for place, count in Counter(monomial).items()))


def _product(values: list[Float[Array, " rows"]], monomial: tuple[int, ...]) -> Float[Array, " rows"]:
    return np.prod([values[i] for i in monomial], axis=0) if monomial else np.ones_like(values[0])


def _eliminate_monomials(
    null: Float[Array, "vectors terms"], degrees: Int[np.ndarray, " terms"]
) -> Float[Array, " terms"]:
    """Eliminate monomials, highest degrees first, until one null vector is left; return it."""
    # Gaussian elimination with pivots, which removes one vector and one monomial in each step
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


def _decompose(
    triangle: Float[Array, "rows columns"],
) -> tuple[Float[Array, "rows left"], Float[Array, " singular"], Float[Array, "right columns"]]:
    """Singular value decomposition, by QR iteration where divide and conquer does not converge."""
    try:
        return np.linalg.svd(triangle)
    except np.linalg.LinAlgError:
        return scipy.linalg.svd(triangle, lapack_driver="gesvd")  # type: ignore[no-any-return]
