"""Detection and exclusion of training rows with gross errors.

A typing error in one cell, or a single sensor failure, can dominate every least-squares fit. Such rows are
few and far from all others, and a fit without them predicts the others better.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import HuberRegressor
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kan_engine.assessment.simple_models import fit_ridge_regression
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds, OutlierThresholds
from kan_engine.data.folds import assign_folds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.training_data import TrainingData
from kan_engine.splines.knots import robust_range


def exclude_outliers(
    data: TrainingData,
    *,
    seed: int,
    is_ordered: bool = False,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> TrainingData:
    """Exclude training rows with gross errors from the data of a regression; warnings name them.

    Args:
        data: The rows.
        seed: Seed of the folds on which a fit without these rows is compared.
        is_ordered: Whether the rows are in time order.
        thresholds: Decision numbers.
    """
    rows, limits = data.training, thresholds.outliers
    if data.classes is not None or not limits.min_rows <= len(rows) <= limits.max_rows:
        return data
    y = rows.y
    # A target over decades has large values that are no errors: these must stand out in the logarithm, too
    residuals, usual = _robust_residuals(rows, limits)
    far = _find_gross_errors(residuals, limits)
    if far.any() and _covers_decades(y[~far], limits):
        far &= _find_gross_errors(_robust_residuals(_take_logarithms(rows), limits)[0], limits)
    isolated_rows = _find_isolated(rows.x, limits) & ~far
    folds = assign_folds(y, "regression", seed, limits.fold_count, is_ordered=is_ordered)
    groups = ((far, "its target"), (isolated_rows, "a value of its columns"))
    away = np.zeros(len(rows), dtype=bool)
    warnings = []
    for group, what in groups:
        if group.any() and _is_better_without(group, rows, folds, thresholds):
            away |= group
            warnings.append(_describe_outliers(group, what, data, y, usual))
    if not away.any():
        return data
    inliers = np.flatnonzero(~away)
    order = np.concatenate([inliers, np.arange(len(rows), len(data.rows))])
    return replace(
        data,
        rows=data.rows[order],
        numbers=data.numbers[order],
        fit_count=int((inliers < data.fit_count).sum()),
        validation_count=int((inliers >= data.fit_count).sum()),
        warnings=(*data.warnings, *warnings),
    )


def _covers_decades(
    y: Float[np.ndarray, " rows"], limits: OutlierThresholds, *, min_wide_ratio: float = 100.0
) -> bool:
    """Whether a target has one sign and spreads over decades, so that large values are none of an error.

    Args:
        min_wide_ratio: Upper over lower quantile from which a target covers decades; its values are far from
            all others only if their logarithms are, too.
    """
    low, high = np.sort(np.abs(np.quantile(y, [limits.low_quantile, 1 - limits.low_quantile])))
    return bool(((y > 0).all() or (y < 0).all()) and high > min_wide_ratio * low)


def _take_logarithms(rows: LabelledRows) -> LabelledRows:
    """The rows with the logarithms of the target and of all positive columns; columns of both signs stay."""
    positive = (rows.x > 0).all(0)
    x = np.where(positive, np.log(np.where(positive, rows.x, 1.0)), rows.x)
    return replace(rows, x=x, y=np.log(np.abs(np.where(rows.y == 0, 1.0, rows.y))))


def _robust_residuals(
    rows: LabelledRows, limits: OutlierThresholds
) -> tuple[Float[np.ndarray, " rows"], float]:
    """Smaller absolute residual of a robust line and of cross-validated trees, per row; and their scale."""
    x, y = rows.x, rows.y
    # Medians and median absolute deviations, which gross errors do not move
    center = np.median(x, 0)
    scale = np.median(np.abs(x - center), 0)
    scale = np.where(scale > 0, scale, np.where(x.std(0) > 0, x.std(0), 1.0))
    middle, spread = float(np.median(y)), float(np.median(np.abs(y - np.median(y)))) or float(y.std()) or 1.0
    # Huber's loss grows linearly with large residuals, so that outliers hardly attract the line
    z, t = (x - center) / scale, (y - middle) / spread
    line = t - HuberRegressor(max_iter=500, alpha=1e-6).fit(z, t, sample_weight=rows.weights).predict(z)
    smallest = np.abs(line)
    if (smallest > limits.min_gross_deviations * _robust_deviation(line)).any():
        smallest = np.minimum(smallest, np.abs(t - _predict_by_trees(x, t, rows.unequal_weights, limits)))
    return smallest * spread, _robust_deviation(smallest) * spread


def _predict_by_trees(
    x: Float[np.ndarray, "rows columns"],
    t: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"] | None,
    limits: OutlierThresholds,
    *,
    tree_count: int = 50,
) -> Float[np.ndarray, " rows"]:
    """Predict every row by boosting without its fold.

    Args:
        tree_count: Of boosting.
    """
    model = HistGradientBoostingRegressor(max_iter=tree_count, random_state=0, early_stopping=False)
    target = np.clip(t, -limits.min_gross_deviations, limits.min_gross_deviations)
    folds = PredefinedSplit(np.arange(len(t)) % limits.fold_count)
    with threadpool_limits(1):
        predictions = cross_val_predict(model, x, target, cv=folds, params={"sample_weight": weights})
    return np.asarray(predictions)


def _robust_deviation(residuals: Float[np.ndarray, " rows"]) -> float:
    """Standard deviation estimated by the median of absolute values, for normal residuals."""
    return 1.4826 * float(np.median(np.abs(residuals)))


def _find_gross_errors(
    residuals: Float[np.ndarray, " rows"], limits: OutlierThresholds, *, min_distance_ratio: float = 5.0
) -> Bool[np.ndarray, " rows"]:
    """Mask of the few rows whose residuals are far larger than all others.

    Args:
        min_distance_ratio: To the largest residual of all other rows.
    """
    # The gap to the next residual decides, not the size alone: heavy tails have no gap
    order = np.argsort(residuals)
    limit = max(1, int(limits.max_outlier_share * len(residuals)))
    mask = np.zeros(len(residuals), dtype=bool)
    for count in range(1, limit + 1):
        lowest, highest_of_others = residuals[order[-count]], residuals[order[-count - 1]]
        if lowest > max(
            limits.min_gross_deviations * _robust_deviation(residuals),
            min_distance_ratio * highest_of_others,
        ):
            mask[order[-count:]] = True
            break
    return mask


def _find_isolated(
    x: Float[np.ndarray, "rows columns"], limits: OutlierThresholds
) -> Bool[np.ndarray, " rows"]:
    """Mask of rows with a value that at least doubles the range of its column."""
    low, high = (ends.numpy() for ends in robust_range(torch.from_numpy(x)))
    mask: np.ndarray = np.asarray(((x < low) | (x > high)).any(1))
    is_few = int(mask.sum()) <= max(1, limits.max_outlier_share * len(x))
    return mask if is_few else np.zeros_like(mask)


def _is_better_without(
    group: Bool[np.ndarray, " rows"],
    rows: LabelledRows,
    folds: Int[np.ndarray, " rows"],
    thresholds: AssessmentThresholds,
    *,
    min_better_folds: int = 4,
    max_error_ratio: float = 0.95,
) -> bool:
    """Whether a line fitted without these rows predicts the other rows better in most folds.

    Args:
        min_better_folds: In which excluding the outliers must improve the predictions.
        max_error_ratio: Of the mean squared errors without and with the outliers.
    """
    limits = thresholds.outliers
    errors = np.zeros((2, limits.fold_count))
    for fold in range(limits.fold_count):
        test_rows = rows[(folds == fold) & ~group]
        for place, fit_mask in enumerate((folds != fold, (folds != fold) & ~group)):
            if not len(test_rows) or not fit_mask.any():
                return False
            # Both lines predict the same rows without the group, which therefore cannot favour either
            line = fit_ridge_regression(rows[fit_mask], thresholds.ridge_penalties)
            residuals = line.predict(test_rows.x) - test_rows.y
            errors[place, fold] = float(np.mean(residuals**2))
    with_them, without = errors
    return bool(
        (without < with_them).sum() >= min_better_folds and without.sum() < max_error_ratio * with_them.sum()
    )


def _describe_outliers(
    group: Bool[np.ndarray, " rows"],
    what: str,
    data: TrainingData,
    y: Float[np.ndarray, " rows"],
    usual: float,
    *,
    max_named_rows: int = 10,
) -> str:
    """The warning about values far from all others.

    Args:
        max_named_rows: In a warning.
    """
    numbers = data.numbers[: len(group)][group]
    row_list = ", ".join(str(number + 1) for number in numbers[:max_named_rows].tolist())
    suffix = f" and {len(numbers) - max_named_rows} more" if len(numbers) > max_named_rows else ""
    is_one = len(numbers) == 1
    values = (
        f", {y[group][0]:.6g} where a robust fit has errors of about {usual:.3g}"
        if what == "its target"
        else ""
    )
    rows, are, outliers, pronoun = (
        ("row", "is", "an outlier", "it") if is_one else ("rows", "are", "outliers", "them")
    )
    return (
        f"{rows} {row_list}{suffix} of the dataset, counted from 1, {are} excluded as {outliers}: {what} is "
        f"far from all others{values}; correct or remove {pronoun}"
    )
