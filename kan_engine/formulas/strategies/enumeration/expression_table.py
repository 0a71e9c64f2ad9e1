"""All short expressions of a few variables, by number of operations, with their values at some rows.

Expressions with equal values are kept once, the shortest first: the table of a brute-force search as in
AI Feynman (Udrescu and Tegmark, Science Advances 6, 2020), from the leaves up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, starmap
from typing import Any

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import ONE, Expression, Variable, add, apply_function, mul, number
from kan_engine.expressions.library import LIBRARY, select_functions
from kan_engine.expressions.nodes import PI
from kan_engine.numerics.work import charge_enumeration

Array = np.ndarray
Node = tuple[str, int, int]  # operation or function, and its operands; of a function the second is -1

LEAF = "leaf"
CONSTANTS: tuple[tuple[Expression, float], ...] = ((number(Fraction(1)), 1.0), (number(Fraction(2)), 2.0))
ANGLE = (PI, np.pi)  # a constant besides, where one variable leaves room for more operations
POWERS = ("1/x", "x^2", "sqrt")  # which come before the functions of the library
BINARY: Mapping[
    str, tuple[Callable[[Array, Array], Array], Callable[[Expression, Expression], Expression]]
] = {
    "sum": (np.add, add),
    "difference": (np.subtract, lambda a, b: add(a, mul(-1, b))),
    "product": (np.multiply, mul),
}  # quotients are products with an inverse


@dataclass(eq=False)
class ExpressionTable:
    """Expressions and their values.

    Attributes:
        leaves: The variables and the constants.
        nodes: Operation and operands of every expression, by its index.
        values: At the rows of the table.
        counts: Number of expressions with at most 0, 1, 2, … operations.
    """

    leaves: list[Expression]
    nodes: list[Node]
    values: Float[Array, "expressions rows"]
    counts: list[int] = field(default_factory=list)

    @staticmethod
    def build(
        columns: Mapping[str, Float[Array, " rows"]], *, max_operations: int, max_expressions: int
    ) -> ExpressionTable:
        """All expressions of at most ``max_operations`` operations, but no more than ``max_expressions``.

        One variable has one operation more, and π.
        """
        is_single = len(columns) == 1
        constants = (*CONSTANTS, ANGLE) if is_single else CONSTANTS
        leaves: list[Expression] = [Variable(name) for name in columns]
        leaves += [tree for tree, _ in constants]
        rows = len(next(iter(columns.values())))
        leaf_values = [*columns.values(), *(np.full(rows, value) for _, value in constants)]
        table = ExpressionTable(leaves, [], np.zeros((0, rows)))
        keys = set[bytes]()
        table._append(
            keys, [(LEAF, place, -1) for place in range(len(leaves))], np.stack(leaf_values), max_expressions
        )
        for operations in range(1, max_operations + 1 + is_single):
            for nodes, values in _combine(table.values, table.levels, operations):
                table._append(keys, nodes, values, max_expressions)
                if len(table.nodes) >= max_expressions:
                    table.counts.append(len(table.nodes))
                    return table
            table.counts.append(len(table.nodes))
        return table

    @property
    def one(self) -> int | None:
        """Index of the constant 1; None if a column has that value everywhere."""
        node = (LEAF, self.leaves.index(ONE), -1)
        return self.nodes.index(node) if node in self.nodes else None

    @property
    def levels(self) -> list[range]:
        """Indices of the expressions of 0, 1, 2, … operations."""
        return list(starmap(range, pairwise([0, *self.counts])))

    def _append(
        self,
        keys: set[bytes],
        nodes: list[Node],
        values: Float[Array, "new rows"],
        max_expressions: int,
        largest: float = 1e8,
    ) -> None:
        """Keep the expressions whose values are new, finite, and except for leaves not constant.

        Beyond ``largest``, and below its inverse, nothing is gained. There are at most ``max_expressions``.
        """
        charge_enumeration(len(values))
        with np.errstate(all="ignore"):
            # Huge, tiny and constant values tell nothing that another expression does not
            sizes = np.abs(values).max(1)
            is_usable = np.isfinite(values).all(1) & (sizes < largest) & (sizes > 1 / largest)
            if self.nodes:
                is_usable &= np.ptp(values, axis=1) > 0
        places = list[int]()
        for place, key in zip(np.flatnonzero(is_usable), _make_keys(values[is_usable]), strict=True):
            if key not in keys and len(self.nodes) + len(places) < max_expressions:
                keys.add(key)
                places.append(int(place))
        self.nodes += [nodes[place] for place in places]
        self.values = np.concatenate([self.values, values[places]])
        if not self.counts:
            self.counts.append(len(self.nodes))

    def make_tree(self, index: int) -> Expression:
        """The expression with this index."""
        operation, a, b = self.nodes[index]
        if operation == LEAF:
            return self.leaves[a]
        if operation in BINARY:
            return BINARY[operation][1](self.make_tree(a), self.make_tree(b))
        return apply_function(operation, self.make_tree(a))


def _combine(
    values: Float[Array, "expressions rows"], levels: list[range], operations: int
) -> Iterator[tuple[list[Node], Float[Array, "new rows"]]]:
    """Yield all expressions of one operation more, in blocks."""
    level = levels[operations - 1]
    with np.errstate(all="ignore"):
        # Functions of the longest expressions so far, then operations that join two with the right total
        for function in (*(LIBRARY[name] for name in POWERS), *select_functions("expressions")):
            nodes = [(function.name, place, -1) for place in level]
            yield nodes, function.of(values[level.start : level.stop])
        for left_operations in range(operations):
            right_operations = operations - 1 - left_operations
            for name, (combine, _) in BINARY.items():
                if left_operations > right_operations and name != "difference":
                    continue
                right = values[levels[right_operations].start : levels[right_operations].stop]
                for place in levels[left_operations]:
                    nodes = [(name, place, operand) for operand in levels[right_operations]]
                    yield nodes, combine(values[place], right)


def _make_keys(values: Float[Array, "new rows"]) -> list[bytes]:
    """Bytes that are equal for values that are equal up to rounding, relative to the largest of them."""
    # The common exponent of a few probes makes their leading 24 bits integers, which compare exactly
    _, exponents = np.frexp(np.abs(values).max(1))
    probes = values[:, :: max(1, values.shape[1] // 8)]
    mantissas: Any = np.round(np.ldexp(probes, 24 - exponents[:, None])).astype(np.int64)
    return [row.tobytes() + exponent.tobytes() for row, exponent in zip(mantissas, exponents, strict=True)]
