"""Estimate the cost of a job before it is queued, and refuse what exceeds the limits: it never waits."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from kan_engine import (
    ClimbLimits,
    DifferentialProblem,
    DistillationPlan,
    Workload,
    affordable_grids,
)
from kan_engine.model_selection.budget import allot_climb_seconds
from service.db.tables import Dataset
from service.documents.column_report import ColumnReport, read_reports
from service.documents.training_plan import LABEL_TYPES, TrainingPlan
from service.errors import Invalid
from service.operations.jobs.limits import AdmissionLimits, CostModel
from service.operations.jobs.training_checks import check_training
from service.schemas.baselines import Baseline, compute_hidden_layers, count_parameters
from service.schemas.models import MAX_PICTURED_EDGES
from service.schemas.training import TrainRequest
from service.settings import Settings

DOUBLE_BYTES = 8


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes:
        layers: Number of layers, with the output layer.
        memory_bytes: Peak memory of the job beyond that of its process at the start.
        seconds: Time of the first epoch. Training stops at ``max_seconds`` and keeps the best network so
            far; with less time there is none.
    """

    layers: int
    parameters: int
    memory_bytes: int
    seconds: float


def estimate_cost(plan: TrainingPlan, costs: CostModel) -> Cost:
    """Cost of the requested network.

    If the search chooses the shape, memory is for the largest network that ``max_seconds`` allows, and all
    else for the smallest: time and parameters limit how far the search gets, not whether it finds a network.
    """
    if plan.task == "density":
        return _estimate_density(plan, costs)
    columns = count_encoded_inputs(plan.features, plan.types)
    inputs = _count_read_inputs(plan, columns, costs)
    rows = _RowCounts.count(plan, inputs, costs)
    networks = list(_list_networks(plan, inputs, rows))
    beyond = costs.search_overhead_bytes * (len(networks) > 1)
    smallest = networks[0].finest
    training = beyond + max(network.memory_bytes(rows) for network in networks)
    searching = _comparison_bytes(inputs, rows, costs) + max(
        training, _evaluation_bytes(plan, networks, rows, costs), _compact_search_bytes(plan, inputs, costs)
    )
    reading_bytes = DOUBLE_BYTES * plan.rows * costs.read_numbers_per_row
    screening = reading_bytes + _screening_bytes(plan, columns, inputs, costs)
    reading = costs.value_seconds * plan.rows * (columns + 1)
    return Cost(
        layers=len(smallest.width) - 1,
        parameters=smallest.parameters,
        memory_bytes=_table_bytes(plan, inputs, rows, costs) + max(screening, searching),
        seconds=float(f"{reading + min(network.seconds for network in networks):.3g}"),
    )


def _estimate_density(
    plan: TrainingPlan, costs: CostModel, *, density_margin: int = 6, density_term_seconds: float = 1e-9
) -> Cost:
    """Cost of a density: integrals over the grid, or the product of two grids, for every parameter.

    Args:
        density_margin: Intervals beyond the grid.
        density_term_seconds: For a parameter at a quadrature point or row.
    """
    network, columns = plan.request.network, len(plan.features)
    nodes = 0 if columns == 1 else costs.density_nodes if network.hidden == "auto" else sum(network.hidden)
    grid = costs.density_grids[columns - 1] if network.grid == "auto" else network.grid
    edges = (columns + 1) * nodes or columns
    parameters = edges * (grid + network.order + 1)
    places = (costs.density_points * (grid + density_margin)) ** columns
    rows = min(plan.rows, costs.max_density_rows) if columns > 1 else 0
    reading = costs.value_seconds * plan.rows * columns
    return Cost(
        layers=2 if nodes else 1,
        parameters=parameters,
        memory_bytes=DOUBLE_BYTES
        * (plan.rows * (columns + costs.read_numbers_per_row) + places * parameters + parameters**2),
        seconds=float(f"{reading + density_term_seconds * (places + rows) * parameters:.3g}"),
    )


