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
        few_input_grid_sizes: Of tables with few inputs, for which finer grids are cheap.
        additive_grid_sizes: An additive fit is a linear problem on each.
        steps_per_grid: Maximum number of steps of a round, by grid.
        rounds_per_grid: Of steps, each of which first moves the grids of the nodes.

        screening_steps: Maximum number of steps of a round of a start.
        starts_per_node_count: Per shape and transform on the coarse grid, by number of nodes.
        max_screened_starts: Kept after the coarse grid, of shapes with one node and with more.
        simple_shape_factor: On the error in the ranking, since given curves are less flexible.
        min_rows_for_transforms: With fewer rows, a transform may fit better by chance.
        equal_error_factor: Times the lowest error, up to which structures count as equally close: noise may
            have decided which is closer.

        damping: Of the fit of all networks of a batch.
        ridge: Of coefficients, relative to the mean square of their derivatives; keeps undetermined ones
            small.
        min_relative_gain, max_slow_steps: Relative reduction of the loss; consecutive steps that may miss it.

        adequate_error: Below which a structure is adequate, however fast its error falls.
        promising_error, min_error_decrease: Also adequate is an error below the first that fell by this
            factor on the last grid.

        max_removal_growth: Factor by which one removal may raise a larger error.
        refit_steps: After a removal that is not hopeless.

        grids: Of the position of the grids of the inputs.
    """

    grid_sizes: tuple[int, ...] = (4, 8, 16)
    few_input_grid_sizes: tuple[int, ...] = (8, 16, 32)
    additive_grid_sizes: tuple[int, ...] = (4, 8, 16, 32, 64)
    steps_per_grid: tuple[int, ...] = (25, 15, 12)
    rounds_per_grid: int = 2

    screening_steps: int = 12
    starts_per_node_count: tuple[int, ...] = (4, 8, 8)
    max_screened_starts: tuple[int, int] = (10, 8)
    simple_shape_factor: float = 0.5
    min_rows_for_transforms: int = 20
    equal_error_factor: float = 1.35

    damping: DampingConfig = DampingConfig(initial=1e-2, lowest=1e-14, highest=1e10)
    ridge: float = 1e-11
    min_relative_gain: float = 1e-3
    max_slow_steps: int = 5

    adequate_error: float = 2e-4
    promising_error: float = 1.5e-3
    min_error_decrease: float = 5.0

    max_removal_growth: float = 1.01
    refit_steps: int = 8

    grids: GridThresholds = field(default_factory=lambda: GridThresholds(margin=0.01))


DEFAULT_STRUCTURE = StructureThresholds()
