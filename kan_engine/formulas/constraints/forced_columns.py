"""Formulas completed by columns that they must contain."""

from __future__ import annotations

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import Expression, Variable, add, mul, parametrize_floats
from kan_engine.formulas.core.constant_fitting import ParametricForm, refit_constants
from kan_engine.formulas.core.thresholds import DEFAULT_ADDITIVE, AdditiveThresholds

Array = np.ndarray


def add_missing_columns(
    tree: Expression,
    limits: FormulaConstraints,
    rows: LabelledRows,
    thresholds: AdditiveThresholds = DEFAULT_ADDITIVE,
) -> Expression:
    """Add a line of one variable of every group that a formula must use, where it contains none.

    Of a group the variable that correlates most with the target is taken. All constants are fitted again. A
    formula that needs none, or whose group does not vary, stays.

    Args:
        tree: The formula.
        limits: Name the groups.
        rows: Rows to fit.
        thresholds: Start of the slopes, and steps of the fit.
    """
    columns, target = rows.columns, rows.y
    spread, terms = float(np.std(target)) or 1.0, []
    for group in limits.list_missing(tree):
        known = [name for name in columns if name in group and np.ptp(columns[name]) > 0]
        if known:
            best = max(known, key=lambda name: _correlate(columns[name], target))
            slope = thresholds.forced_slope * spread / float(np.std(columns[best]))
            terms.append(mul(slope, Variable(best)))
    if not terms:
        return tree
    form, values = parametrize_floats(add(tree, *terms))
    fitted = refit_constants(
        ParametricForm(form, np.array(values)), rows, iterations=thresholds.cross_validation_steps
    )
    return fitted.numeric_tree


def _correlate(values: Array, target: Array) -> float:
    return abs(float(np.corrcoef(values, target)[0, 1])) if np.ptp(target) > 0 else 0.0
