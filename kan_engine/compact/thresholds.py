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
        grid_size: Intervals of the curve of an input of few rows.
        min_rows_per_interval: With fewer rows, the grid is coarser than ``grid_size``.
        uniform_share: Of the points of a grid that are equally spaced instead of at quantiles.
        max_terms: Smoothest functions of the curve of an input that the search fits, with its line.
        max_scaling_error: Of the curve of a node after that, relative to its variance, and rise of the loss;
            else the node stays.
        grids: Of the position of the grids.

        damping: Of the fit.
        ridge: Of all coefficients, relative to the number of rows; keeps undetermined ones small.
        start_shrinkage, start_smoothing: Penalties of the line and of the curvature of a curve before the
            first step, per row; afterwards the evidence chooses them.
        min_smoothing, max_smoothing: Bounds of the penalties.
        min_relative_gain: Decrease of the objective below which a fit ends.

        start_steps: Of the fit of the largest additive network.
        least_steps: Of this fit, and after removals down to the largest network, however little time is left:
            one step solves for the curves, the other with the smoothness that the evidence then chooses.
        elimination_steps: Steps after a removal.
        wide_starts, max_pairs: Random starts of a node that reads all sources, and pairs that are tried. Six
            starts find no better nodes than three.
        proposal_rows, proposal_steps: Of the fit of a node to the residuals; the rows are
            divided by the number of outputs.
        node_sources: Sources that new nodes read, those of the largest effect.
        rounds: Of growth and elimination. Four instead of two raise R² by 0.002 to 0.01.
        growth_steps: Of the fit of a network with new nodes.
        refit_steps: Of the final fit, which starts near its solution.

        max_cross_validated_rows, folds: With at most so many training rows, the losses of the
            path are those of a cross-validation: validation rows are too few to compare sizes.

        search_rows, validation_rows: Rows of the search and of its choices.
        min_rows: Of the search and of the final fit, whose rows are divided by the number of outputs: a row
            of K logits costs as much as K rows of one output.
        max_sources: Inputs that enter the search after the screening.
        max_start_curves: Curves of the first network, from these inputs to all outputs.
    """

    order: int = 3
    grid_size: int = 10
    min_rows_per_interval: int = 5
    uniform_share: float = 0.2
    max_terms: int = 12
    max_scaling_error: float = 1e-2
    grids: GridThresholds = field(default_factory=lambda: GridThresholds(margin=0.01))

    damping: DampingConfig = DampingConfig(initial=1e-3, lowest=1e-10, highest=1e8, tries=8)
    ridge: float = 1e-6
    start_shrinkage: float = 1e-5
    start_smoothing: float = 1e-3
    min_smoothing: float = 1e-8
    max_smoothing: float = 1e4
    min_relative_gain: float = 1e-4

    start_steps: int = 12
    least_steps: int = 2
    elimination_steps: int = 3
    wide_starts: int = 3
    max_pairs: int = 15
    proposal_rows: int = 1_000
    proposal_steps: int = 8
    node_sources: int = 12
    rounds: int = 4
    growth_steps: int = 10
    refit_steps: int = 8

    max_cross_validated_rows: int = 1_000
    folds: int = 5

    search_rows: int = 3_000
    validation_rows: int = 10_000
    min_rows: int = 500
    max_sources: int = 30
    max_start_curves: int = 100

    def count_rows(self, max_rows: int, outputs: int) -> int:
        """Return how many of ``max_rows`` rows a network of several outputs is fitted to."""
        return max(self.min_rows, max_rows // outputs)


DEFAULT_COMPACT = CompactThresholds()
