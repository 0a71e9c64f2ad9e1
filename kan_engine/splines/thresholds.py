"""The decision numbers of grids, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GridThresholds:
    """Where grids lie, and when they are moved.

    Attributes:
        min_interval_share: Minimum interval of a grid, as a share of the uniform interval.

        margin: Of the data's range, added to a grid on both sides: a new sample of 1000 rows lies inside.
    """

    min_interval_share: float = 0.01

    margin: float = 0.02


DEFAULT_GRIDS = GridThresholds()
