"""Detection and exclusion of training rows with gross errors.

A typing error in one cell, or a single sensor failure, can dominate every least-squares fit. Such rows are
few and far from all others, and a fit without them predicts the others better.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import HuberRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kan_engine.assessment.simple_models import fit_ridge_regression
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds, OutlierThresholds
from kan_engine.data.folds import assign_folds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.training_data import TrainingData
from kan_engine.splines.knots import robust_range

Data = TypeVar("Data", bound=TrainingData)


def exclude_outliers(
    data: Data,
    *,
    seed: int,
    is_ordered: bool = False,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> Data:
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
    residuals, usual = _robust_residuals(rows, limits)
    far = _find_gross_errors(residuals, limits)
    if far.any() and _covers_decades(y[~far], limits):
        far &= _find_gross_errors(_robust_residuals(_take_logarithms(rows), limits)[0], limits)
    isolated = _find_isolated(rows.x, limits) & ~far
    folds = assign_folds(y, "regression", seed, limits.fold_count, is_ordered=is_ordered)
    groups = ((far, "its target"), (isolated, "a value of its columns"))
    away = np.zeros(len(rows), dtype=bool)
    warnings = []
    for group, what in groups:
        if group.any() and _is_better_without(group, rows, folds, thresholds):
            away |= group
            warnings.append(_describe_outliers(group, what, data, y, usual, limits))
    if not away.any():
        return data
    kept = np.flatnonzero(~away)
    order = np.concatenate([kept, np.arange(len(rows), len(data.rows))])
    return replace(
        data,
        rows=data.rows[order],
        numbers=data.numbers[order],
        fit_count=int((kept < data.fit_count).sum()),
        validation_count=int((kept >= data.fit_count).sum()),
        warnings=(*data.warnings, *warnings),
    )


def _covers_decades(y: np.ndarray, limits: OutlierThresholds) -> bool:
    """Whether a target has one sign and spreads over decades, so that large values are none of an error."""
    low, high = np.sort(np.abs(np.quantile(y, [limits.low_quantile, 1 - limits.low_quantile])))
    return bool(((y > 0).all() or (y < 0).all()) and high > limits.min_wide_ratio * low)


def _take_logarithms(rows: LabelledRows) -> LabelledRows:
    """The rows with the logarithms of the target and of all positive columns; columns of both signs stay."""
    positive = (rows.x > 0).all(0)
    x = np.where(positive, np.log(np.where(positive, rows.x, 1.0)), rows.x)
    return replace(rows, x=x, y=np.log(np.abs(np.where(rows.y == 0, 1.0, rows.y))))


def _robust_residuals(rows: LabelledRows, limits: OutlierThresholds) -> tuple[np.ndarray, float]:
    """Smaller absolute residual of a robust line and of cross-validated trees, per row; and their scale."""
    x, y = rows.x, rows.y
    center = np.median(x, 0)
    scale = np.median(np.abs(x - center), 0)
    scale = np.where(scale > 0, scale, np.where(x.std(0) > 0, x.std(0), 1.0))
    middle, spread = float(np.median(y)), float(np.median(np.abs(y - np.median(y)))) or float(y.std()) or 1.0
    z, t = (x - center) / scale, (y - middle) / spread
    line = t - HuberRegressor(max_iter=500, alpha=1e-6).fit(z, t, sample_weight=rows.weights).predict(z)
    smallest = np.abs(line)
    if (smallest > limits.min_gross_deviations * _robust_deviation(line)).any():
        smallest = np.minimum(smallest, np.abs(t - _predict_by_trees(x, t, rows.unequal_weights, limits)))
    return smallest * spread, _robust_deviation(smallest) * spread


def _predict_by_trees(
    x: np.ndarray, t: np.ndarray, weights: np.ndarray | None, limits: OutlierThresholds
) -> np.ndarray:
    folds = np.arange(len(t)) % limits.fold_count
    predicted = np.empty(len(t))
    with threadpool_limits(1):
        for fold in range(limits.fold_count):
            held = folds == fold
            model = HistGradientBoostingRegressor(
                max_iter=limits.tree_count, random_state=0, early_stopping=False
            )
            model.fit(
                x[~held],
                np.clip(t[~held], -limits.min_gross_deviations, limits.min_gross_deviations),
                sample_weight=None if weights is None else weights[~held],
            )
            predicted[held] = model.predict(x[held])
    return predicted


def _robust_deviation(residuals: np.ndarray) -> float:
    """Standard deviation estimated by the median of absolute values, for normal residuals."""
    return 1.4826 * float(np.median(np.abs(residuals)))


def _find_gross_errors(residuals: np.ndarray, limits: OutlierThresholds) -> np.ndarray:
    """Mask of the few rows whose residuals are far larger than all others."""
    order = np.argsort(residuals)
    most = max(1, int(limits.max_outlier_share * len(residuals)))
    found = np.zeros(len(residuals), dtype=bool)
    for count in range(1, most + 1):
        lowest, highest_of_others = residuals[order[-count]], residuals[order[-count - 1]]
        if lowest > max(
            limits.min_gross_deviations * _robust_deviation(residuals),
            limits.min_distance_ratio * highest_of_others,
        ):
            found[order[-count:]] = True
            break
    return found


def _find_isolated(x: np.ndarray, limits: OutlierThresholds) -> np.ndarray:
    """Mask of rows with a value that at least doubles the range of its column."""
    low, high = (ends.numpy() for ends in robust_range(torch.from_numpy(x)))
    found: np.ndarray = np.asarray(((x < low) | (x > high)).any(1))
    is_few = int(found.sum()) <= max(1, limits.max_outlier_share * len(x))
    return found if is_few else np.zeros_like(found)


def _is_better_without(
    group: np.ndarray, rows: LabelledRows, folds: np.ndarray, thresholds: AssessmentThresholds
) -> bool:
    """Whether a line fitted without these rows predicts the other rows better in most folds."""
    limits = thresholds.outliers
    errors = np.zeros((2, limits.fold_count))
    for fold in range(limits.fold_count):
        judged = rows[(folds == fold) & ~group]
        for place, learnt in enumerate((folds != fold, (folds != fold) & ~group)):
            if not len(judged) or not learnt.any():
                return False
            line = fit_ridge_regression(rows[learnt], thresholds.ridge_penalties)
            residuals = line.predict(judged.x) - judged.y
            errors[place, fold] = float(np.mean(residuals**2))
    with_them, without = errors
    return bool(
        (without < with_them).sum() >= limits.min_better_folds
        and without.sum() < limits.max_error_ratio * with_them.sum()
    )


def _describe_outliers(
    group: np.ndarray,
    what: str,
    data: TrainingData,
    y: np.ndarray,
    usual: float,
    limits: OutlierThresholds,
) -> str:
    numbers, most = data.numbers[: len(group)][group], limits.max_named_rows
    named = ", ".join(str(number + 1) for number in numbers[:most].tolist())
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    is_one = len(numbers) == 1
    values = (
        f", {y[group][0]:.6g} where a robust fit has errors of about {usual:.3g}"
        if what == "its target"
        else ""
    )
    rows, are, outliers, them = (
        ("row", "is", "an outlier", "it") if is_one else ("rows", "are", "outliers", "them")
    )
    return (
        f"{rows} {named}{more} of the dataset, counted from 1, {are} excluded as {outliers}: {what} is "
        f"far from all others{values}; correct or remove {them}"
    )
