"""Terms that the search inserts into formulas: curves of one column, and short forms of two columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, product

import numpy as np
from jaxtyping import Float, Int

from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import (
    Expression,
    Mul,
    Variable,
    count_nodes,
    evaluate,
    mul,
)
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.constant_fitting import Columns
from kan_engine.formulas.core.terms import generate_curves, generate_curves_of_two, generate_simple_curves
from kan_engine.formulas.strategies.growth.thresholds import FrontThresholds

NEGLIGIBLE = 1e-10  # smaller values become denormal numbers when squared, which are a hundred times as slow


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Terms with their values at the rows of a scan.

    Attributes:
        trees: The terms.
        values: Their values in single precision, each scaled to at most 1.
        scales: By which the values were divided.
        sizes: Nodes of every term, as a factor of a product.
        max_factor_size: Of a term whose powers may become factors.
    """

    trees: tuple[Expression, ...]
    values: np.ndarray
    scales: np.ndarray
    sizes: np.ndarray
    max_factor_size: int

    @staticmethod
    def build(trees: Iterable[Expression], columns: Columns, thresholds: FrontThresholds) -> Dictionary:
        """Evaluate terms, and leave out those that are undefined, constant or depend on a single row."""
        terms: dict[Expression, np.ndarray] = {}
        for tree in trees:
            if tree not in terms and _is_usable(values := evaluate(tree, columns), tree):
                terms[tree] = values
        rows = len(next(iter(columns.values())))
        # Single precision holds values of at most 1 without overflow of their squares
        matrix = np.stack([*terms.values()], 1) if terms else np.zeros((rows, 0))
        scales = np.abs(matrix).max(0) if terms else np.zeros(0)
        sizes = np.array([count_nodes(tree) - isinstance(tree, Mul) for tree in terms], dtype=int)
        unit_values = matrix / scales
        unit_values[np.abs(unit_values) < NEGLIGIBLE] = 0.0
        unit_values = unit_values.astype(np.float32)  # halves the time of a scan
        return Dictionary(tuple(terms), unit_values, scales, sizes, thresholds.max_factor_size)

    def join(self, dictionary: Dictionary) -> Dictionary:
        """Both, without the terms of ``dictionary`` that are already here."""
        own_terms = set(self.trees)
        new = [place for place, tree in enumerate(dictionary.trees) if tree not in own_terms]
        return Dictionary(
            (*self.trees, *(dictionary.trees[place] for place in new)),
            np.hstack([self.values, dictionary.values[:, new]]),
            np.concatenate([self.scales, dictionary.scales[new]]),
            np.concatenate([self.sizes, dictionary.sizes[new]]),
            self.max_factor_size,
        )

    def make_term(self, place: int, coefficient: float, *cofactors: Expression) -> Expression:
        """A term with a coefficient of its scaled values, and with further factors."""
        with np.errstate(over="ignore"):
            factor = make_measured(coefficient / self.scales[place])
        return mul(factor, *cofactors, self.trees[place])

    @cached_property
    def squares(self) -> Float[np.ndarray, "rows terms"]:
        """Squared values."""
        return self.values**2

    @cached_property
    def positive(self) -> Int[np.ndarray, " positive"]:
        """Indices of short terms that are positive everywhere: their powers may become factors."""
        return np.flatnonzero((self.values > 0).all(0) & (self.sizes <= self.max_factor_size))

    @cached_property
    def logarithms(self) -> Float[np.ndarray, "rows positive"]:
        """Logarithms of the values of the ``positive`` terms."""
        logarithms: np.ndarray = np.log(self.values[:, self.positive] * self.scales[self.positive])
        return logarithms.astype(np.float32)


def _is_usable(
    values: Float[np.ndarray, " rows"],
    tree: Expression,
    *,
    min_rows_for_share_check: int = 20,
    max_single_row_share: float = 0.3,
) -> bool:
    """Whether a term varies, and not by a few rows alone.

    Args:
        min_rows_for_share_check: With fewer rows, the share of a single row is always large.
        max_single_row_share: Of a term's variance.
    """
    if not np.isfinite(values).all() or np.ptp(values) <= 1e-9 * np.abs(values).max():
        return False
    # A term whose variance comes from a single row would fit that row alone
    squares = ((values - values.mean()) / np.ptp(values)) ** 2
    is_large = len(values) >= min_rows_for_share_check
    return isinstance(tree, Variable) or not (
        is_large and squares.max() > max_single_row_share * squares.sum()
    )


def generate_terms(
    columns: Columns, limits: FormulaConstraints, thresholds: FrontThresholds
) -> Iterator[Expression]:
    """Yield the terms that a search begins with, without forbidden functions.

    With many columns fewer curves of each enter products, so that there are at most about ``max_products``.
    """
    simple = {name: list(generate_simple_curves(name, values)) for name, values in columns.items()}
    couples = list(combinations(columns, 2))
    curves_per_column = int((thresholds.max_products / max(1, len(couples))) ** 0.5) or 1
    yield from _allow(chain.from_iterable(simple.values()), limits)
    for name, values in columns.items():
        yield from _allow(generate_curves(name, values), limits)
    for u, v in couples:
        yield from _allow(
            (a * b for a, b in product(simple[u][:curves_per_column], simple[v][:curves_per_column])),
            limits,
        )
    for u, v in couples[: thresholds.max_products // CURVES_OF_TWO]:
        yield from _allow(generate_curves_of_two(u, v, columns), limits)


CURVES_OF_TWO = 10


def _allow(trees: Iterable[Expression], limits: FormulaConstraints) -> Iterator[Expression]:
    return (tree for tree in trees if limits.allow_part(tree, is_exponent=False))
