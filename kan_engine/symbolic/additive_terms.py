"""Readable terms of one column, and products of such terms, for sparse additive forms.

A term is admissible only if it is finite at every row, varies, and does not depend on a single row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import (
    Expression,
    Variable,
    add,
    apply_function,
    complexity,
    evaluate,
    mul,
    number,
    variables,
)
from kan_engine.symbolic.constant_fitting import Array

MAX_SINGLE_ROW_SHARE = 0.25  # of the squared deviation of a term that is no plain column
MIN_ROWS_FOR_SHARE_CHECK = 12  # with fewer rows, one of them always has a large share
MIN_ROWS_PER_LEVEL = 3  # rows with the rarer value of a term that takes two values
MAX_EXPONENT_RANGE = 8.0  # largest exponent of a scaled exponential: a factor of 3,000
TAIL_PERCENTILES = (5, 95)  # between them lies the usual range of a column
KINK_PERCENTILES = (25, 50, 75)  # where an absolute value may have its kink
MAX_TERM_VALUE = 1e12
MIN_RELATIVE_RANGE = 1e-9  # range of a term over its largest value; less is rounding error
MAX_FACTORS = 6  # columns, and terms, that may be multiplied


@dataclass(frozen=True, eq=False)
class AdditiveTerm:
    """A term of an additive form and its values at all rows."""

    tree: Expression
    values: Array

    @cached_property
    def complexity(self) -> int:
        """Number of nodes of the tree."""
        return complexity(self.tree)

    @cached_property
    def columns(self) -> frozenset[str]:
        """Names of the columns that the term depends on."""
        return frozenset(variables(self.tree))


def build_column_terms(
    name: str, values: Array, rows: np.ndarray, limits: FormulaConstraints
) -> list[AdditiveTerm]:
    """Return the admissible terms of one column.

    Args:
        name: Name of the column.
        values: Values of the column at all rows.
        rows: Mask of the rows that a fit uses; a term must not depend on a single one of them.
        limits: What a formula may contain.
    """
    variable = Variable(name)
    plain = AdditiveTerm(variable, values)
    found = [plain] if is_admissible(plain, rows, limits) else []
    if len(np.unique(values[rows])) <= 2:
        return found
    columns = {name: values}
    candidates = (
        AdditiveTerm(tree, evaluate(tree, columns)) for tree in _candidate_curves(variable, values, rows)
    )
    return found + [term for term in candidates if is_admissible(term, rows, limits)]


def build_product_terms(
    terms: Sequence[AdditiveTerm],
    rows: np.ndarray,
    limits: FormulaConstraints,
    known: dict[Expression, AdditiveTerm | None],
) -> list[AdditiveTerm]:
    """Return the admissible products of two terms of different columns.

    Args:
        terms: The factors.
        rows: As for ``build_column_terms``.
        limits: As for ``build_column_terms``.
        known: Cache of products already checked on the same rows; this function adds new ones.
    """
    trees = {}
    for a, b in combinations(terms, 2):
        if a.columns & b.columns:
            continue
        tree = mul(a.tree, b.tree)
        if tree not in known:
            product = AdditiveTerm(tree, a.values * b.values)
            known[tree] = product if is_admissible(product, rows, limits) else None
        trees[tree] = known[tree]
    return [term for term in trees.values() if term is not None]


def is_admissible(term: AdditiveTerm, rows: np.ndarray, limits: FormulaConstraints) -> bool:
    """Whether a term is finite at all rows and depends on more than one of the rows of a fit."""
    if not np.isfinite(term.values).all() or np.abs(term.values).max() > MAX_TERM_VALUE:
        return False
    if not limits.allow_part(term.tree, is_exponent=False):
        return False
    read = term.values[rows]
    if np.ptp(read) <= MIN_RELATIVE_RANGE * np.abs(read).max():
        return False
    if len(read) < MIN_ROWS_FOR_SHARE_CHECK:
        return True
    levels, counts = np.unique(read, return_counts=True)
    if len(levels) == 2:
        return bool(counts.min() >= MIN_ROWS_PER_LEVEL)
    centred = (read - read.mean()) ** 2
    return isinstance(term.tree, Variable) or bool(centred.max() <= MAX_SINGLE_ROW_SHARE * centred.sum())


def _candidate_curves(x: Variable, values: Array, rows: np.ndarray) -> Iterator[Expression]:
    low, high = values.min(), values.max()
    yield x**2
    if low > 0:
        yield apply_function("log", x)
    if low >= 0:
        yield apply_function("sqrt", x)
    if low == 0:
        yield apply_function("log", add(x, 1))
    if low > 0 or high < 0:
        yield apply_function("1/x", x)
    first, last = np.percentile(values[rows], TAIL_PERCENTILES)
    scale = _round_to_two_digits((last - first) / 2)
    if scale > 0 and max(abs(low), abs(high)) <= MAX_EXPONENT_RANGE * scale:
        for sign in (1, -1):
            yield apply_function("exp", mul(sign / scale, x))
    for kink in sorted(
        {_round_to_two_digits(value) for value in np.percentile(values[rows], KINK_PERCENTILES)}
    ):
        if low < kink < high:
            yield apply_function("abs", add(x, number(-kink)))


def _round_to_two_digits(value: float) -> float:
    """Round to two significant digits."""
    return float(f"{value:.1e}")
