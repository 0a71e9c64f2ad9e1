"""Polynomial surrogate of a law in several variables, used for its gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.polynomial import chebyshev

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS, TRANSFORMS_BY_SEARCH, is_defined
from kan_engine.formulas.core.constant_fitting import Array, Columns

MAX_SURROGATE_ERROR = 0.5
"""Over the spread; above it the gradients of a surrogate are useless."""


@dataclass(frozen=True, eq=False)
class ChebyshevBasis:
    """Products of Chebyshev polynomials of the columns, or of their logarithms, up to a total degree.

    Attributes:
        names: Names of the columns.
        is_log: Whether the logarithm of a column is used, per column.
        ends: Lowest and highest value per column, of its logarithm where ``is_log``.
        terms: Degree of each term in every column, by rising total degree.
    """

    names: tuple[str, ...]
    is_log: tuple[bool, ...]
    ends: Float[Array, "columns 2"]
    terms: Int[np.ndarray, "terms columns"]

    @staticmethod
    def build(
        columns: Columns,
        is_log: tuple[bool, ...],
        *,
        max_terms: int = 400,
        max_terms_per_row: float = 0.5,
        max_degree: int = 30,
    ) -> ChebyshevBasis:
        """Build a basis with as many terms as the number of rows allows."""
        rows = len(next(iter(columns.values())))
        arguments = [np.log(v) if log else v for v, log in zip(columns.values(), is_log, strict=True)]
        ends = np.array([(v.min(), v.max() if v.max() > v.min() else v.min() + 1) for v in arguments])
        count = len(ends)
        term_limit = min(max_terms_per_row * rows, max_terms)
        # The highest total degree whose basis is not larger than the rows allow
        degrees = range(2, max_degree + 1)
        degree = max((p for p in degrees if comb(count + p, p) <= term_limit), default=1)
        monomials = [
            c for total in range(degree + 1) for c in combinations_with_replacement(range(count), total)
        ]
        terms = np.array([np.bincount(np.array(c, dtype=int), minlength=count) for c in monomials])
        return ChebyshevBasis(tuple(columns), is_log, ends, terms)

    def to_unit_scale(self, columns: Columns) -> Float[Array, "columns rows"]:
        """Map the columns, or their logarithms, from ``ends`` to [-1, 1]."""
        arguments = [
            np.log(columns[name]) if log else columns[name]
            for name, log in zip(self.names, self.is_log, strict=True)
        ]
        low, high = self.ends.T[:, :, None]
        return np.asarray(2 * (np.stack(arguments) - low) / (high - low) - 1)

    def values(self, columns: Columns) -> Float[Array, "rows terms"]:
        """Evaluate the terms at some rows."""
        return self._multiply_tables(
            [chebyshev.chebvander(z, self._degree) for z in self.to_unit_scale(columns)]
        )

    def slopes(self, columns: Columns) -> Iterator[Float[Array, "rows terms"]]:
        """Yield the derivatives of the terms, one matrix per column."""
        tables = [chebyshev.chebvander(z, self._degree) for z in self.to_unit_scale(columns)]
        # Derivatives of Chebyshev polynomials are sums of those of lower degree
        derivative_matrix = np.vstack(
            [chebyshev.chebder(np.eye(self._degree + 1)), np.zeros(self._degree + 1)]
        )
        for place, name in enumerate(self.names):
            low, high = self.ends[place]
            # Chain rule for the map to the unit scale, and for the logarithm
            inner = 2 / (high - low) / (columns[name] if self.is_log[place] else np.ones(len(tables[0])))
            derivative = (tables[place] @ derivative_matrix) * inner[:, None]
            yield self._multiply_tables([*tables[:place], derivative, *tables[place + 1 :]])

    @property
    def _degree(self) -> int:
        return int(self.terms.max())

    def _multiply_tables(self, tables: list[Float[Array, "rows degrees"]]) -> Float[Array, "rows terms"]:
        products = tables[0][:, self.terms[:, 0]]
        for table, degrees in zip(tables[1:], self.terms.T[1:], strict=True):
            products = products * table[:, degrees]
        return products


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A polynomial approximation of T(y).

    Attributes:
        transform: Name of T.
        coefficients: Coefficients of the first terms of the basis.
        error: RMSE of y on the validation rows, in the units of the target.
    """

    basis: ChebyshevBasis
    transform: str
    coefficients: Float[Array, " terms"]
    error: float

    @staticmethod
    def fit(
        fit: LabelledRows,
        validation: LabelledRows,
        factors: Float[Array, " validation"] | None = None,
    ) -> Surrogate | None:
        """Fit all degrees, transforms and scales; return the one with the lowest validation error.

        All rows count the same. None if no fit is finite, or if the rows determine none.

        Args:
            fit: Rows that the coefficients are fitted to.
            validation: Other rows.
            factors: Factors that the validation target was divided by, to give errors in its original units.
        """
        columns = fit.columns
        everything = np.concatenate([fit.y, validation.y])[:, None]
        sides = [side for side in TRANSFORMS_BY_SEARCH["surrogates"] if is_defined(side, everything)]
        if not sides or not len(fit) or not len(validation):
            return None
        responses = np.stack([TRANSFORMS[side].forward(fit.y) for side in sides], 1)
        best: Surrogate | None = None
        for is_log in _iterate_log_choices(columns, validation.columns):
            basis = ChebyshevBasis.build(columns, is_log)
            validation_values, totals = basis.values(validation.columns), basis.terms.sum(1)
            # One QR decomposition serves every degree, since the terms are sorted by it
            directions, triangle = np.linalg.qr(basis.values(columns))
            projections = directions.T @ responses
            for degree in range(1, int(totals.max()) + 1):
                count = int((totals <= degree).sum())  # terms are sorted by degree
                if count > len(triangle):
                    break  # fewer rows than terms: undetermined
                solutions = _solve_triangle(triangle[:count, :count], projections[:count])
                for side, coefficients in zip(sides, solutions.T, strict=True):
                    with np.errstate(all="ignore"):  # a singular fit is not finite, and refused
                        predictions = validation_values[:, :count] @ coefficients
                    error = _target_rmse(predictions, side, validation.y, factors)
                    if np.isfinite(error) and (best is None or error < best.error):
                        best = Surrogate(basis, side, coefficients, error)
        return best

    def values(self, columns: Columns) -> Float[Array, " rows"]:
        """Evaluate T(y) at some rows."""
        return np.asarray(self.basis.values(columns)[:, : len(self.coefficients)] @ self.coefficients)

    def slopes(self, columns: Columns) -> Float[Array, "columns rows"]:
        """Return the derivatives of T(y) in the columns."""
        count = len(self.coefficients)
        return np.stack([terms[:, :count] @ self.coefficients for terms in self.basis.slopes(columns)])


