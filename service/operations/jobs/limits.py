"""The decision numbers of the admission of jobs, each with its reason or what was measured."""

from dataclasses import dataclass

from kan_engine.compact.thresholds import DEFAULT_COMPACT, CompactThresholds
from kan_engine.data.screening.thresholds import DEFAULT_SCREENING, ScreeningThresholds
from kan_engine.data.thresholds import DEFAULT_DATA
from kan_engine.density.thresholds import DEFAULT_DENSITY


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """The factors of the estimate of memory and time.

    Attributes:
        validation_share: Of the training rows that choices are made on.
        max_choice_rows, max_reserve_values: Of the training rows, as in the engine.
        kept_numbers_per_row: Besides the inputs: target, weight, place in the table.
        read_numbers_per_row: Of the whole table while it is read: a column, the target, weights, the split.
        value_seconds: To read and encode a value.

        search_overhead_bytes: Measured: what a search takes beyond the estimate of its largest network.
        compact_terms: Numbers of an edge of a compact network, dead or alive.
        compact: Sizes of the search for compact networks.

        screening: Sizes of the screening of wide tables.

        density_nodes: Of the hidden layer for two columns.
        density_grids: Finest grid for one column, and for two.
        density_points: Quadrature points per interval.
        max_density_rows: Most rows that the density of two columns is fitted to.
    """

    validation_share: float = DEFAULT_DATA.validation_share
    max_choice_rows: int = DEFAULT_DATA.max_choice_rows
    max_reserve_values: int = DEFAULT_DATA.max_reserve_values
    kept_numbers_per_row: int = 4
    read_numbers_per_row: int = 10
    value_seconds: float = 1e-7

    search_overhead_bytes: int = 32 * 2**20
    compact_terms: int = DEFAULT_COMPACT.grid_size + DEFAULT_COMPACT.order + 1
    compact: CompactThresholds = DEFAULT_COMPACT

    screening: ScreeningThresholds = DEFAULT_SCREENING

    density_nodes: int = DEFAULT_DENSITY.joint_nodes
    density_grids: tuple[int, int] = (max(DEFAULT_DENSITY.grid_sizes), DEFAULT_DENSITY.joint_grid_size)
    density_points: int = DEFAULT_DENSITY.quadrature_points
    max_density_rows: int = DEFAULT_DENSITY.max_joint_rows


DEFAULT_COSTS = CostModel()


@dataclass(frozen=True, kw_only=True)
class DurationModel:
    """The numbers of the estimate of a job's time; see ``duration_estimate``.

    Attributes:
        size_factor: A table has up to this times as many cells as that of an earlier, similar training.
        max_earlier: Earlier trainings that count.
        min_earlier: With fewer, nothing is known but the time limit.
    """

    size_factor: float = 2.0
    max_earlier: int = 10
    min_earlier: int = 3


DEFAULT_DURATIONS = DurationModel()


@dataclass(frozen=True, kw_only=True)
class AdmissionLimits:
    """What a job must have, and may have at most, to be admitted. The settings have the operator's limits.

    Attributes:
        min_rows: With a target.
        min_training_rows: One for fitting and one for validation.
        min_density_rows: Values of a column of a density, as in the engine.
        min_density_order, max_density_order: Of the splines of a density, as in the engine.
        max_equation_coefficients: Of a requested grid: the solver factors their normal matrix.
        costs: Of the estimate.
    """

    min_rows: int = 5
    min_training_rows: int = 2
    min_density_rows: int = DEFAULT_DENSITY.min_rows
    min_density_order: int = DEFAULT_DENSITY.min_order
    max_density_order: int = DEFAULT_DENSITY.max_order
    max_equation_coefficients: int = 30_000
    costs: CostModel = DEFAULT_COSTS


DEFAULT_ADMISSION = AdmissionLimits()
