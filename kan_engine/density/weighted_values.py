"""Weighted values of a column and their statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float


def effective_sample_size(weights: Float[np.ndarray, " rows"]) -> float:
    """Effective sample size of weighted rows (Kish 1965)."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


@dataclass(frozen=True, eq=False)
class WeightedValues:
    """Values of a column with weights that sum to their effective sample size."""

    x: Float[np.ndarray, " rows"]
    w: Float[np.ndarray, " rows"]

    @staticmethod
    def from_weights(x: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]) -> WeightedValues:
        """Create from weights of any scale."""
        return WeightedValues(x, weights * (effective_sample_size(weights) / weights.sum()))

    def replace_values(self, values: Float[np.ndarray, " rows"]) -> WeightedValues:
        """Other values with the same weights."""
        return WeightedValues(values, self.w)

    def select_rows(self, mask: Bool[np.ndarray, " rows"]) -> WeightedValues:
        """The rows that the mask selects."""
        return WeightedValues(self.x[mask], self.w[mask])

    @cached_property
    def count(self) -> float:
        """Effective sample size."""
        return float(self.w.sum())

    @cached_property
    def low(self) -> float:
        """The smallest value."""
        return float(self.x.min())

    @cached_property
    def high(self) -> float:
        """The largest value."""
        return float(self.x.max())

    @cached_property
    def mean(self) -> float:
        """Weighted mean."""
        return float(self.w @ self.x) / self.count

    @cached_property
    def std(self) -> float:
        """Weighted standard deviation."""
        return float(np.sqrt(self.w @ (self.x - self.mean) ** 2 / self.count))

    def quantile(self, share: float) -> float:
        """Weighted quantile; ``share`` is 0 to 1."""
        # Every value stands at the middle of its weight; quantiles between values are interpolated
        order = np.argsort(self.x)
        total = np.cumsum(self.w[order]) - 0.5 * self.w[order]
        return float(np.interp(share * self.count, total, self.x[order]))

    @cached_property
    def spread(self) -> float:
        """Half the interquartile range."""
        return max((self.quantile(0.75) - self.quantile(0.25)) / 2, 1e-300)
