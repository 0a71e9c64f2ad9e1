"""Changes of a formula, ranked by the error that its first-order expansion predicts for each.

A form with constants c gives the values f(c) with derivatives J. A new term at some node changes the values
by s·t to first order, with the derivative s of the formula by the node and the values t of the term. One more
column beside J therefore predicts the error after a refit of all constants. Thousands of terms at every node
of the formula cost a few matrix products; only the most promising changes are fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float, Int

from kan_engine.expressions.evaluation import (
    Add,
    Call,
    Expression,
    Mul,
    Number,
    Pow,
    add,
    children,
    count_nodes,
    evaluate,
    mul,
    power,
    variables,
)
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.constant_fitting import Columns
from kan_engine.formulas.core.losses import orthonormalize
from kan_engine.formulas.strategies.growth.dictionary import Dictionary
from kan_engine.formulas.strategies.growth.sensitivities import NodeAt, list_nodes, replace_at
from kan_engine.formulas.strategies.growth.thresholds import FrontThresholds


@dataclass(frozen=True)
class Move:
    """A change of a formula.

    Attributes:
        predicted: Mean squared error after it.
        size: Number of nodes after it, approximately.
        build: Makes the changed formula.
    """

    predicted: float
    size: int
    build: Callable[[], Expression]


@dataclass(frozen=True, eq=False)
class Expansion:
    """A formula with its derivatives at the rows of a scan.

    Attributes:
        tree: The formula.
        columns: The rows.
        root: Square roots of the weights of the rows.
        target: Values to fit.
        predicted: Values of the formula.
        jacobian: Derivatives by its constants, in their order.
    """

    tree: Expression
    columns: Columns
    root: np.ndarray
    target: np.ndarray
    predicted: np.ndarray
    jacobian: np.ndarray

    @cached_property
    def _nodes(self) -> list[NodeAt]:
        return list_nodes(self.tree, self.columns, len(self.target))

    def rank_insertions(
        self,
        dictionary: Dictionary,
        thresholds: FrontThresholds,
        *,
        factor_exponents: tuple[float, ...] = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0),
    ) -> Iterator[Move]:
        """Yield insertions of terms, factors and constants at every node.

        Args:
            factor_exponents: Of factors that are inserted.
        """
        # The constants of the formula are fitted again with the new one, to first order: only what is
        # orthogonal to their derivatives counts
        basis = orthonormalize(self.jacobian * self.root[:, None])
        residual = (self.target - self.predicted) * self.root
        residual = residual - basis @ (basis.T @ residual)
        size, max_moves = count_nodes(self.tree), thresholds.max_moves_per_size
        for node in self._nodes:
            scan = _Scan.prepare(basis, residual, node.slope * self.root)
            if scan is None or not _may_grow(node):
                continue
            # The product, its constant, and the sum where there is none
            sizes = size + dictionary.sizes + 2 + (not isinstance(node.tree, Add))
            insert = partial(self._insert_term, node, dictionary)
            yield from _select_moves(*scan.add_terms(dictionary), sizes, max_moves, insert)
            if isinstance(node.tree, Number):
                continue
            if isinstance(node.parent, Call | Pow):
                yield from self._insert_constants(node, scan, size)
            # A factor t^p changes the value v of a node by p·v·log t to first order
            with np.errstate(all="ignore"):  # a slope that is not finite has no scan
                product_scan = _Scan.prepare(basis, residual, node.slope * node.value * self.root)
            if product_scan is not None and len(dictionary.positive) and not isinstance(node.parent, Mul):
                sizes = size + dictionary.sizes[dictionary.positive] + 2 + (not isinstance(node.tree, Mul))
                insert = partial(self._insert_factor, node, dictionary, factor_exponents)
                yield from _select_moves(*product_scan.multiply_powers(dictionary), sizes, max_moves, insert)

    def _insert_term(self, node: NodeAt, dictionary: Dictionary, place: int, c: float) -> Expression:
        return replace_at(self.tree, node.path, add(node.tree, dictionary.make_term(place, c)))

    def _insert_factor(
        self, node: NodeAt, dictionary: Dictionary, exponents: tuple[float, ...], place: int, p: float
    ) -> Expression:
        """Insert a power of a term, with the exponent that is nearest to the predicted one."""
        alike = [exponent for exponent in exponents if exponent * p > 0] or exponents
        nearest = min(alike, key=lambda exponent: abs(exponent - p))
        factor = power(dictionary.trees[int(dictionary.positive[place])], Fraction(nearest))
        return replace_at(self.tree, node.path, mul(node.tree, factor))

    def _insert_constants(self, node: NodeAt, scan: _Scan, size: int) -> Iterator[Move]:
        """Add a constant to an argument, or multiply it by one."""
        # A change of the argument by c, and by c times its value
        columns = np.stack([np.ones_like(node.value), node.value], 1)

        def insert(place: int, c: float) -> Expression:
            argument = mul(make_measured(1 + c), node.tree) if place else add(node.tree, make_measured(c))
            return replace_at(self.tree, node.path, argument)

        yield from _select_moves(*scan.add_columns(columns), np.full(2, size + 2), 2, insert)

    def rank_exchanges(self, dictionary: Dictionary, thresholds: FrontThresholds) -> Iterator[Move]:
        """Yield changes of the terms of sums: a term gets one more factor, another factor, or is replaced.

        Unlike an insertion this is no small change. The prediction is exact where the formula is linear in
        the term, while the constants inside of the other terms stay; only such terms are changed.
        """
        size, max_moves = count_nodes(self.tree), thresholds.max_moves_per_size
        for node in self._nodes:
            if isinstance(node.tree, Number) or not node.is_linear or not isinstance(node.parent, Add):
                continue
            # The formula without the term: its constants are no longer fitted, and its values go to the
            # residual
            basis = orthonormalize(np.delete(self.jacobian, node.constants, axis=1) * self.root[:, None])
            residual = (self.target - self.predicted + node.slope * node.value) * self.root
            residual = residual - basis @ (basis.T @ residual)
            remaining_size = size - count_nodes(node.tree)
            for cofactors in _list_cofactors(node.tree):
                values = [evaluate(factor, self.columns) for factor in cofactors]
                slope = np.prod([node.slope, *values], axis=0) * self.root
                scan = _Scan.prepare(basis, residual, slope)
                if scan is None:
                    continue
                sizes = remaining_size + 2 + sum(map(count_nodes, cofactors)) + dictionary.sizes
                exchange = partial(self._exchange, node, cofactors, dictionary)
                yield from _select_moves(*scan.add_terms(dictionary), sizes, max_moves, exchange)

    def _exchange(
        self, node: NodeAt, cofactors: list[Expression], dictionary: Dictionary, place: int, c: float
    ) -> Expression:
        return replace_at(self.tree, node.path, dictionary.make_term(place, c, *cofactors))


@dataclass(frozen=True, eq=False)
class _Scan:
    """Predicts errors with one more column, which is orthogonalised against the derivatives of a form.

    Attributes:
        basis: Orthonormal basis of the derivatives.
        residual: Residuals over their norm, orthogonal to it.
        slope: Factor of every column, at most 1, with the root of the weight of the row.
        norm: Of the residuals.
        largest: By which the slope was divided.
    """

    basis: np.ndarray
    residual: np.ndarray
    slope: np.ndarray
    norm: float
    largest: float

    @staticmethod
    def prepare(
        basis: Float[np.ndarray, "rows directions"],
        residual: Float[np.ndarray, " rows"],
        slope: Float[np.ndarray, " rows"],
    ) -> _Scan | None:
        """Scale residuals and slopes to the range of single precision; None without a finite slope."""
        largest, norm = float(np.abs(slope).max()), float(np.linalg.norm(residual))
        if not largest or not np.isfinite(largest):
            return None
        return _Scan(basis, residual / (norm or 1.0), slope / largest, norm, largest)

    def add_terms(
        self, dictionary: Dictionary
    ) -> tuple[Float[np.ndarray, " terms"], Float[np.ndarray, " terms"]]:
        """Predicted mean squared error and coefficient for every term."""
        return self._solve(dictionary.values, dictionary.squares)

    def add_columns(
        self, values: Float[np.ndarray, "rows columns"]
    ) -> tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]]:
        """The same for values of this node."""
        with np.errstate(all="ignore"):
            return self._solve(values, values**2)

    def multiply_powers(
        self, dictionary: Dictionary
    ) -> tuple[Float[np.ndarray, " powers"], Float[np.ndarray, " powers"]]:
        """The same with the exponent, for a power of a positive term; the slope includes the node's value."""
        return self._solve(dictionary.logarithms, dictionary.logarithms**2)

    def _solve(
        self, values: Float[np.ndarray, "rows terms"], squares: Float[np.ndarray, "rows terms"]
    ) -> tuple[Float[np.ndarray, " terms"], Float[np.ndarray, " terms"]]:
        # Without the products slope * value themselves, a matrix as large as the dictionary
        sides = np.vstack([self.residual, self.basis.T]) * self.slope
        # Gram-Schmidt by squares: the part of each column that is independent of the derivatives
        along, *inside = sides.astype(values.dtype) @ values
        total = (self.slope**2).astype(values.dtype) @ squares
        independent = total - sum((row**2 for row in inside), np.zeros_like(total))
        is_new = independent > MIN_NEW_SHARE * total
        # Least squares with one column; a dependent column has no coefficient
        coefficients = np.where(is_new, along / np.where(is_new, independent, 1.0), 0.0).astype(float)
        shares = 1 - coefficients * along  # of the squared residuals that stay
        return self.norm**2 * shares / len(self.residual), coefficients * (self.norm / self.largest)


