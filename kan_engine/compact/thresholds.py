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
        grid_size, fine_grid_size, rows_per_fine_interval: Intervals of the curve of an input: of few rows, of
            many, and the rows for each interval beyond the first number. Twenty instead of ten raise R² of
            cpu_act from 0.974 to 0.980 and of California from 0.788 to 0.796.
        min_rows_per_interval: With fewer rows, the grid is coarser than ``grid_size``.
        uniform_share: Of the points of a grid that are equally spaced instead of at quantiles.
        bend_power: Power of the spacing of the grid by which curvature is weighted: with 0 a curve is as
            stiff where rows are dense as elsewhere.
        max_terms, outer_terms: Smoothest functions of a curve that the search fits, with its line: of an
            input, and of a hidden node.
        max_refit_terms, max_outer_refit_terms: The same, of the final fit. With 24 instead of 12 R² of
            California rises from 0.806 to 0.813; in the search as well, it would take twice the time.
        outer_grid_size: Intervals of the curve of a hidden node.
        inside_share: Of the rows, for which the value of a hidden node lies on its grid.
        min_extent, max_extent: Of the values of a node, beyond which they are scaled to 1.
        max_scaling_error: Of the curve of a node after that, relative to its variance, and rise of the loss;
            else the node stays.
        max_smoothing_ratio: Of the penalties of a curve after and before that.
        grids: Of the position of the grids.

        damping: Of the fit.
        ridge: Of all coefficients, relative to the number of rows; keeps undetermined ones small.
        caution: Factor of the noise in the evidence. With 2 instead of 1 additive networks lose up to 0.035
            of R² (concrete), and larger ones do not gain.
        start_shrinkage, start_smoothing: Penalties of the line and of the curvature of a curve before the
            first step, per row; afterwards the evidence chooses them.
        min_smoothing, max_smoothing, smoothing_factor: Their bounds, and the bound of the change in a step.
        min_relative_gain: Decrease of the objective below which a fit ends.

        start_steps: Of the fit of the largest additive network.
        least_steps: Of this fit, and after removals down to the largest network, however little time is left:
            one step solves for the curves, the other with the smoothness that the evidence then chooses.
        elimination_steps, bulk_share: Steps after a removal, and the share of the excess curves that is
            removed at once: the first ones matter little.
        wide_starts, max_pairs: Random starts of a node that reads all sources, and pairs that are tried. Six
            starts find no better nodes than three.
        pair_functions, pair_ridge: Straightest functions whose products rank the pairs, and their ridge,
            relative to the mean square of a product.
        pairs_per_round: Nodes with two inputs that are added at once.
        proposal_rows, min_proposal_rows, proposal_steps: Of the fit of a node to the residuals; the rows are
            divided by the number of outputs.
        node_sources: Sources that new nodes read, those of the largest effect.
        rounds: Of growth and elimination. Four instead of two raise R² by 0.002 to 0.01.
        sufficient_loss: On the validation rows, below which nothing is added.
        growth_steps: Of the fit of a network with new nodes.
        refit_steps: Of the final fit, which starts near its solution.
        max_refit_ratio: Of the losses on the validation rows after and before that; else it is dropped.

        teacher_share: Of the targets of the rows; the rest is observed.
        teacher_errors: Relative standard errors of a loss, over the root of the number of rows, by which the
            teacher may be worse than the network so far.
        guard_rows, guard_weight, guard_share: Most guarding rows, the weight of each, and the share of its
            values that other rows lend. Over four divisions of autoPrice the lowest R² rises from -1.9 to
            0.83, the mean of concrete from 0.891 to 0.901; with weight 0.1 airfoil loses 0.005.
        max_cross_validated_rows, folds, fold_steps: With at most so many training rows, the losses of the
            path are those of a cross-validation: validation rows are too few to compare sizes.
        screening_ridge: Of the curves of the screening, whose functions have variance 1.

        search_rows, validation_rows, refit_rows: Rows of the search, of its choices and of the final fit.
        min_rows: Of the search and of the final fit, whose rows are divided by the number of outputs: a row
            of K logits costs as much as K rows of one output.
        max_sources: Inputs that enter the search after the screening.
        max_start_curves: Curves of the first network, from these inputs to all outputs.
    """

    order: int = 3
    grid_size: int = 10
    fine_grid_size: int = 20
    rows_per_fine_interval: int = 150
    min_rows_per_interval: int = 5
    uniform_share: float = 0.2
    bend_power: float = 1.0
    max_terms: int = 12
    outer_terms: int = 7
    max_refit_terms: int = 24
    max_outer_refit_terms: int = 12
    outer_grid_size: int = 8
    inside_share: float = 0.995
    min_extent: float = 0.8
    max_extent: float = 1.25
    max_scaling_error: float = 1e-2
    max_smoothing_ratio: float = 1e4
    grids: GridThresholds = field(default_factory=lambda: GridThresholds(margin=0.01))

    damping: DampingConfig = DampingConfig(initial=1e-3, lowest=1e-10, highest=1e8, tries=8)
    ridge: float = 1e-6
    caution: float = 1.0
    start_shrinkage: float = 1e-5
    start_smoothing: float = 1e-3
    min_smoothing: float = 1e-8
    max_smoothing: float = 1e4
    smoothing_factor: float = 10.0
    min_relative_gain: float = 1e-4

    start_steps: int = 12
    least_steps: int = 2
    elimination_steps: int = 3
    bulk_share: float = 0.2
    wide_starts: int = 3
    max_pairs: int = 15
    pair_functions: int = 3
    pair_ridge: float = 0.05
    pairs_per_round: int = 3
    proposal_rows: int = 1_000
    min_proposal_rows: int = 300
    proposal_steps: int = 8
    node_sources: int = 12
    rounds: int = 4
    sufficient_loss: float = 1e-5
    growth_steps: int = 10
    refit_steps: int = 8
    max_refit_ratio: float = 1.02

    teacher_share: float = 0.5
    teacher_errors: float = 1.5
    guard_rows: int = 1_000
    guard_weight: float = 0.02
    guard_share: float = 0.3
    max_cross_validated_rows: int = 1_000
    folds: int = 5
    fold_steps: int = 5
    screening_ridge: float = 0.02

    search_rows: int = 3_000
    validation_rows: int = 10_000
    refit_rows: int = 10_000
    min_rows: int = 500
    max_sources: int = 30
    max_start_curves: int = 100

    def count_rows(self, max_rows: int, outputs: int) -> int:
        """Return how many of ``max_rows`` rows a network of several outputs is fitted to."""
        return max(self.min_rows, max_rows // outputs)


DEFAULT_COMPACT = CompactThresholds()
