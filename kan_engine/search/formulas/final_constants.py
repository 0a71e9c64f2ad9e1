"""The constants of the formulas that a search has selected, fitted to all rows of a large table.

Searches tell formulas apart on some thousand rows. Without a last fit their constants would have the errors
of these rows, and not those of the table, which are reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kan_engine.assessment.relative_errors import reweigh_rows
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import FINAL_POINTS
from kan_engine.expressions.evaluation import Expression
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    compute_rmse,
    estimate_standard_errors,
    refit_constants,
)
from kan_engine.formulas.core.constant_snapping import round_constants
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.measured_form import MeasuredForm, release_measured_numbers
from kan_engine.formulas.core.thresholds import FURTHER_STEPS, MAX_EXACT_ERROR, MAX_STANDARD_ERRORS
from kan_engine.search.context import SearchContext


def fit_final_constants(formulas: Sequence[Formula], run: SearchContext) -> list[Formula]:
    """Refit the constants of a regression's formulas to all training rows, unless the search read them all.

    Exact formulas stay, and those of very many constants. So do those after the first once the time is over.
    """
    rows, limits = run.data.training, run.thresholds
    if len(rows) <= limits.front.max_rows:
        return list(formulas)
    final = list[Formula]()
    for formula in formulas:
        is_long = len(rows) * count_constants(formula.tree) > limits.max_final_values
        is_late = bool(final) and run.should_stop()
        stays = is_long or is_late or formula.error < MAX_EXACT_ERROR
        final.append(formula if stays else replace(formula, tree=_refit(formula.tree, rows, run)))
    return final


def _refit(tree: Expression, rows: LabelledRows, run: SearchContext) -> Expression:
    """The formula with constants fitted to the rows; the same where it would break the client's wishes."""
    rows = reweigh_rows([tree], rows) or rows
    old_form = ParametricForm(tree, np.zeros(0))
    # Rounded constants are free again, since more rows may contradict them
    new_form = _fit(release_measured_numbers(tree, rows), rows)
    # The fit may fail: an RMSE that is NaN is not lower either
    if not compute_rmse(new_form, rows) < compute_rmse(old_form, rows):
        return tree
    new_tree = round_constants(new_form, rows).numeric_tree
    return new_tree if run.config.constraints.allow_instead(new_tree, tree, FINAL_POINTS) else tree


def _fit(measured_form: MeasuredForm, rows: LabelledRows) -> ParametricForm:
    """The form with fitted constants; rounded numbers stay if they are within the errors of fitted ones."""
    free = refit_constants(measured_form.form, rows, iterations=FURTHER_STEPS)
    # Distances in standard errors: within them a rounded number is as good as the fitted one
    distances = np.abs(free.values - measured_form.form.values) / (
        estimate_standard_errors(free, rows) + 1e-300
    )
    # From the last place to the first, so that the earlier places keep their numbers
    for place in sorted(measured_form.exact, reverse=True):
        if distances[place] <= MAX_STANDARD_ERRORS:
            measured_form = measured_form.fix(place)
    return refit_constants(measured_form.form, rows, iterations=FURTHER_STEPS)
