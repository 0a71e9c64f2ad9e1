"""Constants of the formulas, fitted to all rows of a large table.

Searches select formulas on some thousand rows, which is enough to tell them apart. Without a last fit their
constants would have the errors of these rows, and not those of the table that are reported.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kan_engine.search.context import SearchContext
from kan_engine.search.result import SearchResult
from kan_engine.symbolic.constant_fitting import (
    Array,
    ColumnsAndTarget,
    WeighedRows,
    compute_rmse,
    estimate_standard_errors,
    refit_constants,
)
from kan_engine.symbolic.constant_snapping import to_form
from kan_engine.symbolic.extraction import Formula


def fit_final_constants(found: SearchResult, run: SearchContext) -> SearchResult:
    """Refit the constants of the formulas to all training rows, and round them within their errors."""
    rows = run.data.training
    is_small = len(rows) <= min(run.thresholds.max_rows, run.thresholds.front.max_rows)
    if run.data.classes is not None or not found.formulas or len(found.formulas) > 1 or is_small:
        return found
    data = WeighedRows.from_rows(rows)
    formulas = [formula if run.should_stop() else _refit(formula, data, run) for formula in found.formulas[0]]
    return replace(found, formulas=[formulas])


def _refit(formula: Formula, data: ColumnsAndTarget, run: SearchContext) -> Formula:
    form = to_form(formula.tree)
    if not len(form.values):
        return formula
    fitted = refit_constants(form, data, iterations=run.thresholds.symbolic.max_refit_steps)
    if not compute_rmse(fitted, data) <= compute_rmse(form, data):
        return formula
    rounded = replace(fitted, values=_round_within(fitted.values, estimate_standard_errors(fitted, data)))
    return replace(formula, tree=rounded.numeric_tree)


def _round_within(values: Array, errors: Array, share: float = 0.25) -> Array:
    """Round each value to the fewest digits that move it by at most this share of its standard error."""
    rounded = []
    for value, error in zip(values.tolist(), errors.tolist(), strict=True):
        reach = share * error if np.isfinite(error) else 0.0
        short = (float(f"{value:.{digits}g}") for digits in range(3, 16))
        rounded.append(next((each for each in short if abs(each - value) <= reach), value))
    return np.array(rounded)
