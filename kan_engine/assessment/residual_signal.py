"""Signal in the residuals of a formula that boosting still finds."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.symbolic.constant_fitting import ColumnsAndTarget


def measure_residual_signal(
    formula: Expression,
    fit: ColumnsAndTarget,
    validation: ColumnsAndTarget,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> float:
    """Share of the squared residuals of a formula that is signal; see ``measure_signal``."""
    first, second = ((columns, target - evaluate(formula, columns)) for columns, target in (fit, validation))
    return measure_signal(first, second, thresholds)


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
