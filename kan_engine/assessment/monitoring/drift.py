"""Drift: how the values of a column differ from those that a model was trained on.

The population stability index of bins with the shares p in training and q now is Σ (q - p)·ln(q / p), the
symmetric Kullback-Leibler divergence. Without a drift it is about (bins - 1)·(1/n + 1/m) for n and m rows
(Yurdakul and Naranjo, "Statistical properties of the population stability index", 2020), so that it exceeds
any limit if there are few rows. A column has therefore drifted only if a test agrees: that of Kolmogorov and
Smirnov for numbers, the chi-squared test of homogeneity for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy import stats

from kan_engine.assessment.monitoring.reference import ColumnReference, InputReference
from kan_engine.assessment.monitoring.thresholds import MonitoringThresholds
from kan_engine.data.columns import missing_mask, read_labels, read_numbers
from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature, FeatureType, is_unseen

DriftTest = Literal["kolmogorov_smirnov", "chi_square"]


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """How the values of a column differ from those of training.

    Attributes:
        name: Of the column.
        type: Of the feature.
        missing: Share of missing values.
        training_missing: The same in training; None if it is not known.
        outside: Share of the present values outside the range of training, or in categories that training
            did not have.
        unseen: Some of these categories.
        stability_index: Population stability index; None, as the following, without a known distribution.
        test: Test of equal distributions.
        p_value: Of this test and of that of equal shares of missing values, corrected for their number.
        drifted: Whether the difference is significant and not small.
    """

    name: str
    type: FeatureType
    missing: float
    training_missing: float | None
    outside: float
    unseen: list[str]
    stability_index: float | None
    test: DriftTest | None
    p_value: float | None
    drifted: bool


def measure_drift(
    encoding: Encoding,
    columns: Mapping[str, Shaped[np.ndarray, " rows"]],
    reference: InputReference | None,
    limits: MonitoringThresholds,
    *,
    min_psi: float = 0.1,
    max_drift_columns: int = 100,
) -> list[ColumnDrift]:
    """Compare columns with the training rows; those that drifted most come first, at most a hundred.

    Args:
        encoding: Of the model.
        columns: Values of its features; absent ones are left out.
        reference: What training kept; None if nothing is known but ranges and categories.
        limits: Decision numbers.
        min_psi: Index from which a significant difference is a drift: the usual limit of a moderate change.
        max_drift_columns: Columns that are listed, so that a history of evaluations stays small.

    Raises:
        InvalidData: A value is not of its feature's type.
    """
    references = {} if reference is None else {column.name: column for column in reference.columns}
    rows = 0 if reference is None else reference.rows
    drifts = [
        _measure_column(feature, columns[feature.name], references.get(feature.name), rows)
        for feature in encoding.features
        if feature.name in columns
    ]
    test_count = max(1, sum(column.p_value is not None for column in drifts))
    drifts = [_decide(column, limits.significance_level / test_count, min_psi) for column in drifts]
    drifts.sort(key=lambda column: (-column.drifted, -(column.stability_index or 0.0), -column.outside))
    return drifts[:max_drift_columns]


def _decide(column: ColumnDrift, level: float, min_psi: float) -> ColumnDrift:
    """Bonferroni's correction: ``level`` is that of one column."""
    is_significant = column.p_value is not None and column.p_value <= level
    return replace(column, drifted=is_significant and (column.stability_index or 0.0) >= min_psi)


def _measure_column(
    feature: Feature,
    values: Shaped[np.ndarray, " rows"],
    reference: ColumnReference | None,
    rows: int,
    *,
    max_listed: int = 20,
) -> ColumnDrift:
    """Compare a column with that of the training rows.

    Args:
        max_listed: Unseen categories that are listed.
    """
    is_missing = missing_mask(values)
    present = values[~is_missing]
    outside = is_unseen(feature, present)
    drift = ColumnDrift(
        name=feature.name,
        type=feature.type,
        missing=float(is_missing.mean()),
        training_missing=None if reference is None else reference.missing,
        outside=float(outside.mean()) if len(present) else 0.0,
        unseen=_list_unseen(feature, present[outside], max_listed),
        stability_index=None,
        test=None,
        p_value=None,
        drifted=False,
    )
    if reference is None or (reference.points is None and reference.shares is None):
        return drift
    return _compare(drift, feature, present, is_missing, reference, rows)


def _list_unseen(feature: Feature, values: Shaped[np.ndarray, " rows"], limit: int) -> list[str]:
    if feature.type != "category":
        return []
    return sorted({label for label in read_labels(feature.name, values) if label is not None})[:limit]