def estimate_grid(problem: DifferentialProblem, grid: int | None, order: int | None) -> Cost:
    """Cost of the first grid of the solution of equations, the least that gives a result.

    The solver refines it as far as memory and time allow.
    """
    from kan_engine import initial_grid_cost  # noqa: PLC0415  # imports torch, and the API starts without

    coefficients, memory = initial_grid_cost(problem, grid, order)
    return Cost(layers=1, parameters=coefficients, memory_bytes=memory, seconds=0.0)


def estimate_shape(shape: DistillationPlan) -> Cost:
    """Cost of a network of a given shape that is fitted to the solution of equations."""
    finest = shape.workload(shape.grids[-1])
    return Cost(
        layers=len(shape.width) - 1,
        parameters=finest.parameters,
        memory_bytes=finest.memory_bytes(shape.method),
        seconds=float(f"{shape.workload(shape.grids[0]).seconds(shape.method):.3g}"),
    )


def refuse_too_costly(
    cost: Cost,
    settings: Settings,
    max_seconds: float,
    *,
    smaller: str = "lower hidden or grid, or use fewer features or rows",
    max_layers: int = 32,
) -> None:
    """Refuse a cost over the limits.

    Args:
        cost: The estimate.
        settings: The limits of the service.
        max_seconds: Time of the job.
        smaller: What makes the network smaller.
        max_layers: Of a network, with the output layer.

    Raises:
        Invalid: ``cost_too_high``, with the estimate and the limits.
    """
    maximum = Cost(max_layers, settings.max_parameters, settings.max_memory_bytes, max_seconds)
    over = [name for name, limit in asdict(maximum).items() if getattr(cost, name) > limit]
    if not over:
        return
    excess = " and ".join(
        f"{getattr(cost, name):,} {_COST_LABELS[name]} (at most {getattr(maximum, name):,})" for name in over
    )
    detail = f"the network would need {excess}; {_suggest_remedy(over, smaller)}"
    place = {"pointer": "#/max_seconds" if over == ["seconds"] else "#/network"}
    raise Invalid.make_at("cost_too_high", detail, place, estimate=asdict(cost), limit=asdict(maximum))


def count_encoded_inputs(columns: Sequence[ColumnReport], types: dict[str, str]) -> int:
    """Upper bound of the network's inputs for these columns."""
    return sum(_count_inputs(column, types[column.name]) for column in columns)


def _count_read_inputs(plan: TrainingPlan, columns: int, costs: CostModel) -> int:
    """Inputs of the networks at most: a screening of a wide table keeps few, and those that are required."""
    if not plan.is_screened:
        return columns
    required_columns = [report for report in plan.features if report.name in plan.required_features]
    max_inputs = costs.screening.max_inputs_of(plan.training_rows)
    return min(columns, max_inputs + count_encoded_inputs(required_columns, plan.types))


def _screening_bytes(
    plan: TrainingPlan,
    columns: int,
    inputs: int,
    costs: CostModel,
    *,
    screened_copies: int = 4,
    function_copies: int = 2,
    pair_copies: int = 6,
) -> int:
    """Memory of the screening, before the rows are encoded; 0 where no column is left out.

    Args:
        screened_copies: Of the encoded rows of a screening: themselves, standardised, of a fold, its kernel.
        function_copies: Of the functions of the inputs, in single precision, with their transpose.
        pair_copies: Of numbers for all pairs of inputs: variances of three kinds, squares, temporary ones.
    """
    if inputs == columns:
        return 0
    screening = costs.screening
    rows = min(plan.training_rows, screening.max_rows)
    functions = min(rows * columns * max(screening.degrees), screening.max_basis_numbers)
    pairs = min(columns, screening.max_product_inputs) ** 2
    return DOUBLE_BYTES * (
        screened_copies * rows * columns + function_copies * functions // 2 + pair_copies * pairs
    )


