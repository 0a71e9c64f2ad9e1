"""What a model keeps of its training rows: the distribution of every column, and a sample of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.monitoring.thresholds import DEFAULT_MONITORING, MonitoringThresholds
from kan_engine.assessment.thresholds import DEFAULT_PARTIAL_DEPENDENCE
from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature
from kan_engine.data.labelled_rows import LabelledRows


@dataclass(frozen=True, kw_only=True)
class ColumnReference:
    """The distribution of a feature in the training rows.

    Attributes:
        name: Of the feature.
        missing: Share of missing values; None if it is not known.
        points: Of a number: quantiles, increasing.
        cumulative: Share of the present values up to each point.
        shares: Of other features: shares of the present values in the order of ``Feature.slots``, or of false
            and true. Both are None for times.
    """

    name: str
    missing: float | None
    points: Sequence[float] | None = None
    cumulative: Sequence[float] | None = None
    shares: Sequence[float] | None = None


@dataclass(frozen=True, kw_only=True)
class InputReference:
    """What a model keeps of the inputs that it was trained on.

    Attributes:
        rows: Number of training rows.
        columns: Distributions of its features.
        background: A sample of encoded rows, without their target; empty if it is not known.
    """

    rows: int
    columns: Sequence[ColumnReference]
    background: Sequence[Sequence[float]] = ()

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> InputReference:
        """Restore the reference from the JSON of its fields."""
        columns = [ColumnReference(**column) for column in data["columns"]]
        return InputReference(rows=data["rows"], columns=columns, background=data["background"])


def summarize_inputs(
    encoding: Encoding,
    training: LabelledRows,
    unused_features: frozenset[str],
    *,
    seed: int = 0,
    limits: MonitoringThresholds = DEFAULT_MONITORING,
    max_reference_columns: int = 200,
    background_values: int = 40_000,
) -> InputReference:
    """Summarize the training rows for later comparisons and explanations.

    Args:
        encoding: Of the rows.
        training: The rows.
        unused_features: Those that the model does not use; their distributions are kept where there is room.
        seed: Of the samples.
        limits: Decision numbers.
        max_reference_columns: Features whose distribution is kept, those that the model uses first.
        background_values: Most numbers of the rows that explanations average over, together.
    """
    features = sorted(encoding.features, key=lambda feature: feature.name in unused_features)
    sample = training.sample(DEFAULT_PARTIAL_DEPENDENCE.max_distribution_rows, seed)
    rows = min(limits.background_rows, max(1, background_values // len(encoding.names)))
    return InputReference(
        rows=len(training),
        columns=[
            _summarize_feature(feature, sample.x[:, encoding.locate(feature)])
            for feature in features[:max_reference_columns]
        ],
        background=training.sample(rows, seed).x.tolist(),
    )


def _summarize_feature(
    feature: Feature, block: Float[np.ndarray, "rows columns"], *, reference_points: int = 33
) -> ColumnReference:
    """Describe the distribution of a feature, for later comparisons.

    Args:
        reference_points: Quantiles of a number that training keeps; 33 bound the error of the
            Kolmogorov-Smirnov statistic by 3 %.
    """
    missing, present = 0.0, block
    if feature.has_missing and feature.type != "category":
        is_missing = block[:, -1] != 0
        missing, present = float(is_missing.mean()), block[~is_missing]
    if feature.type == "number":
        # Equal quantiles of a discrete number become one point with their common share
        points = np.unique(np.quantile(present[:, 0], np.linspace(0, 1, reference_points)))
        cumulative = np.searchsorted(np.sort(present[:, 0]), points, side="right") / len(present)
        return ColumnReference(
            name=feature.name, missing=missing, points=points.tolist(), cumulative=cumulative.tolist()
        )
    if feature.type == "boolean":
        share = float(present[:, 0].mean())
        return ColumnReference(name=feature.name, missing=missing, shares=[1 - share, share])
    if feature.type == "datetime":
        return ColumnReference(name=feature.name, missing=missing)
    shares = block.mean(0)
    if len(shares) == 1:  # of two columns only the second is encoded
        shares = np.array([1 - shares[0], shares[0]])[: max(feature.slots.values()) + 1]
    missing = float(shares[feature.slots[None]]) if feature.has_missing else 0.0
    # Shares of the present values add up to 1, whatever is missing
    present_shares = shares[: len(shares) - feature.has_missing] / max(1 - missing, 1e-300)
    return ColumnReference(name=feature.name, missing=missing, shares=present_shares.tolist())


def read_older_reference(effects: Sequence[Mapping[str, Any]], rows: int) -> InputReference:
    """The part of a reference that partial dependence holds, for models that keep no more.

    Args:
        effects: The JSON of ``PartialDependence`` of every feature.
        rows: Number of training rows.
    """
    return InputReference(rows=rows, columns=[_read_effect(effect) for effect in effects])


def _read_effect(effect: Mapping[str, Any]) -> ColumnReference:
    if effect["deciles"] is not None:
        # Equally spaced levels: equal deciles are one point, at the highest of their levels
        deciles = np.asarray(effect["deciles"], dtype=float)
        points, counts = np.unique(deciles, return_counts=True)
        cumulative = (np.cumsum(counts) - 1) / (len(deciles) - 1)
        return ColumnReference(
            name=effect["name"], missing=None, points=points.tolist(), cumulative=cumulative.tolist()
        )
    shares = [
        share for share, value in zip(effect["shares"], effect["values"], strict=True) if value is not None
    ]
    missing, total = 1 - sum(shares), sum(shares)
    has_missing = None in effect["values"]
    return ColumnReference(
        name=effect["name"],
        missing=missing if has_missing else 0.0,
        shares=[share / total for share in shares] if total > 0 else None,
    )
