"""The decision numbers of densities and of their laws, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.numerics.damping_config import DampingConfig


@dataclass(frozen=True, kw_only=True)
class DensityThresholds:
    """How a density is estimated, and when a law describes it. Likelihoods are those of all rows.

    Attributes:
        min_rows: Of a density.
        max_correlation: Absolute, beyond which two columns count as collinear.
        min_order, max_order: Of the splines; tails continue along a slope.
        folds, joint_folds: Of the cross-validation of one column, and of two.
        max_search_rows, max_joint_rows: Size of the sample that chooses grid, ends and λ of one column, and
            of the sample that two columns are fitted to.
        grid_sizes: Intervals of the grid of one column, for few, more and many rows.
        grid_size_rows: Rows from which the second and the third grid size apply.
        joint_grid_size: Intervals of the grid of each of two columns.
        joint_nodes: Hidden nodes of the network of two columns.

        end_gaps: Mean gaps between values near an end, by which the support may extend beyond the last one.
            A density that continues at the same level leaves so long an interval empty with a probability of
            exp(-end_gaps).
        end_share: Of the values, for the mean gap.
        min_end_gain: In log-likelihood, of a bounded side of the support over a tail.
        min_zero_end_gain: The same for an end at 0, where quantities often end.
        long_tail_ratio: Range of one of two columns over its interquartile range, above which its grid is
            stretched.
        grid_margin: Extent of the grid beyond the rows on an unbounded side, as a share of their range.
        stretched_grid_margin: The same on the asinh scale.
        min_spread: Lower limit of half the interquartile range in a stretched grid.

        lambs: λ per row of one column, in this order.
        lamb_patience: λ that are worse than the best, after which no smaller one is tried.
        quadrature_points: On every interval of the grid.
        max_newton_steps: For each λ.
        newton_tolerance: Expected gain in the mean log-likelihood at which Newton's method stops.
        max_halvings: Of a step of Newton's method.
        sufficient_decrease: Share of the decrease predicted by the slope that a step must achieve.
        penalty_rounding: Ridge relative to the largest penalty, since smaller terms are lost in rounding.
        ridge: Added to Newton's matrix: coefficients without rows stay finite.
        max_tail_length: Mean of a tail's exponential distribution, in lengths of the grid. With few rows at
            an end, the likelihood may favour a thin tail that never falls.
        max_initial_depth: Of the initial parabola below its top; deeper values make no difference.
        block_rows: Evaluated at a time.

        joint_lambs: λ per row of two columns, in this order.
        joint_lamb_patience: λ that are worse than the best by ``min_likelihood_loss``, after which no smaller
            one is tried.
        min_likelihood_loss: In log-likelihood.
        steps_per_lamb, final_steps: For each λ in cross-validation; finally with all rows.
        joint_damping: Of a step; ``min_diagonal`` limits weights with little effect.
        joint_min_step_gain: In log-likelihood of all rows; a step that gains less is the last.
        joint_ridge: Penalty of a squared weight: selects small weights among equivalent networks.
        joint_max_regrid_loss: Increase of the objective above which an updated grid is undone.
        joint_negligible_mass: Share of the probability mass; a step leaves out nodes with less.
        joint_max_log_z_error: A larger difference means spikes between the quadrature nodes.
        stds_per_node_unit: Initial scale of a hidden node.
        tail_stds: Extent of integrals beyond the grid, in standard deviations.
        tail_panels: Quadrature panels over a tail, for each panel in a grid interval.

        max_law_rows: Of more rows a sample is used.
        law_folds: Of the cross-validation of a law.
        max_tied_bic_gap: In the halved BIC: within it the most usual law comes first.
        max_bic_gap: In the halved BIC: laws further behind the best are not tested.
        rejection_z: Standard errors by which the KAN's density may be better; rejects 1 % of true laws.
        log_likelihood_tolerance: Difference in the mean log-likelihood that is irrelevant in practice.
        min_p_value: Of the Kolmogorov-Smirnov test, and of the independence of two columns.
        max_positive_parameter: Of shapes and degrees of freedom: beyond it a simpler family applies.
        difference_step: Of central differences of the log-likelihood, relative to a parameter.
        max_gamma_shape: Beyond which the usual formula of the gamma density overflows.
        max_em_rounds: Of expectation maximisation.
        min_component_std: Of a component of a mixture, relative to the standard deviation of all rows.
    """

    min_rows: int = 20
    max_correlation: float = 1 - 1e-12
    min_order: int = 2
    max_order: int = 5
    folds: int = 5
    joint_folds: int = 4
    max_search_rows: int = 50_000
    max_joint_rows: int = 40_000
    grid_sizes: tuple[int, int, int] = (30, 50, 80)
    grid_size_rows: tuple[int, int] = (1_000, 10_000)
    joint_grid_size: int = 10
    joint_nodes: int = 4

    end_gaps: int = 3
    end_share: float = 0.05
    min_end_gain: float = 5.0
    min_zero_end_gain: float = 2.0
    long_tail_ratio: float = 15.0
    grid_margin: float = 0.25
    stretched_grid_margin: float = 0.5
    min_spread: float = 1e-6

    lambs: tuple[float, ...] = tuple(10.0 ** (exponent / 2) for exponent in range(8, -17, -1))
    lamb_patience: int = 5
    quadrature_points: int = 10
    max_newton_steps: int = 60
    newton_tolerance: float = 1e-10
    max_halvings: int = 40
    sufficient_decrease: float = 1e-4
    penalty_rounding: float = 1e-12
    ridge: float = 1e-9
    max_tail_length: float = 10.0
    max_initial_depth: float = 200.0
    block_rows: int = 2**16

    joint_lambs: tuple[float, ...] = tuple(10.0 ** (-2 * exponent / 3) for exponent in range(9))
    joint_lamb_patience: int = 2
    min_likelihood_loss: float = 1.0
    steps_per_lamb: int = 6
    final_steps: int = 20
    joint_damping: DampingConfig = DampingConfig(lowest=1e-9, tries=12, min_diagonal=1e-5)
    joint_min_step_gain: float = 0.02
    joint_ridge: float = 1e-9
    joint_max_regrid_loss: float = 0.01
    joint_negligible_mass: float = 1e-10
    joint_max_log_z_error: float = 0.01
    stds_per_node_unit: float = 4.0
    tail_stds: float = 4.0
    tail_panels: int = 2

    max_law_rows: int = 100_000
    law_folds: int = 5
    max_tied_bic_gap: float = 1.5
    max_bic_gap: float = 10.0
    rejection_z: float = 2.326
    log_likelihood_tolerance: float = 1e-3
    min_p_value: float = 0.01
    max_positive_parameter: float = 1e6
    difference_step: float = 1e-4
    max_gamma_shape: float = 50.0
    max_em_rounds: int = 200
    min_component_std: float = 0.05


DEFAULT_DENSITY = DensityThresholds()
