"""Whether resampled rows lead to the same formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from kan_engine.assessment.thresholds import AssessmentThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import evaluate
from kan_engine.formulas.core.formula import Formula


def measure_stability(
    formula: Formula,
    rows: LabelledRows,
    find: Callable[[Int[np.ndarray, " fit"], Int[np.ndarray, " validation"]], Formula | None],
    *,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: AssessmentThresholds,
) -> float | None:
    """Share of resamplings that lead to a formula with similar predictions; see ``predicts_alike``.

    Resampling ends as soon as the comparison with ``min_stability`` is decided.

    Args:
        formula: The formula found on all rows.
        rows: Training rows.
        find: Finds a formula, given the indices of the rows to fit and of the rows to validate.
        seed: Seed of the samples.
        should_stop: Once it returns true, the result is None.
        thresholds: Decision numbers.
    """
    limit, size = thresholds.max_resamplings, len(rows)
    generator, alike, min_alike = np.random.default_rng(seed), 0, thresholds.min_stability * limit
    for number in range(limit):
        if should_stop():
            return None
        if alike >= min_alike or alike + limit - number < min_alike:
            return alike / number
        # Two thirds of the rows to fit and one to validate, drawn anew each time
        order = generator.permutation(size)
        part = size // 3
        again = find(order[part:], order[:part])
        alike += again is not None and predicts_alike(again, formula, rows)
    return alike / limit


def predicts_alike(
    candidate: Formula, formula: Formula, rows: LabelledRows, *, max_prediction_difference: float = 0.5
) -> bool:
    """Whether the RMS difference of two formulas is at most half the RMS residual of the second.

    Args:
        max_prediction_difference: Share of the RMS residual, within which two formulas predict similarly.
    """
    columns, target = rows.columns, rows.y
    predictions = evaluate(formula.tree, columns)
    tolerance = max_prediction_difference * float(np.sqrt(np.mean((target - predictions) ** 2)))
    return bool(np.sqrt(np.mean((evaluate(candidate.tree, columns) - predictions) ** 2)) <= tolerance)
