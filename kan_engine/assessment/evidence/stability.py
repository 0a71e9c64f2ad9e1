"""Whether resampled rows lead to the same formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import evaluate
from kan_engine.formulas.core.formula import Formula


def measure_stability(
    formula: Formula,
    rows: LabelledRows,
    find: Callable[[np.ndarray, np.ndarray], Formula | None],
    *,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
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
    most, size = thresholds.max_resamplings, len(rows)
    generator, alike, needed = np.random.default_rng(seed), 0, thresholds.min_stability * most
    for number in range(most):
        if should_stop():
            return None
        if alike >= needed or alike + most - number < needed:
            return alike / number
        order = generator.permutation(size)
        part = size // 3
        again = find(order[part:], order[:part])
        alike += again is not None and predicts_alike(again, formula, rows, thresholds)
    return alike / most


def predicts_alike(
    other: Formula,
    formula: Formula,
    rows: LabelledRows,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> bool:
    """Whether the RMS difference of two formulas is at most half the RMS residual of the second."""
    columns, target = rows.columns, rows.y
    expected = evaluate(formula.tree, columns)
    allowed = thresholds.max_prediction_difference * float(np.sqrt(np.mean((target - expected) ** 2)))
    return bool(np.sqrt(np.mean((evaluate(other.tree, columns) - expected) ** 2)) <= allowed)
