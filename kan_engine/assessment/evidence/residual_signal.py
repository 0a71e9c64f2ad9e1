"""Signal in the residuals of a formula that boosting still finds."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingRegressor

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.formulas.core.constant_fitting import Array


def measure_residual_signal(
    formula: Expression,
    fit: LabelledRows,
    validation: LabelledRows,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> float:
    """Share of the weighed squared residuals of a formula that is signal; see ``measure_signal``.

    Where a few residuals are so large that they decide it, the larger of this share and that of the ranks.
    """
    first, second = (part.with_target(_weigh_residuals(formula, part)) for part in (fit, validation))
    signal = measure_signal(first, second, thresholds)
    usual = float(np.median(np.abs(first.y)))
    if float(np.std(first.y)) <= thresholds.max_usual_residuals * usual:
        return signal
    ranks, others = (
        part.with_target(np.asarray(rankdata(part.y) / len(part) - 0.5)) for part in (first, second)
    )
    return max(signal, measure_signal(ranks, others, thresholds))


def _weigh_residuals(formula: Expression, rows: LabelledRows) -> Array:
    return np.asarray((rows.y - evaluate(formula, rows.columns)) * rows.roots)


def measure_signal(
    fit: LabelledRows,
    validation: LabelledRows,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> float:
    """Share of the squared residuals on the validation rows that boosting on the fit rows explains.

    At most 0 where the residuals are noise; near 1 where a model misses most of the signal. All rows count
    the same.

    Args:
        fit: Rows with residuals as their target.
        validation: The same that boosting is measured on.
        thresholds: Settings of boosting.
    """
    residuals, others = fit.y, validation.y
    whole = float(np.mean(others**2))
    if not (np.isfinite(residuals).all() and np.isfinite(whole)):
        return 1.0
    model = HistGradientBoostingRegressor(
        max_iter=thresholds.boosting_rounds,
        learning_rate=thresholds.boosting_learning_rate,
        max_leaf_nodes=thresholds.boosting_leaves,
        min_samples_leaf=thresholds.boosting_leaf_rows,
        early_stopping=False,
        random_state=0,
    )
    scale = float(np.std(residuals)) or 1.0
    model.fit(fit.x, residuals / scale)
    predicted = scale * model.predict(validation.x)
    return 1 - float(np.mean((others - predicted) ** 2)) / (whole or 1.0)
