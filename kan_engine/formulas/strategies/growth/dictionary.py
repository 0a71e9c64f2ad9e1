"""Terms that the search inserts into formulas: curves of one column, and short forms of two columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, product

import numpy as np

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
        kept: dict[Expression, np.ndarray] = {}
        for tree in trees:
            if tree not in kept and _is_usable(values := evaluate(tree, columns), tree, thresholds):
                kept[tree] = values
        rows = len(next(iter(columns.values())))
        matrix = np.stack([*kept.values()], 1) if kept else np.zeros((rows, 0))
        scales = np.abs(matrix).max(0) if kept else np.zeros(0)
        sizes = np.array([count_nodes(tree) - isinstance(tree, Mul) for tree in kept], dtype=int)
        scaled = matrix / scales
        scaled[np.abs(scaled) < NEGLIGIBLE] = 0.0
        scaled = scaled.astype(np.float32)  # halves the time of a scan
        return Dictionary(tuple(kept), scaled, scales, sizes, thresholds.max_factor_size)

    def join(self, other: Dictionary) -> Dictionary:
        """Both, without the terms of ``other`` that are already here."""
        known = set(self.trees)
        new = [place for place, tree in enumerate(other.trees) if tree not in known]
        return Dictionary(
            (*self.trees, *(other.trees[place] for place in new)),
            np.hstack([self.values, other.values[:, new]]),
            np.concatenate([self.scales, other.scales[new]]),
            np.concatenate([self.sizes, other.sizes[new]]),
            self.max_factor_size,
        )

    def make_term(self, place: int, coefficient: float, *cofactors: Expression) -> Expression:
        """A term with a coefficient of its scaled values, and with further factors."""
        with np.errstate(over="ignore"):
            factor = make_measured(coefficient / self.scales[place])
        return mul(factor, *cofactors, self.trees[place])

    @cached_property
    def squares(self) -> np.ndarray:
        """Squared values."""
        return self.values**2

    @cached_property
    def positive(self) -> np.ndarray:
        """Indices of short terms that are positive everywhere: their powers may become factors."""
        return np.flatnonzero((self.values > 0).all(0) & (self.sizes <= self.max_factor_size))

    @cached_property
    def logarithms(self) -> np.ndarray:
        """Logarithms of the values of the ``positive`` terms."""
        logarithms: np.ndarray = np.log(self.values[:, self.positive] * self.scales[self.positive])
        return logarithms.astype(np.float32)


def _is_usable(values: np.ndarray, tree: Expression, thresholds: FrontThresholds) -> bool:
    if not np.isfinite(values).all() or np.ptp(values) <= 1e-9 * np.abs(values).max():
        return False
    squares = ((values - values.mean()) / np.ptp(values)) ** 2
    many = len(values) >= thresholds.min_rows_for_share_check
    return isinstance(tree, Variable) or not (
        many and squares.max() > thresholds.max_single_row_share * squares.sum()
    )


def generate_terms(
    columns: Columns, limits: FormulaConstraints, thresholds: FrontThresholds
) -> Iterator[Expression]:
    """Yield the terms that a search begins with, without forbidden functions.

    With many columns fewer curves of each enter products, so that there are at most about ``max_products``.
    """
    simple = {name: list(generate_simple_curves(name, values)) for name, values in columns.items()}
    couples = list(combinations(columns, 2))
    each = int((thresholds.max_products / max(1, len(couples))) ** 0.5) or 1
    yield from _allow(chain.from_iterable(simple.values()), limits)
    for name, values in columns.items():
        yield from _allow(generate_curves(name, values), limits)
    for one, other in couples:
        yield from _allow((a * b for a, b in product(simple[one][:each], simple[other][:each])), limits)
    for one, other in couples[: thresholds.max_products // CURVES_OF_TWO]:
        yield from _allow(generate_curves_of_two(one, other, columns), limits)


CURVES_OF_TWO = 10


def _allow(trees: Iterable[Expression], limits: FormulaConstraints) -> Iterator[Expression]:
    return (tree for tree in trees if limits.allow_part(tree, is_exponent=False))
