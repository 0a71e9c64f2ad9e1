"""Signal in the residuals of a formula that boosting still finds."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingRegressor

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.formulas.core.constant_fitting import Array, ColumnsAndTarget, get_weights


def measure_residual_signal(
    formula: Expression,
    fit: ColumnsAndTarget,
    validation: ColumnsAndTarget,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> float:
    """Share of the weighed squared residuals of a formula that is signal; see ``measure_signal``.

    Where a few residuals are so large that they decide it, the larger of this share and that of the ranks.
    """
    first, second = ((part[0], _weigh_residuals(formula, part)) for part in (fit, validation))
    signal = measure_signal(first, second, thresholds)
    usual = float(np.median(np.abs(first[1])))
    if float(np.std(first[1])) <= thresholds.max_usual_residuals * usual:
        return signal
    ranks, others = (
        (columns, rankdata(residuals) / len(residuals) - 0.5) for columns, residuals in (first, second)
    )
    return max(signal, measure_signal(ranks, others, thresholds))


def _weigh_residuals(formula: Expression, rows: ColumnsAndTarget) -> Array:
    columns, target = rows
    weights = get_weights(rows)
    residuals = target - evaluate(formula, columns)
    return residuals if weights is None else residuals * np.sqrt(weights)


def measure_signal(
    fit: ColumnsAndTarget,
    validation: ColumnsAndTarget,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> float:
    """Share of the squared residuals on the validation rows that boosting on the fit rows explains.

    At most 0 where the residuals are noise; near 1 where a model misses most of the signal.

    Args:
        fit: Columns and residuals.
        validation: The same of the rows that boosting is measured on.
        thresholds: Settings of boosting.
    """
    residuals, others = fit[1], validation[1]
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
    model.fit(np.stack(list(fit[0].values()), 1), residuals / scale)
    predicted = scale * model.predict(np.stack(list(validation[0].values()), 1))
    return 1 - float(np.mean((others - predicted) ** 2)) / (whole or 1.0)
