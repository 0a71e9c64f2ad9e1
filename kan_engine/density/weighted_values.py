"""Values of a column and what each counts, with what fits of laws ask of them often."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


def worth(weights: np.ndarray) -> float:
    """How many rows of equal weight tell as much as rows with these (Kish 1965)."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


@dataclass(frozen=True, eq=False)
class Values:
    """Values of a column and what each counts; weights add up to the number of rows that they are worth."""

    x: np.ndarray
    w: np.ndarray

    @staticmethod
    def weighed(x: np.ndarray, weights: np.ndarray) -> Values:
        """Values of rows with weights of any size."""
        return Values(x, weights * (worth(weights) / weights.sum()))

    def of(self, values: np.ndarray) -> Values:
        """Other values of the same rows."""
        return Values(values, self.w)

    def where(self, chosen: np.ndarray) -> Values:
        """Some of the rows."""
        return Values(self.x[chosen], self.w[chosen])

    @cached_property
    def count(self) -> float:
        """How many rows they are worth."""
        return float(self.w.sum())

    @cached_property
    def low(self) -> float:
        """The smallest."""
        return float(self.x.min())

    @cached_property
    def high(self) -> float:
        """The largest."""
        return float(self.x.max())

    @cached_property
    def mean(self) -> float:
        """Their mean."""
        return float(self.w @ self.x) / self.count

    @cached_property
    def std(self) -> float:
        """Their standard deviation."""
        return float(np.sqrt(self.w @ (self.x - self.mean) ** 2 / self.count))

    def quantile(self, share: float) -> float:
        """The value below which this share of them lies."""
        order = np.argsort(self.x)
        total = np.cumsum(self.w[order]) - 0.5 * self.w[order]
        return float(np.interp(share * self.count, total, self.x[order]))

    @cached_property
    def spread(self) -> float:
        """Half the distance between their quartiles."""
        return max((self.quantile(0.75) - self.quantile(0.25)) / 2, 1e-300)