def _compare(
    drift: ColumnDrift,
    feature: Feature,
    present: Shaped[np.ndarray, " present"],
    is_missing: Bool[np.ndarray, " rows"],
    reference: ColumnReference,
    rows: int,
    *,
    psi_bins: int = 10,
    min_expected_count: float = 5.0,
) -> ColumnDrift:
    """Add index and test to the measures of a column.

    Args:
        psi_bins: Bins of the population stability index of a number.
        min_expected_count: Rows expected in a bin of the chi-squared test; rarer bins are joined.
    """
    missing = reference.missing or 0.0
    # Training has as many present values as its share of missing ones leaves
    reference_rows = max(1, round(rows * (1 - missing)))
    if reference.points is not None:
        counts, shares, p = _compare_numbers(feature, present, reference, reference_rows, psi_bins)
    else:
        counts, shares = _count_labels(feature, present, np.asarray(reference.shares))
        p = _test_homogeneity(counts, shares * reference_rows, min_expected_count)
    if reference.missing is not None and (is_missing.any() or missing):
        # Missing values are one more bin, and one more test, for which Bonferroni doubles p
        missing_counts = np.array([is_missing.sum(), (~is_missing).sum()], dtype=float)
        of_missing = _test_homogeneity(missing_counts, np.array([missing, 1 - missing]) * rows, 0.0)
        p = min(1.0, 2 * min(p, of_missing))
        counts = np.append(counts, missing_counts[0])
        shares = np.append(shares * (1 - missing), missing)
    return replace(
        drift,
        stability_index=_stability_index(counts, shares * rows),
        test="kolmogorov_smirnov" if reference.points is not None else "chi_square",
        p_value=p,
    )


def _compare_numbers(
    feature: Feature,
    present: Shaped[np.ndarray, " present"],
    reference: ColumnReference,
    reference_rows: int,
    bins: int,
) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"], float]:
    """Counts of bins, their shares in training, and the p-value of the Kolmogorov-Smirnov test.

    The distance is the largest one at the kept quantiles. That of all values is hardly larger, so that the
    test rejects slightly too rarely.
    """
    # Empirical distribution function at the quantiles that training kept
    values = np.sort(read_numbers(feature.name, present))
    points, cumulative = np.asarray(reference.points), np.asarray(reference.cumulative)
    up_to = np.searchsorted(values, points, side="right")
    # Bins end at quantiles of equal shares; many equal values leave fewer bins
    inner = np.searchsorted(cumulative, np.arange(1, bins) / bins)
    inner = np.unique(inner[cumulative[inner.clip(max=len(points) - 1)] < 1])
    counts = np.diff(up_to[inner], prepend=0, append=len(values)).astype(float)
    shares = np.diff(cumulative[inner], prepend=0.0, append=1.0)
    if not len(values):
        return counts, shares, 1.0
    distance = float(np.abs(up_to / len(values) - cumulative).max())
    # Two-sample test: the harmonic combination of both numbers of rows takes the place of one
    effective = max(1, round(len(values) * reference_rows / (len(values) + reference_rows)))
    return counts, shares, float(stats.kstwo.sf(distance, effective))


def _count_labels(
    feature: Feature, present: Shaped[np.ndarray, " present"], shares: Float[np.ndarray, " labels"]
) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
    """Counts of the categories, or of false and true, and of unseen ones; with the shares in training."""
    if feature.type == "boolean":
        places = read_numbers(feature.name, present, boolean=True).astype(int)
    else:
        labels = read_labels(feature.name, present)
        places = np.array([feature.slots.get(label, len(shares)) for label in labels], dtype=int)
    counts = np.bincount(places, minlength=len(shares) + 1).astype(float)
    return counts, np.append(shares, 0.0)


def _test_homogeneity(
    counts: Float[np.ndarray, " bins"], training_counts: Float[np.ndarray, " bins"], min_expected: float
) -> float:
    """p-value of the chi-squared test that both have the same distribution; rare bins are joined."""
    # Expected counts below the limit make the approximation by χ² too coarse, so rare bins are joined
    total = counts + training_counts
    is_rare = total * min(counts.sum(), training_counts.sum()) / max(total.sum(), 1e-300) < min_expected
    table = np.stack([counts, training_counts])
    bins = np.column_stack([table[:, ~is_rare], table[:, is_rare].sum(1)])
    bins = bins[:, bins.sum(0) > 0]
    if bins.shape[1] < 2 or not bins.sum(1).all():
        return 1.0
    return float(stats.chi2_contingency(bins, correction=False).pvalue)


def _stability_index(
    counts: Float[np.ndarray, " bins"], training_counts: Float[np.ndarray, " bins"]
) -> float:
    """Population stability index; half a row more in every bin keeps empty ones finite."""
    now, then = ((part + 0.5) / (part.sum() + 0.5 * len(part)) for part in (counts, training_counts))
    return float(((now - then) * np.log(now / then)).sum())
