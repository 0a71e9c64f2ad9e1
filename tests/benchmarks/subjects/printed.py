"""Formulas as they are printed, read by SymPy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import sympy


def read_formula(expression: str, names: Iterable[str]) -> sympy.Expr:
    """The tree of a formula in the columns of these names."""
    return sympy.sympify(expression, locals={name: sympy.Symbol(name) for name in names})


def count_nodes(formula: sympy.Expr) -> int:
    """Nodes of the tree; ``x/y`` has five, since SymPy has it as ``x * y**-1``."""
    return sum(1 for _ in sympy.preorder_traversal(formula))


def evaluate_formula(formula: sympy.Expr, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Values in all rows of the columns; NaN where the formula has none, or a complex one."""
    function = sympy.lambdify([sympy.Symbol(name) for name in columns], formula, ["numpy", "scipy"])
    with np.errstate(all="ignore"):
        values = np.asarray(function(*columns.values()))
    return np.broadcast_to(
        np.where(np.isreal(values), np.real(values), np.nan), len(next(iter(columns.values())))
    )
