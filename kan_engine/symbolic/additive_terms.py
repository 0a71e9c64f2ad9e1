"""Terms of one column, and products of them, that a sum may be made of because they read well.

A term is offered only if it is a number at every row, varies, and is not decided by a single row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from kan_engine.expressions.constraints import Limits
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

LARGEST_SHARE = 0.25  # of a term's squared deviation that one row may have, but for a plain column
FEW_ROWS = 12  # rows below which one of them has a large share anyway
RAREST = 3  # rows that have the rarer of two values
STEEPEST = 8.0  # exponent that a scaled exponential may range over: a factor of 3,000
TAIL = (5, 95)  # percentiles that tell how far a column usually ranges
KINKS = (25, 50, 75)  # percentiles at which a sum of absolute values may bend
LARGEST_VALUE = 1e12
SAME = 1e-9  # range of a term, over its largest value, that is rounding
MOST_FACTORS = 6  # columns, and terms, that products are formed of


@dataclass(frozen=True, eq=False)
class Term:
    """A term and its values at all rows."""

    tree: Expression
    values: Array

    @cached_property
    def complexity(self) -> int:
        """Nodes of its tree."""
        return complexity(self.tree)

    @cached_property
    def columns(self) -> frozenset[str]:
        """What it reads."""
        return frozenset(variables(self.tree))


def terms_of(name: str, values: Array, rows: np.ndarray, limits: Limits) -> list[Term]:
    """The terms of one column.

    Args:
        name: The column.
        values: At all rows.
        rows: Which of them a fit will read; a single one of these may not decide a term.
        limits: What a formula may contain.
    """
    variable = Variable(name)
    plain = Term(variable, values)
    found = [plain] if is_offered(plain, rows, limits) else []
    if len(np.unique(values[rows])) <= 2:
        return found
    columns = {name: values}
    candidates = (Term(tree, evaluate(tree, columns)) for tree in _curves(variable, values, rows))
    return found + [term for term in candidates if is_offered(term, rows, limits)]


def products_of(
    terms: Sequence[Term], rows: np.ndarray, limits: Limits, known: dict[Expression, Term | None]
) -> list[Term]:
    """Products of pairs of terms of different columns.

    Args:
        terms: The factors.
        rows: As for ``terms_of``.
        limits: As for ``terms_of``.
        known: Products that were looked at with the same rows; others are added.
    """
    trees = {}
    for a, b in combinations(terms, 2):
        if a.columns & b.columns:
            continue
        tree = mul(a.tree, b.tree)
        if tree not in known:
            product = Term(tree, a.values * b.values)
            known[tree] = product if is_offered(product, rows, limits) else None
        trees[tree] = known[tree]
    return [term for term in trees.values() if term is not None]


def is_offered(term: Term, rows: np.ndarray, limits: Limits) -> bool:
    """Whether a term is a number at all rows, and known from more than one of those that a fit reads."""
    if not np.isfinite(term.values).all() or np.abs(term.values).max() > LARGEST_VALUE:
        return False
    if not limits.allow_part(term.tree, is_exponent=False):
        return False
    read = term.values[rows]
    if np.ptp(read) <= SAME * np.abs(read).max():
        return False
    if len(read) < FEW_ROWS:
        return True
    levels, counts = np.unique(read, return_counts=True)
    if len(levels) == 2:
        return bool(counts.min() >= RAREST)
    centred = (read - read.mean()) ** 2
    return isinstance(term.tree, Variable) or bool(centred.max() <= LARGEST_SHARE * centred.sum())


def _curves(x: Variable, values: Array, rows: np.ndarray) -> Iterator[Expression]:
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
    first, last = np.percentile(values[rows], TAIL)
    scale = _short((last - first) / 2)
    if scale > 0 and max(abs(low), abs(high)) <= STEEPEST * scale:
        for sign in (1, -1):
            yield apply_function("exp", mul(sign / scale, x))
    for kink in sorted({_short(value) for value in np.percentile(values[rows], KINKS)}):
        if low < kink < high:
            yield apply_function("abs", add(x, number(-kink)))


def _short(value: float) -> float:
    """With two digits, as a person would choose it."""
    return float(f"{value:.1e}")
