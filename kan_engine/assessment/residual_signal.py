"""Signal in the residuals of a formula that boosting still finds."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.symbolic.constant_fitting import ColumnsAndTarget

BOOSTING_ROUNDS = 60  # slow enough that boosting hardly fits noise
LEARNING_RATE, MAX_LEAVES, MIN_LEAF_ROWS = 0.05, 8, 20


def measure_residual_signal(
    formula: Expression, fit: ColumnsAndTarget, validation: ColumnsAndTarget
) -> float:
    """Share of the squared residuals on the validation rows that boosting on the fit rows explains.

    At most 0 where the residuals are noise; near 1 where the formula misses most of the signal.
    """
    residuals, others = (target - evaluate(formula, columns) for columns, target in (fit, validation))
    whole = float(np.mean(others**2))
    if not (np.isfinite(residuals).all() and np.isfinite(whole)):
        return 1.0
    model = HistGradientBoostingRegressor(
        max_iter=BOOSTING_ROUNDS,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=MAX_LEAVES,
        min_samples_leaf=MIN_LEAF_ROWS,
        early_stopping=False,
        random_state=0,
    )
    scale = float(np.std(residuals)) or 1.0
    model.fit(np.stack(list(fit[0].values()), 1), residuals / scale)
    predicted = scale * model.predict(np.stack(list(validation[0].values()), 1))
    return 1 - float(np.mean((others - predicted) ** 2)) / (whole or 1.0)
