"""The decision numbers of grids, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GridThresholds:
    """Where grids lie, and when they are moved.

    Attributes:
        min_interval_share: Minimum interval of a grid, as a share of the uniform interval.

        min_isolating_gap: Gap over the range of the other values, above which values at an end are isolated.
        min_rows_for_isolation: With fewer rows no value counts as isolated.
        max_isolated_share: Of the rows, isolated at either end of a column; at least one row.

        margin: Of the data's range, added to a grid on both sides: a new sample of 1000 rows lies inside.
        min_margin_share: Of the margin that must remain, for new rows outside the observed range.
        min_filled_share: Of a grid, that its inputs should span.
    """

    min_interval_share: float = 0.01

    min_isolating_gap: float = 1.0
    min_rows_for_isolation: int = 50
    max_isolated_share: float = 0.02

    margin: float = 0.02
    min_margin_share: float = 0.25
    min_filled_share: float = 0.8


DEFAULT_GRIDS = GridThresholds()
