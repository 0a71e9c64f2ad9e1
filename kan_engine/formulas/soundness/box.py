"""Ranges of columns, and points in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import qmc

Points = Float[np.ndarray, "points columns"]
MAX_CORNER_COLUMNS = 8  # 256 corners


@dataclass(frozen=True, eq=False)
class Box:
    """Ranges of columns.

    Attributes:
        names: Of the columns.
        low, high: Ends of their ranges.
        is_binary: Which columns are indicators of categories, and have no values between 0 and 1.
    """

    names: tuple[str, ...]
    low: Float[np.ndarray, " columns"]
    high: Float[np.ndarray, " columns"]
    is_binary: Bool[np.ndarray, " columns"]

    @cached_property
    def is_wide(self) -> Bool[np.ndarray, " columns"]:
        """Which ranges are positive and span more than a factor of ten."""
        return (self.low > 0) & (self.high > 10 * self.low)

    def place(self, shares: Points) -> Points:
        """Points at these shares of the ranges, of wide ones on a logarithmic scale."""
        # Geometric between the ends of a wide range, so that every decade gets as many points
        with np.errstate(all="ignore"):
            wide = self.low * (self.high / self.low) ** shares
        straight = self.low + np.where(self.is_binary, np.round(shares), shares) * (self.high - self.low)
        return np.asarray(np.clip(np.where(self.is_wide, wide, straight), self.low, self.high))

    def to_columns(self, shares: Points) -> dict[str, Float[np.ndarray, " points"]]:
        """Columns at these shares."""
        return dict(zip(self.names, np.ascontiguousarray(self.place(shares).T), strict=True))

    def to_shares(self, points: Points) -> Points:
        """The inverse of ``place``."""
        low, high = self.low, np.where(self.high > self.low, self.high, self.low + 1)
        with np.errstate(all="ignore"):
            wide = np.log(points / low) / np.log(high / low)
        return np.asarray(np.where(self.is_wide, wide, (points - low) / (high - low)))

    def sample(self, count: int) -> Points:
        """Shares of corners and of the points of a Sobol sequence; see ``expressions.shape``."""
        width = len(self.names)
        # Formulas are most extreme at corners; beyond a few columns only some of them
        shares = qmc.Sobol(width, scramble=False).random(count)
        if width <= MAX_CORNER_COLUMNS:
            corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * width, indexing="ij"), -1).reshape(-1, width)
        else:
            corners = np.round(qmc.Sobol(width, scramble=False).random(2**MAX_CORNER_COLUMNS))
        return np.concatenate([corners, shares])