def _iterate_log_choices(columns: Columns, validation_columns: Columns) -> Iterator[tuple[bool, ...]]:
    """Yield the columns as they are, then the logarithms of all positive columns."""
    has_log = tuple(bool(min(v.min(), validation_columns[name].min()) > 0) for name, v in columns.items())
    yield tuple(False for _ in has_log)
    if any(has_log):
        yield has_log


def _solve_triangle(
    triangle: Float[Array, "terms terms"], right_sides: Float[Array, "terms transforms"]
) -> Float[Array, "terms transforms"]:
    with np.errstate(all="ignore"):
        try:
            return np.asarray(np.linalg.solve(triangle, right_sides))
        except np.linalg.LinAlgError:
            return np.full_like(right_sides, np.nan)


def _target_rmse(
    values: Float[Array, " rows"],
    transform: str,
    target: Float[Array, " rows"],
    factors: Float[Array, " rows"] | None,
) -> float:
    with np.errstate(all="ignore"):
        residual = TRANSFORMS[transform].inverse(values) - target
        return float(np.sqrt(np.mean((residual if factors is None else residual * factors) ** 2)))


def find_interior_rows(basis: ChebyshevBasis, columns: Columns, share: float) -> Bool[np.ndarray, " rows"]:
    """Return the mask of the rows away from the ends of all columns, where derivatives are inaccurate.

    Args:
        basis: Basis that defines the unit scale.
        columns: Values of the columns.
        share: Largest magnitude on the unit scale.
    """
    return np.asarray(np.all(np.abs(basis.to_unit_scale(columns)) < share, axis=0))
