"""The decision numbers of the compact networks, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from kan_engine.numerics.damping_config import DampingConfig
from kan_engine.splines.thresholds import GridThresholds


@dataclass(frozen=True, kw_only=True)
class CompactThresholds:
    """Where the search for compact networks decides one way or the other.

    Attributes:
        order: Of all splines.
        grid_size, min_rows_per_interval: Intervals of a curve of an input, and the fewest rows for each.
        uniform_share: Of the points of a grid that are equally spaced instead of at quantiles.
        max_terms: Smoothest functions of a curve that are fitted, with its line.
        outer_grid_size, outer_terms: The same for the curve of a hidden node.
        grids: Of the position of the grids.

        damping: Of the fit.
        ridge: Of all coefficients, relative to the number of rows; keeps undetermined ones small.
        start_smoothing, min_smoothing, max_smoothing: Penalty of the curvature of a curve, relative to the
            number of rows; chosen by the evidence after every step.
        smoothing_factor: Bound of its change in one step.
        min_relative_gain: Decrease of the objective below which a fit ends.

        start_steps: Of the fit of the largest network.
        elimination_steps, bulk_share: Steps after a removal, and the share of the excess curves that is
            removed at once: the first ones matter little.
        refit_steps: Of the final fit, which starts near its solution.
        teacher_share: Of the targets of the rows; the rest is observed.
        screening_ridge: Of the curves of the screening, whose functions have variance 1.

        search_rows: Rows of the search, with those that the teacher labels.
        refit_rows: Rows of the final fit.
        max_sources: Inputs that enter the search after the screening.
    """

    order: int = 3
    grid_size: int = 10
    min_rows_per_interval: int = 5
    uniform_share: float = 0.5
    max_terms: int = 9
    outer_grid_size: int = 8
    outer_terms: int = 7
    grids: GridThresholds = field(default_factory=lambda: GridThresholds(margin=0.01))

    damping: DampingConfig = DampingConfig(initial=1e-3, lowest=1e-10, highest=1e8, tries=8)
    ridge: float = 1e-6
    start_smoothing: float = 1e-3
    min_smoothing: float = 1e-8
    max_smoothing: float = 1e4
    smoothing_factor: float = 10.0
    min_relative_gain: float = 1e-4

    start_steps: int = 12
    elimination_steps: int = 3
    bulk_share: float = 0.2
    refit_steps: int = 8
    teacher_share: float = 0.5
    screening_ridge: float = 0.02

    search_rows: int = 3_000
    refit_rows: int = 10_000
    max_sources: int = 30


DEFAULT_COMPACT = CompactThresholds()
