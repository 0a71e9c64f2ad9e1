"""The nodes of a formula with their values and the derivatives of the formula by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kan_engine.expressions.evaluation import Expression, children, evaluate_node
from kan_engine.expressions.library import LIBRARY, power_value
from kan_engine.expressions.nodes import Add, Call, Mul, Number, Pow, rebuild

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


def list_nodes(tree: Expression, columns: Mapping[str, np.ndarray], rows: int) -> list[NodeAt]:
    """Return all nodes, a parent before its children; one backward pass computes the derivatives."""
    with np.errstate(all="ignore"):
        return list(_list_nodes(tree, columns, rows))


def _list_nodes(tree: Expression, columns: Mapping[str, np.ndarray], rows: int) -> Iterator[NodeAt]:
    values: dict[Path, np.ndarray] = {}

    def compute(node: Expression, path: Path) -> np.ndarray:
        parts = [compute(part, (*path, place)) for place, part in enumerate(children(node))]
        value = np.broadcast_to(evaluate_node(node, parts, columns), (rows,))
        values[path] = np.asarray(value, dtype=float)
        return values[path]

    compute(tree, ())
    yield from _pass_down(tree, (), np.ones(rows), None, True, 0, values)


def _pass_down(
    node: Expression,
    path: Path,
    slope: np.ndarray,
    parent: Expression | None,
    is_linear: bool,
    first: int,
    values: dict[Path, np.ndarray],
) -> Iterator[NodeAt]:
    yield NodeAt(
        path, node, values[path], slope, parent, is_linear, slice(first, first + count_constants(node))
    )
    parts = children(node)
    inner = [values[(*path, place)] for place in range(len(parts))]
    for place, part in enumerate(parts):
        down = slope * _derivative(node, inner, place, values[path])
        passes = is_linear and isinstance(node, Add | Mul)
        yield from _pass_down(part, (*path, place), down, node, passes, first, values)
        first += count_constants(part)


def count_constants(tree: Expression) -> int:
    """Number of measured constants of a formula."""
    if isinstance(tree, Number):
        return int(isinstance(tree.value, float))
    return sum(map(count_constants, children(tree)))


def _derivative(node: Expression, inner: list[np.ndarray], place: int, value: np.ndarray) -> np.ndarray:
    match node:
        case Add():
            return np.ones_like(value)
        case Mul():
            others = [part for at, part in enumerate(inner) if at != place]
            return np.asarray(np.prod(others, axis=0))
        case Pow(_, Number(exponent)) if place == 0:
            return np.asarray(float(exponent) * power_value(inner[0], float(exponent) - 1))
        case Pow():
            if place == 0:
                return np.asarray(inner[1] * np.power(inner[0], inner[1] - 1))
            return np.where(value == 0, 0.0, value * np.log(inner[0]))
        case Call(function, _):
            return np.asarray(LIBRARY[function].slope(inner[0]))
    raise TypeError(f"not a node with children: {node!r}")


def replace_at(tree: Expression, path: Path, new: Expression) -> Expression:
    """Return the formula with another node at a path; the builders flatten sums and products."""
    if not path:
        return new
    parts = list(children(tree))
    parts[path[0]] = replace_at(parts[path[0]], path[1:], new)
    return rebuild(tree, parts)
