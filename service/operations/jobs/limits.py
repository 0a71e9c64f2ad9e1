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
        max_time_inputs: Inputs of a time: the year, and sine and cosine of three cycles.
        max_encoded_categories: Categories that the engine encodes as a column each.
        kept_numbers_per_row: Besides the inputs: target, weight, place in the table.
        read_numbers_per_row: Of the whole table while it is read: a column, the target, weights, the split.
        label_bytes: Of a text, shared by all rows with it.
        value_seconds: To read and encode a value.

        search_overhead_bytes: Measured: what a search takes beyond the estimate of its largest network.
        comparison_copies: Copies of the encoded rows of choices in the comparisons with simple models.
        baseline_copies: Of the training rows: scaled, centred, and two in the solver.
        mlp_vectors: Copies of an MLP's parameters: L-BFGS if they are few, else Adam in single precision.
        mlp_row_copies: Of the hidden nodes at all rows.
        max_mlp_node_values: Rows times hidden nodes.
        prediction_copies: Of the probabilities, while metrics are computed.
        edge_bytes: Of an activation in the picture: its curve as numbers and as text.
        compact_terms: Numbers of an edge of a compact network, dead or alive.
        compact: Sizes of the search for compact networks.
        compact_copies: Of the derivatives of the first one.

        screening: Sizes of the screening of wide tables.
        screened_copies: Of the encoded rows of a screening: themselves, standardised, of a fold, its kernel.
        function_copies: Of the functions of the inputs, in single precision, with their transpose.
        pair_copies: Of numbers for all pairs of inputs: variances of three kinds, squares, temporary ones.

        density_nodes: Of the hidden layer for two columns.
        density_grids: Finest grid for one column, and for two.
        density_points: Quadrature points per interval.
        density_margin: Intervals beyond the grid.
        max_density_rows: Most rows that the density of two columns is fitted to.
        density_term_seconds: For a parameter at a quadrature point or row.
    """

    validation_share: float = DEFAULT_DATA.validation_share
    max_choice_rows: int = DEFAULT_DATA.max_choice_rows
    max_reserve_values: int = DEFAULT_DATA.max_reserve_values
    max_time_inputs: int = 7
    max_encoded_categories: int = 20
    kept_numbers_per_row: int = 4
    read_numbers_per_row: int = 10
    label_bytes: int = 200
    value_seconds: float = 1e-7

    search_overhead_bytes: int = 32 * 2**20
    comparison_copies: int = 7
    baseline_copies: int = 4
    mlp_vectors: int = 54
    mlp_row_copies: int = 6
    max_mlp_node_values: int = 5_000_000
    prediction_copies: int = 8
    edge_bytes: int = 8_000
    compact_terms: int = DEFAULT_COMPACT.grid_size + DEFAULT_COMPACT.order + 1
    compact: CompactThresholds = DEFAULT_COMPACT
    compact_copies: int = 3

    screening: ScreeningThresholds = DEFAULT_SCREENING
    screened_copies: int = 4
    function_copies: int = 2
    pair_copies: int = 6

    density_nodes: int = DEFAULT_DENSITY.joint_nodes
    density_grids: tuple[int, int] = (max(DEFAULT_DENSITY.grid_sizes), DEFAULT_DENSITY.joint_grid_size)
    density_points: int = DEFAULT_DENSITY.quadrature_points
    density_margin: int = 6
    max_density_rows: int = DEFAULT_DENSITY.max_joint_rows
    density_term_seconds: float = 1e-9


DEFAULT_COSTS = CostModel()


@dataclass(frozen=True, kw_only=True)
class DurationModel:
    """The numbers of the estimate of a job's time; see ``duration_estimate``.

    Attributes:
        choice_seconds: To choose another formula or member of a model; measured at 0.5 to 3 s.
        start_seconds: To load a model for a file of predictions.
        seconds_per_row: To read, predict and write a row; a formula takes a tenth of it.
        max_variables: Independent variables of equations that are usually solved in seconds.
        equation_seconds: For them.
        size_factor: A table has up to this times as many cells as that of an earlier, similar training.
        max_earlier: Earlier trainings that count.
        min_earlier: With fewer, nothing is known but the time limit.
    """

    choice_seconds: float = 5.0
    start_seconds: float = 1.0
    seconds_per_row: float = 2e-5
    max_variables: int = 1
    equation_seconds: float = 10.0
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
        max_layers: Of a network, with the output layer.
        max_equation_coefficients: Of a requested grid: the solver factors their normal matrix.
        max_equation_points: At which a network of a given shape is fitted to the solution.
        costs: Of the estimate.
    """

    min_rows: int = 5
    min_training_rows: int = 2
    min_density_rows: int = DEFAULT_DENSITY.min_rows
    min_density_order: int = DEFAULT_DENSITY.min_order
    max_density_order: int = DEFAULT_DENSITY.max_order
    max_layers: int = 32
    max_equation_coefficients: int = 30_000
    max_equation_points: int = 100_000
    costs: CostModel = DEFAULT_COSTS


DEFAULT_ADMISSION = AdmissionLimits()