def _count_inputs(
    column: ColumnReport, kind: str, *, max_time_inputs: int = 7, max_encoded_categories: int = 20
) -> int:
    """Count the encoded inputs of a column.

    Args:
        max_time_inputs: Inputs of a time: the year, and sine and cosine of three cycles.
        max_encoded_categories: Categories that the engine encodes as a column each.
    """
    missing = int(column.missing > 0)
    if kind == "datetime":
        return max_time_inputs + missing
    if kind not in ("category", "text"):
        return 1 + missing
    return max(1, min(column.distinct, max_encoded_categories + 1) + missing)


@dataclass(frozen=True)
class _RowCounts:
    """Rows that a job reads into memory; see ``kan_engine.data.training_data``.

    Attributes:
        fit, validation: On which choices are made.
        reserve: Further training rows.
        test: Hold-out rows.
    """

    fit: int
    validation: int
    reserve: int
    test: int

    @staticmethod
    def count(plan: TrainingPlan, inputs: int, costs: CostModel) -> "_RowCounts":
        choices = min(plan.training_rows, costs.max_choice_rows)
        fit = max(1, round(choices * (1 - costs.validation_share)))
        reserve = min(plan.training_rows - choices, costs.max_reserve_values // max(1, inputs))
        return _RowCounts(fit, choices - fit, reserve, plan.rows - plan.training_rows)

    @property
    def choices(self) -> int:
        return self.fit + self.validation

    @property
    def total(self) -> int:
        return self.choices + self.reserve + self.test


@dataclass(frozen=True)
class _NetworkWorkload:
    """Workloads of a network on its first and on its finest grid."""

    first: Workload
    finest: Workload
    method: str
    kept: int = 0  # parameters on all grids of a schedule, which reports each of them

    def memory_bytes(self, rows: _RowCounts) -> int:
        """Peak memory of its trainings, of which the last is on all rows of the reserve, copied, as well."""
        workload = replace(self.finest, rows=rows.fit + rows.reserve)
        copied_values = workload.rows * (workload.width[0] + 2) if rows.reserve else 0
        return workload.memory_bytes(self.method) + DOUBLE_BYTES * (self.kept + copied_values)

    @property
    def seconds(self) -> float:
        return self.first.seconds(self.method)


def _list_networks(plan: TrainingPlan, inputs: int, rows: _RowCounts) -> Iterator[_NetworkWorkload]:
    """The requested network, or those that the search may try, smallest first."""
    layers = plan.request.network.hidden
    if layers == "auto":
        yield from _list_searched_networks(plan, inputs, rows)
    else:
        yield _make_requested_network(plan, (inputs, *layers, plan.outputs), rows)


def _make_requested_network(plan: TrainingPlan, width: tuple[int, ...], rows: _RowCounts) -> _NetworkWorkload:
    network, training = plan.request.network, plan.request.training
    schedule = _list_grids(plan)
    grids = schedule or affordable_grids(width, network.order, rows.fit)
    coarsest = Workload(
        width=width,
        terms=grids[0] + network.order + 1,
        rows=rows.fit,
        validation_rows=rows.validation,
        is_sparse=_is_sparse(plan),
    )
    finest = replace(coarsest, terms=grids[-1] + network.order + 1)
    count = coarsest.edges * sum(grid + network.order + 1 for grid in schedule) if len(schedule) > 1 else 0
    method = coarsest.method() if training.optimizer == "auto" else training.optimizer
    return _NetworkWorkload(coarsest, finest, method, count)


def _list_searched_networks(plan: TrainingPlan, inputs: int, rows: _RowCounts) -> Iterator[_NetworkWorkload]:
    """The smallest and the largest networks of the search in ``kan_engine.search.model_search``."""
    request, training, grids = plan.request, plan.request.training, _list_grids(plan)
    climb = ClimbLimits(
        inputs=inputs,
        outputs=plan.outputs,
        rows=rows.fit,
        order=request.network.order,
        grid=grids[0] if grids else None,
        steps=None if training.steps == "auto" else training.steps,
        restarts=None if training.restarts == "auto" else training.restarts,
        is_sparse=_is_sparse(plan),
        seconds=allot_climb_seconds(request.max_seconds, (rows.choices + rows.test) * inputs),
    )

    def make_network(work: Workload, method: str) -> _NetworkWorkload:
        coarsest = replace(work, validation_rows=rows.validation)
        finest = replace(coarsest, terms=grids[-1] + request.network.order + 1) if grids else coarsest
        return _NetworkWorkload(coarsest, finest, method)

    if training.optimizer not in ("auto", "adam"):
        yield make_network(climb.small_workload, training.optimizer)
        return
    if training.optimizer == "auto" and climb.is_second_order_tried:
        yield make_network(climb.small_workload, "levenberg_marquardt")
    yield make_network(climb.first_workload, "adam")
    yield from (make_network(work, "adam") for work in climb.largest_workloads())


def _list_grids(plan: TrainingPlan) -> tuple[int, ...]:
    """The requested grids from coarse to fine; empty if they are chosen automatically."""
    grid, schedule = plan.request.network.grid, plan.request.training.grid_schedule
    if schedule != "auto":
        return tuple(schedule)
    return () if grid == "auto" else (grid,)


def _is_sparse(plan: TrainingPlan) -> bool:
    return plan.request.training.lamb not in ("auto", 0)


def _table_bytes(
    plan: TrainingPlan, inputs: int, rows: _RowCounts, costs: CostModel, *, label_bytes: int = 200
) -> int:
    """Memory of the encoded rows, which the job holds from start to end.

    Args:
        label_bytes: Of a text, shared by all rows with it.
    """
    read = [*plan.features, plan.target]
    labels = max(report.distinct * (plan.types[report.name] in LABEL_TYPES) for report in read)
    return DOUBLE_BYTES * rows.total * (inputs + costs.kept_numbers_per_row) + label_bytes * int(labels)


def _comparison_bytes(inputs: int, rows: _RowCounts, costs: CostModel, *, comparison_copies: int = 7) -> int:
    """Memory of the comparisons with simple models, on the rows of choices.

    Args:
        comparison_copies: Copies of the encoded rows of choices in the comparisons with simple models.
    """
    return comparison_copies * DOUBLE_BYTES * rows.choices * (inputs + costs.kept_numbers_per_row)


def _evaluation_bytes(
    plan: TrainingPlan,
    networks: list[_NetworkWorkload],
    rows: _RowCounts,
    costs: CostModel,
    *,
    baseline_copies: int = 4,
    prediction_copies: int = 8,
    edge_bytes: int = 8_000,
) -> int:
    """Memory after training, when its rows have been freed: the maximum over the later stages.

    Args:
        baseline_copies: Of the training rows: scaled, centred, and two in the solver.
        prediction_copies: Of the probabilities, while metrics are computed.
        edge_bytes: Of an activation in the picture: its curve as numbers and as text.
    """
    is_compared = bool(plan.request.baselines)
    baselines = is_compared * baseline_copies * DOUBLE_BYTES * rows.choices * networks[0].first.width[0]
    baselines += max((_mlp_bytes(mlp, plan, networks, rows) for mlp in plan.request.baselines), default=0)
    answers = prediction_copies * DOUBLE_BYTES * (rows.choices + rows.test) * (plan.outputs + 1)
    edges = min(MAX_PICTURED_EDGES, max(network.first.edges for network in networks))
    compact = _compact_bytes(plan, networks[0].first.width[0], costs)
    return compact + max(baselines + answers, edge_bytes * edges)


def _compact_bytes(plan: TrainingPlan, inputs: int, costs: CostModel) -> int:
    """Memory of all compact networks: one for every number of curves, from one curve per output up."""
    options = plan.request.compact
    networks = 0 if options is None else max(1, options.max_edges - plan.outputs + 1)
    return DOUBLE_BYTES * networks * inputs * plan.outputs * costs.compact_terms


def _compact_search_bytes(
    plan: TrainingPlan, inputs: int, costs: CostModel, *, compact_copies: int = 3
) -> int:
    """Memory of the search for compact networks: the derivatives of its first one, and their products.

    Args:
        compact_copies: Of the derivatives of the first one.
    """
    if plan.request.compact is None:
        return 0
    limits, outputs = costs.compact, plan.outputs
    rows = 2 * limits.count_rows(limits.search_rows, outputs)  # with as many guarding ones
    sources = min(inputs, limits.max_sources, max(1, limits.max_start_curves // outputs))
    coefficients = outputs * (sources * limits.max_terms + 1)
    return DOUBLE_BYTES * compact_copies * coefficients * (rows * outputs + coefficients)


def _mlp_bytes(
    baseline: Baseline,
    plan: TrainingPlan,
    networks: list[_NetworkWorkload],
    rows: _RowCounts,
    *,
    mlp_vectors: int = 54,
    mlp_row_copies: int = 6,
    max_mlp_node_values: int = 5_000_000,
) -> int:
    """Memory of training an MLP; 0 for other baselines.

    Args:
        mlp_vectors: Copies of an MLP's parameters: L-BFGS if they are few, else Adam in single precision.
        mlp_row_copies: Of the hidden nodes at all rows.
        max_mlp_node_values: Rows times hidden nodes.
    """
    if isinstance(baseline, str) and baseline != "mlp":
        return 0
    inputs = networks[0].first.width[0]
    kan_parameters = max(network.finest.parameters for network in networks)
    layers = compute_hidden_layers(baseline, inputs, plan.outputs, kan_parameters)
    nodes = min(rows.choices * sum(layers), max_mlp_node_values)
    return DOUBLE_BYTES * (
        mlp_vectors * count_parameters(layers, inputs, plan.outputs) + mlp_row_copies * nodes
    )


def _suggest_remedy(over: list[str], smaller: str) -> str:
    remedies = ["give hidden fewer layers"] if "layers" in over else []
    if {"parameters", "memory_bytes"} & set(over):
        remedies.append(smaller)
    if "seconds" in over:
        remedies.append("raise max_seconds, or use fewer rows")
    return "; ".join(remedies)


_COST_LABELS = {
    "layers": "layers",
    "parameters": "parameters",
    "memory_bytes": "bytes of memory",
    "seconds": "seconds for the first epoch",
}


def refuse_untrainable(
    request: TrainRequest, dataset: Dataset, settings: Settings, limits: AdmissionLimits
) -> None:
    """Refuse a training that this dataset does not allow, or that exceeds the limits of cost."""
    plan = check_training(request, read_reports(dataset.columns), dataset.rows, limits, units=dataset.units)
    cost = estimate_cost(plan, limits.costs)
    refuse_too_costly(cost, settings, request.max_seconds, smaller=_suggest_smaller_network(plan))


def _suggest_smaller_network(plan: TrainingPlan) -> str:
    network = plan.request.network
    if not plan.is_screened:
        return (
            "lower hidden or grid, or use fewer features or rows; without hidden the service chooses the "
            "network, and of a wide table the columns"
        )
    if network.grid != "auto":
        return "lower grid, or use fewer features or rows"
    return "use fewer features or rows"


def refuse_too_long(max_seconds: float, settings: Settings) -> None:
    """Refuse a job whose ``max_seconds`` is over the limit of the service."""
    limit = settings.max_job_seconds
    if max_seconds > limit:
        detail = f"max_seconds may be at most {limit:g} here, got {max_seconds:g}; ask for less"
        raise Invalid.make_at("max_seconds_too_large", detail, {"pointer": "#/max_seconds"}, limit=limit)
