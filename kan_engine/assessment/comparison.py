"""Which of two candidates predicts better, from their errors on the same rows.

Errors are absolute, in the target's units, one per training row, and NaN for rows that are not predicted. A
classifier's errors are square roots of the log loss, so that their squares are losses as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy.stats import f as f_distribution

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds

Name = TypeVar("Name", bound=str)


def compute_rmse(errors: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]) -> float:
    """Root of the weighted mean square over the rows with known errors."""
    mask = ~np.isnan(errors)
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.average(errors[mask] ** 2, weights=weights[mask])))


def describe_formula_gain(
    errors: Float[np.ndarray, " rows"],
    of_network: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
) -> str:
    """Message with the errors by which a formula is better than the network, or as good."""
    rmse, network_rmse = compute_paired_rmse(errors, of_network, weights)
    rmses = f"RMSE {rmse:.4g}, of the network {network_rmse:.4g}"
    comparison = "better than" if rmse < network_rmse else "as good as"
    return f"the formula is {comparison} the network by cross-validation ({rmses})"


def compute_paired_rmse(
    errors: Float[np.ndarray, " rows"],
    other_errors: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
) -> tuple[float, float]:
    """RMSE of two candidates on the rows where both errors are known."""
    mine, theirs, w = _select_known(errors, other_errors, weights)
    return compute_rmse(mine, w), compute_rmse(theirs, w)


def is_better(
    errors: Float[np.ndarray, " rows"],
    other_errors: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
    *,
    of_classes: bool = False,
    small_gain_standard_errors: float = 2.0,
    small_sample_rows: int = 100,
    min_share_standard_errors: float = 2.0,
    min_heavy_share_standard_errors: float = 4.0,
    max_ratio_p_value: float = 0.01,
) -> bool:
    """Whether one candidate is significantly better than another, on the rows where both errors are known.

    Its mean squared error must be lower by more than ``min_relative_gain``. In addition, one of three tests
    must hold. Either the gain exceeds a standard error of the paired differences, and more for few rows,
    whose standard error is itself uncertain. Or the candidate has the smaller error on clearly more than half
    of the rows: where a few rows hold nearly all of the squared error, the gain and its standard error are
    about equal. Or the ratio of both mean squares is no chance by the F test, which few rows can pass.
    Where heavy tails leave nothing to these, being ahead on many more rows suffices, with a smaller median
    and unless the mean says the opposite.

    Most of the log loss of classes that overlap cannot be explained, so a small share of it may be most of
    the rest: a smaller gain counts there, too, if it exceeds several standard errors.

    Args:
        small_gain_standard_errors: Of the paired differences, that a smaller gain in log loss must exceed.
        small_sample_rows: With so many rows a gain must be two standard errors, with many more rows one.
        min_share_standard_errors: Above one half, for the share of rows on which a candidate is better.
        min_heavy_share_standard_errors: Above one half, for the share of rows on which a candidate is better,
            where the mean squares tell nothing.
        max_ratio_p_value: Of the F test of two mean squares.
    """
    gain, deviation = _measure_gain(errors, other_errors, weights)
    if np.isinf(gain):
        return gain > 0
    mine, theirs, w = _select_known(errors, other_errors, weights)
    chance = (1 + small_sample_rows / len(mine)) * deviation
    # Weights are relative to their mean, so that both mean squares keep the units of the target
    mse, other_mse = (float(np.mean(limit_wild_rows(part**2 * (w / w.mean())))) for part in (mine, theirs))
    # Share of rows on which the candidate is ahead, as a z-score: under the sign test its variance is 1/(4n)
    rows = len(mine)
    ahead = (float(np.average(mine < theirs, weights=w)) - 0.5) / (0.5 / rows**0.5)  # in standard errors
    if gain <= thresholds.min_relative_gain * other_mse:
        if of_classes:
            return gain > small_gain_standard_errors * chance
        is_smaller = np.median(mine**2) < (1 - thresholds.min_relative_gain) * np.median(theirs**2)
        is_ahead = ahead > min_heavy_share_standard_errors
        return bool(is_smaller and is_ahead and gain > -chance)
    # F test of both mean squares, as if the residuals were independent and normal
    is_no_chance = not of_classes and other_mse > mse * float(
        f_distribution.ppf(1 - max_ratio_p_value, rows, rows)
    )
    return gain > chance or ahead > min_share_standard_errors or is_no_chance


def choose_simplest(
    errors: Mapping[Name, Float[np.ndarray, " rows"]],
    weights: Float[np.ndarray, " rows"],
    *,
    margins: Mapping[Name, float] | None = None,
) -> Name:
    """The candidate with the lowest error, or the simplest one within a standard error of it.

    Args:
        errors: Of the candidates by name, the simplest first.
        weights: Of the rows.
        margins: Standard errors for some candidates, where not 1.
    """
    (best, *candidates) = errors
    for name in candidates:
        if is_lower(errors[name], errors[best], weights):
            best = name
    for name in errors:
        margin = (margins or {}).get(name, 1.0)
        if not is_lower(errors[best], errors[name], weights, standard_errors=margin):
            return name
    return best


def is_far_better(
    errors: Float[np.ndarray, " rows"],
    other_errors: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    thresholds: AssessmentThresholds,
) -> bool:
    """Whether the RMSE of one candidate is so much lower that no test is needed, wild rows aside."""
    mine, theirs, w = _select_known(errors, other_errors, weights)
    if not len(mine):
        return False
    mse, other_mse = (np.average(limit_wild_rows(part**2), weights=w) for part in (mine, theirs))
    return bool(mse < thresholds.clear_rmse_ratio**2 * other_mse)


def limit_wild_rows(
    values: Float[np.ndarray, " rows"], *, max_wild_share: float = 0.01
) -> Float[np.ndarray, " rows"]:
    """Values of rows in which the most extreme ones count as those next to them, at either end.

    One row, and a share of them, cannot decide a mean of what is left (Dixon, Annals of Mathematical
    Statistics 31, 1960). Heavy tails and wild rows show in the differences of two candidates, and not in the
    target: a wild target is as far from both.

    Args:
        max_wild_share: Of the rows, besides one, that cannot decide a comparison at either end.
    """
    count = 1 + int(max_wild_share * len(values))
    if len(values) <= 2 * count:
        return values
    # Only the order statistics next to the ends are needed, so the rows are not sorted
    low, high = np.partition(values, [count, -count - 1])[[count, -count - 1]]
    return np.asarray(values.clip(low, high))


def is_lower(
    errors: Float[np.ndarray, " rows"],
    other_errors: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    *,
    standard_errors: float = 0.0,
) -> bool:
    """Whether the squared errors of one candidate are lower by more than so many standard errors."""
    gain, deviation = _measure_gain(errors, other_errors, weights)
    return gain > standard_errors * deviation


def _measure_gain(
    errors: Float[np.ndarray, " rows"],
    other_errors: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
) -> tuple[float, float]:
    """By how much the mean squared error is lower, and the standard error of that.

    The gain is infinite where the others alone are not finite, and -infinite where nothing is known.
    """
    mine, theirs, w = _select_known(errors, other_errors, weights)
    if not len(mine) or not np.isfinite(mine).all():
        return -np.inf, 0.0
    if not np.isfinite(theirs).all():
        return np.inf, 0.0
    # Paired differences: what both candidates miss in a row cancels
    gains = limit_wild_rows((theirs**2 - mine**2) * (w / w.mean()))
    return float(gains.mean()), float(gains.std()) / len(gains) ** 0.5


def _select_known(
    errors: Float[np.ndarray, " rows"],
    other_errors: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
) -> tuple[Float[np.ndarray, " known"], Float[np.ndarray, " known"], Float[np.ndarray, " known"]]:
    """The errors and weights of the rows where both errors are known."""
    mask = ~(np.isnan(errors) | np.isnan(other_errors))
    return errors[mask], other_errors[mask], weights[mask]
