"""Forms with fewer measured constants: backward elimination of those that matter least."""

from __future__ import annotations

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import MINUS_ONE, ONE, ZERO, variables
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    compute_rmse,
    fix_parameter,
    refit_constants,
)

NEUTRAL = (ZERO, ONE, MINUS_ONE)  # what a constant may become


def reduce_constants(
    form: ParametricForm, rows: LabelledRows, most: int, *, steps: int
) -> ParametricForm | None:
    """Replace constants by 0, 1 or -1 until at most ``most`` are measured.

    Each step takes the replacement with the smallest error. The others are refitted. Columns stay.

    Args:
        form: A form with fitted constants.
        rows: Rows to fit.
        most: Number of constants to reach.
        steps: Of every refit.

    Returns:
        None if no such form is finite.
    """
    columns = set(variables(form.tree))
    while count_constants(form.numeric_tree) > most:
        tried = [
            refit_constants(smaller, rows, iterations=steps)
            for index in range(len(form.values))
            for smaller in (fix_parameter(form, index, value) for value in NEUTRAL)
            if set(variables(smaller.tree)) == columns
        ]
        errors = [compute_rmse(smaller, rows) for smaller in tried]
        if not tried or not np.isfinite(min(errors)):
            return None
        form = tried[int(np.argmin(errors))]
    return form
