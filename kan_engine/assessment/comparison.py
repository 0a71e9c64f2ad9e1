"""Which of two candidates predicts better, from their errors on the same rows.

Errors are absolute, in the target's units, one per training row, and NaN for rows that are not predicted. A
classifier's errors are square roots of the log loss, so that their squares are losses as well.
"""

from __future__ import annotations

import numpy as np

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds


def compute_rmse(errors: np.ndarray, weights: np.ndarray) -> float:
    """Root of the weighted mean square over the rows with known errors."""
    known = ~np.isnan(errors)
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.average(errors[known] ** 2, weights=weights[known])))


def describe_formula_gain(errors: np.ndarray, of_network: np.ndarray, weights: np.ndarray) -> str:
    """Message with the errors by which a formula is better than the network."""
    own, other = compute_paired_rmse(errors, of_network, weights)
    rmses = f"RMSE {own:.4g}, of the network {other:.4g}"
    return f"the formula is better than the network by cross-validation ({rmses})"


def compute_paired_rmse(errors: np.ndarray, others: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """RMSE of two candidates on the rows where both errors are known."""
    known = ~(np.isnan(errors) | np.isnan(others))
    return compute_rmse(errors[known], weights[known]), compute_rmse(others[known], weights[known])


def is_better(
    errors: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
    *,
    of_classes: bool = False,
) -> bool:
    """Whether one candidate is significantly better than another, on the rows where both errors are known.

    Its mean squared error must be lower by more than ``min_relative_gain``. In addition, one of two tests
    must hold. Either the gain exceeds a standard error of the paired differences, and more for few rows,
    whose standard error is itself uncertain. Or the candidate has the smaller error on clearly more than half
    of the rows: where a few rows hold nearly all of the squared error, the gain and its standard error are
    about equal.

    Most of the log loss of classes that overlap cannot be explained, so a small share of it may be most of
    the rest: a smaller gain counts there, too, if it exceeds several standard errors.
    """
    known = ~(np.isnan(errors) | np.isnan(others))
    mine, theirs, w = errors[known], others[known], weights[known]
    if not known.any() or not np.isfinite(mine).all():
        return False
    if not np.isfinite(theirs).all():
        return True
    gains = (theirs**2 - mine**2) * (w / w.mean())
    gain, rows = float(gains.mean()), len(gains)
    chance = (1 + thresholds.small_sample_rows / rows) * float(gains.std()) / rows**0.5
    if gain <= thresholds.min_relative_gain * float(np.average(theirs**2, weights=w)):
        return of_classes and gain > thresholds.small_gain_standard_errors * chance
    ahead = float(np.average(mine < theirs, weights=w))
    clear = 0.5 + thresholds.min_share_standard_errors * 0.5 / rows**0.5
    return bool(gain > chance or ahead > clear)
