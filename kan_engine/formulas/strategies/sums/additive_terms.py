"""Readable terms of one column, and products of such terms, for sparse additive forms.

A term is admissible only if it is finite at every row, varies, and does not depend on a single row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import (
    Expression,
    Variable,
    complexity,
    evaluate,
    mul,
    variables,
)
from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.core.terms import generate_rounded_curves
from kan_engine.formulas.core.thresholds import SymbolicThresholds


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
    name: str,
    values: Array,
    rows: np.ndarray,
    limits: FormulaConstraints,
    thresholds: SymbolicThresholds,
) -> list[AdditiveTerm]:
    """Return the admissible terms of one column.

    Args:
        name: Name of the column.
        values: Values of the column at all rows.
        rows: Mask of the rows that a fit uses; a term must not depend on a single one of them.
        limits: What a formula may contain.
        thresholds: When a term is admissible.
    """
    plain = AdditiveTerm(Variable(name), values)
    found = [plain] if is_admissible(plain, rows, limits, thresholds) else []
    if len(np.unique(values[rows])) <= 2:
        return found
    columns = {name: values}
    curves = generate_rounded_curves(name, values, rows)
    candidates = (AdditiveTerm(tree, evaluate(tree, columns)) for tree in curves)
    return found + [term for term in candidates if is_admissible(term, rows, limits, thresholds)]


def build_product_terms(
    terms: Sequence[AdditiveTerm],
    rows: np.ndarray,
    limits: FormulaConstraints,
    known: dict[Expression, AdditiveTerm | None],
    thresholds: SymbolicThresholds,
) -> list[AdditiveTerm]:
    """Return the admissible products of two terms of different columns.

    Args:
        terms: The factors.
        rows: As for ``build_column_terms``.
        limits: As for ``build_column_terms``.
        known: Cache of products already checked on the same rows; this function adds new ones.
        thresholds: As for ``build_column_terms``.
    """
    trees = {}
    for a, b in combinations(terms, 2):
        if a.columns & b.columns:
            continue
        tree = mul(a.tree, b.tree)
        if tree not in known:
            product = AdditiveTerm(tree, a.values * b.values)
            known[tree] = product if is_admissible(product, rows, limits, thresholds) else None
        trees[tree] = known[tree]
    return [term for term in trees.values() if term is not None]


def is_admissible(
    term: AdditiveTerm, rows: np.ndarray, limits: FormulaConstraints, thresholds: SymbolicThresholds
) -> bool:
    """Whether a term is finite at all rows and depends on more than one of the rows of a fit."""
    bounds = thresholds.additive
    if not np.isfinite(term.values).all() or np.abs(term.values).max() > bounds.max_term_value:
        return False
    if not limits.allow_part(term.tree, is_exponent=False):
        return False
    read = term.values[rows]
    if np.ptp(read) <= thresholds.min_relative_range * np.abs(read).max():
        return False
    if len(read) < bounds.min_rows_for_share_check:
        return True
    levels, counts = np.unique(read, return_counts=True)
    if len(levels) == 2:
        return bool(counts.min() >= bounds.min_rows_per_level)
    centred = (read - read.mean()) ** 2
    most = bounds.max_single_row_share * centred.sum()
    return isinstance(term.tree, Variable) or bool(centred.max() <= most)
