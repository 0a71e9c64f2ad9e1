"""The decision numbers of densities and of their laws, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.numerics.damping_config import DampingConfig


@dataclass(frozen=True, kw_only=True)
class DensityThresholds:
    """How a density is estimated, and when a law describes it. Likelihoods are those of all rows.

    Attributes:
        min_rows: Of a density.
        min_order, max_order: Of the splines; tails continue along a slope.
        folds: Of the cross-validation of one column.
        max_joint_rows: Size of the sample that two columns are fitted to.
        grid_sizes: Intervals of the grid of one column, for few, more and many rows.
        joint_grid_size: Intervals of the grid of each of two columns.
        joint_nodes: Hidden nodes of the network of two columns.

        min_end_gain: In log-likelihood, of a bounded side of the support over a tail.
        grid_margin: Extent of the grid beyond the rows on an unbounded side, as a share of their range.

        lambs: λ per row of one column, in this order.
        lamb_patience: λ that are worse than the best, after which no smaller one is tried.
        quadrature_points: On every interval of the grid.
        max_newton_steps: For each λ.
        ridge: Added to Newton's matrix: coefficients without rows stay finite.
        block_rows: Evaluated at a time.

        joint_lambs: λ per row of two columns, in this order.
        final_steps: Of the fit of two columns to all rows.
        joint_damping: Of a step; ``min_diagonal`` limits weights with little effect.
        joint_min_step_gain: In log-likelihood of all rows; a step that gains less is the last.
        joint_ridge: Penalty of a squared weight: selects small weights among equivalent networks.
        joint_max_log_z_error: A larger difference means spikes between the quadrature nodes.

        law_folds: Of the cross-validation of a law.
        min_p_value: Of the Kolmogorov-Smirnov test, and of the independence of two columns.
    """

    min_rows: int = 20
    min_order: int = 2
    max_order: int = 5
    folds: int = 5
    max_joint_rows: int = 40_000
    grid_sizes: tuple[int, int, int] = (30, 50, 80)
    joint_grid_size: int = 10
    joint_nodes: int = 4

    min_end_gain: float = 5.0
    grid_margin: float = 0.25

    lambs: tuple[float, ...] = tuple(10.0 ** (exponent / 2) for exponent in range(8, -17, -1))
    lamb_patience: int = 5
    quadrature_points: int = 10
    max_newton_steps: int = 60
    ridge: float = 1e-9
    block_rows: int = 2**16

    joint_lambs: tuple[float, ...] = tuple(10.0 ** (-2 * exponent / 3) for exponent in range(9))
    final_steps: int = 20
    joint_damping: DampingConfig = DampingConfig(lowest=1e-9, tries=12, min_diagonal=1e-5)
    joint_min_step_gain: float = 0.02
    joint_ridge: float = 1e-9
    joint_max_log_z_error: float = 0.01

    law_folds: int = 5
    min_p_value: float = 0.01


DEFAULT_DENSITY = DensityThresholds()
