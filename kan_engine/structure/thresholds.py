"""The decision numbers of the structure search, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from kan_engine.numerics.damping_config import DampingConfig
from kan_engine.splines.thresholds import GridThresholds


@dataclass(frozen=True, kw_only=True)
class StructureThresholds:
    """Where the structure search decides one way or the other. Errors are over the spread of the target.

    Attributes:
        grid_sizes: Of structures with hidden nodes, coarse to fine.
        few_input_grid_sizes, max_few_inputs: With so few inputs, finer grids are cheap.
        additive_grid_sizes: An additive fit is a linear problem on each.
        steps_per_grid: Maximum number of steps of a round, by grid.
        rounds_per_grid: Of steps, each of which first moves the grids of the nodes.
        min_rows_per_coefficient: Below which a finer grid is not tried.

        screening_rows: Rows to fit of a start; enough for a coarse grid.
        screening_steps: Maximum number of steps of a round of a start.
        starts_per_node_count: Per shape and transform on the coarse grid, by number of nodes.
        max_screened_starts: Kept after the coarse grid, of shapes with one node and with more.
        max_duplicate_ratio: Between the errors of starts that led to the same network.
        simple_shape_factor: On the error in the ranking, since given curves are less flexible.
        max_grid_error_ratio: Of the errors after and before a doubling of the grid, above which the error
            has stopped falling.
        sufficient_error: Suffices to extract a formula; the grid is not refined further.
        min_rows_for_nodes: Fewer rows do not determine hidden nodes; short formulas are tried instead.
        min_rows_for_transforms: With fewer rows, a transform may fit better by chance.
        equal_error_factor: Times the lowest error, up to which structures count as equally close: noise may
            have decided which is closer.

        damping: Of the fit of all networks of a batch.
        ridge: Of coefficients, relative to the mean square of their derivatives; keeps undetermined ones
            small.
        node_grid_margin: Of the range of a node, added to its grid on both sides.
        min_relative_gain, max_slow_steps: Relative reduction of the loss; consecutive steps that may miss it.

        adequate_error: Below which a structure is adequate, however fast its error falls.
        promising_error, min_error_decrease: Also adequate is an error below the first that fell by this
            factor on the last grid.

        negligible_error: That elimination may always reach.
        max_error_growth: Factor by which elimination may raise a tiny error.
        max_removal_growth: Factor by which one removal may raise a larger error.
        trial_refit_steps, refit_steps: After a removal: at first, and if the removal is not hopeless.
        hopeless_factor: A first refit with an error above this multiple of the limit ends the trial.

        max_fine_grid_size: Of the network that answers predictions.
        refinement_steps: On each of its grids.
        min_rows_per_fine_coefficient: Below which the grid is not refined.
        max_refinement_error_ratio: Of the errors after and before a refinement that is kept.
        cross_validation_steps: Of a refit without one fold, which starts near its solution.

        grids: Of the position of the grids of the inputs.
    """

    grid_sizes: tuple[int, ...] = (4, 8, 16)
    few_input_grid_sizes: tuple[int, ...] = (8, 16, 32)
    max_few_inputs: int = 2
    additive_grid_sizes: tuple[int, ...] = (4, 8, 16, 32, 64)
    steps_per_grid: tuple[int, ...] = (25, 15, 12)
    rounds_per_grid: int = 2
    min_rows_per_coefficient: int = 2

    screening_rows: int = 400
    screening_steps: int = 12
    starts_per_node_count: tuple[int, ...] = (4, 8, 8)
    max_screened_starts: tuple[int, int] = (10, 8)
    max_duplicate_ratio: float = 1.02
    simple_shape_factor: float = 0.5
    max_grid_error_ratio: float = 0.7
    sufficient_error: float = 3e-6
    min_rows_for_nodes: int = 30
    min_rows_for_transforms: int = 20
    equal_error_factor: float = 1.35

    damping: DampingConfig = DampingConfig(initial=1e-2, lowest=1e-14, highest=1e10)
    ridge: float = 1e-11
    node_grid_margin: float = 0.02
    min_relative_gain: float = 1e-3
    max_slow_steps: int = 5

    adequate_error: float = 2e-4
    promising_error: float = 1.5e-3
    min_error_decrease: float = 5.0

    negligible_error: float = 2e-5
    max_error_growth: float = 2.5
    max_removal_growth: float = 1.01
    trial_refit_steps: int = 2
    refit_steps: int = 8
    hopeless_factor: float = 1e3

    max_fine_grid_size: int = 64
    refinement_steps: int = 12
    min_rows_per_fine_coefficient: int = 3
    max_refinement_error_ratio: float = 0.9
    cross_validation_steps: int = 12

    grids: GridThresholds = field(default_factory=lambda: GridThresholds(margin=0.01))


DEFAULT_STRUCTURE = StructureThresholds()
