"""Signal in the residuals of a formula that boosting still finds."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingRegressor

from kan_engine.assessment.thresholds import AssessmentThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate


def measure_residual_signal(
    formula: Expression,
    fit: LabelledRows,
    validation: LabelledRows,
    thresholds: AssessmentThresholds,
    *,
    max_usual_residuals: float = 4.0,
) -> float:
    """Share of the weighed squared residuals of a formula that is signal; see ``measure_signal``.

    Where a few residuals are so large that they decide it, the larger of this share and that of the ranks.

    Args:
        max_usual_residuals: Standard deviation of residuals over the median of their sizes, above which a few
            residuals decide it; 1.5 for the normal distribution, 2.3 for Student's t with 3 degrees of
            freedom.
    """
    # Residuals times the roots of the weights, so that boosting can count all rows the same
    fit_rows, validation_rows = (
        part.with_target(_weigh_residuals(formula, part)) for part in (fit, validation)
    )
    signal = measure_signal(fit_rows, validation_rows, thresholds)
    median = float(np.median(np.abs(fit_rows.y)))
    if float(np.std(fit_rows.y)) <= max_usual_residuals * median:
        return signal
    # Ranks limit the effect of the largest residuals
    fit_ranks, validation_ranks = (
        part.with_target(np.asarray(rankdata(part.y) / len(part) - 0.5))
        for part in (fit_rows, validation_rows)
    )
    return max(signal, measure_signal(fit_ranks, validation_ranks, thresholds))


def _weigh_residuals(formula: Expression, rows: LabelledRows) -> Float[np.ndarray, " rows"]:
    return np.asarray((rows.y - evaluate(formula, rows.columns)) * rows.roots)


def measure_signal(
    fit: LabelledRows,
    validation: LabelledRows,
    thresholds: AssessmentThresholds,
    *,
    boosting_learning_rate: float = 0.05,
    boosting_leaves: int = 8,
    boosting_leaf_rows: int = 20,
) -> float:
    """Share of the squared residuals on the validation rows that boosting on the fit rows explains.

    At most 0 where the residuals are noise; near 1 where a model misses most of the signal. All rows count
    the same.

    Args:
        fit: Rows with residuals as their target.
        validation: The same that boosting is measured on.
        thresholds: Settings of boosting.
        boosting_learning_rate: Of the signal left in residuals; slow enough that boosting hardly fits noise.
        boosting_leaves, boosting_leaf_rows: Most leaves of its trees, and fewest rows of a leaf.
    """
    residuals, validation_residuals = fit.y, validation.y
    mean_square = float(np.mean(validation_residuals**2))
    if not (np.isfinite(residuals).all() and np.isfinite(mean_square)):
        return 1.0
    model = HistGradientBoostingRegressor(
        max_iter=thresholds.boosting_rounds,
        learning_rate=boosting_learning_rate,
        max_leaf_nodes=boosting_leaves,
        min_samples_leaf=boosting_leaf_rows,
        early_stopping=False,
        random_state=0,
    )
    # Boosting keeps its gradients in single precision, so the residuals are scaled to 1
    scale = float(np.std(residuals)) or 1.0
    model.fit(fit.x, residuals / scale)
    predictions = scale * model.predict(validation.x)
    return 1 - float(np.mean((validation_residuals - predictions) ** 2)) / (mean_square or 1.0)
