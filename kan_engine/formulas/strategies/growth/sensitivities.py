"""The nodes of a formula with their values and the derivatives of the formula by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import (
    Add,
    Expression,
    Mul,
    Number,
    children,
    evaluate_node,
    pass_adjoint,
    rebuild,
)

Path = tuple[int, ...]  # the index of the child at every level, from the root


@dataclass(frozen=True, slots=True)
class NodeAt:
    """A node of a formula.

    Attributes:
        path: Where it is.
        tree: The node.
        value: Its value at every row.
        slope: Derivative of the formula by this value at every row.
        parent: The node above it; None of the root.
        is_linear: Whether the formula is linear in the node: there are only sums and products above it.
        constants: Places of its measured constants among those of the formula.
    """

    path: Path
    tree: Expression
    value: np.ndarray
    slope: np.ndarray
    parent: Expression | None
    is_linear: bool
    constants: slice


def list_nodes(
    tree: Expression, columns: Mapping[str, Float[np.ndarray, " rows"]], rows: int
) -> list[NodeAt]:
    """Return all nodes, a parent before its children; one backward pass computes the derivatives."""
    with np.errstate(all="ignore"):
        return list(_list_nodes(tree, columns, rows))


def _list_nodes(
    tree: Expression, columns: Mapping[str, Float[np.ndarray, " rows"]], rows: int
) -> Iterator[NodeAt]:
    values: dict[Path, np.ndarray] = {}

    def compute(node: Expression, path: Path) -> Float[np.ndarray, " rows"]:
        # Values of all nodes from the leaves up, then one backward pass from the root down
        parts = [compute(part, (*path, place)) for place, part in enumerate(children(node))]
        value = np.broadcast_to(evaluate_node(node, parts, columns), (rows,))
        values[path] = np.asarray(value, dtype=float)
        return values[path]

    compute(tree, ())
    yield from _pass_down(tree, (), np.ones(rows), None, True, 0, values)


def _pass_down(
    node: Expression,
    path: Path,
    slope: Float[np.ndarray, " rows"],
    parent: Expression | None,
    is_linear: bool,
    start: int,
    values: dict[Path, Float[np.ndarray, " rows"]],
) -> Iterator[NodeAt]:
    yield NodeAt(
        path, node, values[path], slope, parent, is_linear, slice(start, start + count_constants(node))
    )
    parts = children(node)
    inner = [values[(*path, place)] for place in range(len(parts))]
    for place, part in enumerate(parts):
        # Chain rule: the derivative by a child is that by its parent times the local one
        down = np.asarray(pass_adjoint(node, place, inner, values[path], slope))
        passes = is_linear and isinstance(node, Add | Mul)
        yield from _pass_down(part, (*path, place), down, node, passes, start, values)
        start += count_constants(part)


def count_constants(tree: Expression) -> int:
    """Number of measured constants of a formula."""
    if isinstance(tree, Number):
        return int(isinstance(tree.value, float))
    return sum(map(count_constants, children(tree)))


def replace_at(tree: Expression, path: Path, new: Expression) -> Expression:
    """Return the formula with another node at a path; the builders flatten sums and products."""
    if not path:
        return new
    parts = list(children(tree))
    parts[path[0]] = replace_at(parts[path[0]], path[1:], new)
    return rebuild(tree, parts)
