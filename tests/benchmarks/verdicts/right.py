"""Whether a formula is the law up to its constants, by fitting them to values without noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Parameter, mul, parametrize_floats
from kan_engine.expressions.nodes import Number, Pow, children, is_constant, rebuild
from kan_engine.formulas.core.constant_fitting import ParametricForm, compute_rmse, refit_constants

SAME = 1e-6  # RMSE over the spread of the truth, once constants are fitted to it


def is_right(
    tree: Expression, fresh: Mapping[str, np.ndarray], truth: np.ndarray, *, tolerance: float = 0.0
) -> bool:
    """Whether a formula with certain constants is the truth.

    Measured constants are fitted, with a factor; then all numbers but exponents.

    Args:
        tree: The formula.
        fresh: Rows.
        truth: Values without noise there.
        tolerance: RMSE that is right as well.
    """
    rows = LabelledRows.from_columns(dict(fresh), truth)
    largest = max(SAME * float(truth.std()), tolerance)
    for candidate in (tree, _release(tree)):
        free, values = parametrize_floats(candidate)
        form = ParametricForm(mul(Parameter(len(values)), free), np.array([*values, 1.0]))
        if compute_rmse(refit_constants(form, rows, iterations=100), rows) <= largest:
            return True
    return False


def _release(tree: Expression) -> Expression:
    """The formula with measured numbers in place of exact ones, except for exponents and signs."""
    if isinstance(tree, Number):
        value = float(tree.value)
        return tree if abs(value) == 1 else Number(value)
    if isinstance(tree, Pow) and is_constant(tree.exponent):
        return Pow(_release(tree.base), tree.exponent)
    parts = children(tree)
    return rebuild(tree, [_release(part) for part in parts]) if parts else tree
