"""A formula as a list of steps: values and derivatives in its constants without walking a tree.

The search of the front evaluates thousands of forms on about a thousand rows. There the walk over a tree, as
in ``expressions.evaluation``, takes longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kan_engine.expressions.evaluation import Expression, Parameter, children, evaluate_node, pass_adjoint

Array = np.ndarray


class Program:
    """Evaluates one form on fixed rows for changing constants.

    Args:
        tree: The form, with parameters.
        columns: Columns by variable, each [rows].
        count: Number of parameters.
    """

    def __init__(self, tree: Expression, columns: Mapping[str, Array], count: int) -> None:
        self._nodes: list[Expression] = []
        self._parts: list[tuple[int, ...]] = []
        self._values: list[Any] = []
        self._moving: list[int] = []  # nodes that depend on a parameter, children first
        self._depends: list[bool] = []
        self._columns, self._count = columns, count
        self._rows = len(next(iter(columns.values())))
        with np.errstate(all="ignore"):
            self._append(tree)

    def _append(self, node: Expression) -> int:
        parts = tuple(self._append(part) for part in children(node))
        depends = isinstance(node, Parameter) or any(self._depends[part] for part in parts)
        place = len(self._nodes)
        self._nodes.append(node)
        self._parts.append(parts)
        self._depends.append(depends)
        if depends:
            self._moving.append(place)
            self._values.append(0.0)
        else:
            self._values.append(evaluate_node(node, [self._values[part] for part in parts], self._columns))
        return place

    def run(self, constants: Array) -> Array:
        """Compute the values [rows] for these constants."""
        values = self._values
        with np.errstate(all="ignore"):
            for place in self._moving:
                parts = [values[part] for part in self._parts[place]]
                values[place] = evaluate_node(self._nodes[place], parts, self._columns, constants)
        last = values[-1]
        return np.full(self._rows, last) if np.ndim(last) == 0 else last

    def compute_jacobian(self) -> Array:
        """Compute the derivatives [rows, parameters] at the constants of the last ``run``."""
        jacobian = np.zeros((self._rows, self._count), order="F")
        if not self._moving:
            return jacobian
        adjoints: dict[int, Any] = {len(self._nodes) - 1: 1.0}
        with np.errstate(all="ignore"):
            for place in reversed(self._moving):
                node, adjoint = self._nodes[place], adjoints.pop(place)
                if isinstance(node, Parameter):
                    jacobian[:, node.index] += adjoint
                    continue
                places = self._parts[place]
                parts = [self._values[part] for part in places]
                for at, part in enumerate(places):
                    if self._depends[part]:
                        adjoints[part] = pass_adjoint(node, at, parts, self._values[place], adjoint)
        return jacobian