MIN_NEW_SHARE = 1e-4  # of a column that is not explained by others, above rounding errors of single precision


def _select_moves(
    errors: Float[np.ndarray, " terms"],
    coefficients: Float[np.ndarray, " terms"],
    sizes: Int[np.ndarray, " terms"],
    max_moves: int,
    build: Callable[[int, float], Expression],
) -> Iterator[Move]:
    """The moves with the lowest predicted error for every size."""
    for size in np.unique(sizes):
        places = np.flatnonzero(sizes == size)
        if len(places) > max_moves:
            places = places[np.argpartition(errors[places], max_moves)[:max_moves]]
        for place in places.tolist():
            c = float(coefficients[place])
            if c and np.isfinite(c):
                yield Move(float(errors[place]), int(size), partial(build, place, c))


def _may_grow(node: NodeAt) -> bool:
    """Whether terms are inserted at this node: not at exponents, nor twice into the same sum."""
    if isinstance(node.parent, Add) or (isinstance(node.parent, Pow) and node.path[-1] == 1):
        return False
    return not isinstance(node.tree, Number) or isinstance(node.tree.value, float)


def _list_cofactors(term: Expression) -> Iterator[list[Expression]]:
    """What stays of a term when it gets a further factor, and when one of its factors is exchanged."""
    factors = [part for part in (term.factors if isinstance(term, Mul) else (term,)) if variables(part)]
    yield factors
    for place in range(len(factors)):
        yield factors[:place] + factors[place + 1 :]


def list_reductions(tree: Expression) -> Iterator[Expression]:
    """Yield the formula without one of its terms, factors or functions."""
    pending: list[tuple[tuple[int, ...], Expression, Expression | None]] = [((), tree, None)]
    while pending:
        path, node, parent = pending.pop()
        parts = children(node)
        pending += [((*path, place), part, node) for place, part in enumerate(parts)]
        if isinstance(node, Add | Mul):
            join = add if isinstance(node, Add) else mul
            for place, part in enumerate(parts):
                if isinstance(node, Mul) and isinstance(part, Number) and not isinstance(parent, Call | Pow):
                    continue  # the coefficient of a term
                yield replace_at(tree, path, join(*parts[:place], *parts[place + 1 :]))
        elif isinstance(node, Call) or (isinstance(node, Pow) and path):
            yield replace_at(tree, path, parts[0])
