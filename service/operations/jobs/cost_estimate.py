"""What a training job would cost, estimated before it is queued: nobody should wait for what cannot run."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from kan_engine import Climb, Problem, WantedShape, Workload, affordable_grids, climbing_time, first_cost
from service.errors import Invalid
from service.schemas.baselines import Baseline, hidden_of, parameters_of
from service.schemas.models import PICTURED_EDGES
from service.schemas.training_plan import LABELS, Plan
from service.settings import Settings

Method = Literal["levenberg_marquardt", "adam", "lbfgs"]

DOUBLE = 8
MAX_LAYERS = 32
MOST_PARTS = 7  # of a time: the year, and sine and cosine of three cycles
OWN_COLUMNS = 20  # categories with a column of their own, as the engine encodes them
VALIDATION_SHARE = 0.2  # of the training rows
ROW_NUMBERS = 14  # beside the inputs: target, weight, places in the table, a column on its way in
LABEL_BYTES = 200  # of a text, which all rows that have it share
BASELINE_COPIES = 4  # of the training rows: scaled, centred, and two in the solver
MLP_VECTORS = 54  # of its parameters: those of L-BFGS where they are few, else of Adam in half the digits
MLP_ROW_COPIES, MLP_ROWS = 6, 5_000_000  # of the nodes of its inner layers at all rows, if these are few
ANSWER_COPIES = 8  # of the probabilities, while they are measured
EDGE_BYTES = 8_000  # of an activation in the picture: its curve as numbers, and as text
CHECK_COPIES, CHECKED_ROWS = 7, 100_000  # of the encoded rows, as measured with so many
SEARCH_BYTES = 32 * 2**20  # that searches took beyond the estimate of their largest network, when measured
DENSITY_NODES = 4  # of the hidden layer that two columns have
DENSITY_GRIDS = 80, 10  # finest grid of one column, and that of two
DENSITY_POINTS, DENSITY_MARGIN = 10, 6  # of the quadrature on an interval; intervals beyond the grid
DENSITY_ROWS = 40_000  # that two columns are fitted by at most
VALUE_SECONDS = 1e-7  # to read a value and to encode it


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes:
        layers: With the output layer.
        memory_bytes: Most that the job holds at once, beyond what its process takes before it begins.
        seconds: Until a network has learnt once from every row. What comes after is cut at ``max_seconds``
            and the best so far is kept; with less time there is nothing to keep.
    """

    layers: int
    parameters: int
    memory_bytes: int
    seconds: float


def estimate(plan: Plan) -> Cost:
    """Cost of the network that was asked for.

    Where its shape is left to the search, memory is for the largest network that ``max_seconds`` allows,
    and all else for the smallest: time and weights decide how far the search gets, and not whether it finds
    anything.
    """
    if plan.task == "density":
        return _of_density(plan)
    inputs = encoded_inputs(plan.features, plan.types)
    networks = list(_networks(plan, inputs))
    beyond = SEARCH_BYTES * (len(networks) > 1)
    smallest = networks[0].finest
    training = beyond + max(network.memory_bytes for network in networks)
    reading = VALUE_SECONDS * plan.rows * (inputs + 1)
    return Cost(
        layers=len(smallest.width) - 1,
        parameters=smallest.parameters,
        memory_bytes=_held_bytes(plan, inputs)
        + _check_bytes(plan, inputs)
        + max(training, _later_bytes(plan, networks)),
        seconds=float(f"{reading + min(network.seconds for network in networks):.3g}"),
    )


def _of_density(plan: Plan) -> Cost:
    """Of one column, integrals over its grid; of two, those over a product of grids, for every weight."""
    network, columns = plan.request.network, len(plan.features)
    nodes = 0 if columns == 1 else DENSITY_NODES if network.hidden == "auto" else sum(network.hidden)
    grid = DENSITY_GRIDS[columns - 1] if network.grid == "auto" else network.grid
    edges = (columns + 1) * nodes or columns
    parameters = edges * (grid + network.order + 1)
    places = (DENSITY_POINTS * (grid + DENSITY_MARGIN)) ** columns
    rows = min(plan.rows, DENSITY_ROWS) if columns > 1 else 0
    return Cost(
        layers=2 if nodes else 1,
        parameters=parameters,
        memory_bytes=DOUBLE * (plan.rows * (columns + ROW_NUMBERS) + places * parameters + parameters**2),
        seconds=float(f"{VALUE_SECONDS * plan.rows * columns + 1e-9 * (places + rows) * parameters:.3g}"),
    )


def estimate_grid(problem: Problem, grid: int | None, order: int | None) -> Cost:
    """Cost of the grid with which the solution of equations begins: without it there is nothing to keep.

    The search refines it only as far as memory and time reach.
    """
    coefficients, memory = first_cost(problem, grid, order)
    return Cost(layers=1, parameters=coefficients, memory_bytes=memory, seconds=0.0)


def estimate_shape(shape: WantedShape) -> Cost:
    """Cost of a network of a given shape that is trained on a solution of equations."""
    finest = shape.workload(shape.grids[-1])
    return Cost(
        layers=len(shape.width) - 1,
        parameters=finest.parameters,
        memory_bytes=finest.memory_bytes(shape.method),
        seconds=float(f"{shape.workload(shape.grids[0]).seconds(shape.method):.3g}"),
    )


def refuse_too_costly(cost: Cost, settings: Settings, max_seconds: float) -> None:
    """Say no to what is over the limits, with the estimate and the limits.

    Raises:
        Invalid: ``cost_too_high``.
    """
    limits = Cost(MAX_LAYERS, settings.max_parameters, settings.max_memory_bytes, max_seconds)
    over = [name for name, limit in asdict(limits).items() if getattr(cost, name) > limit]
    if not over:
        return
    excess = " and ".join(
        f"{getattr(cost, name):,} {_WORDS[name]} (at most {getattr(limits, name):,})" for name in over
    )
    detail = f"the network would need {excess}; {_remedy(over)}"
    pointer = "#/max_seconds" if over == ["seconds"] else "#/network"
    entry = {"pointer": pointer, "code": "cost_too_high", "detail": detail}
    raise Invalid("cost_too_high", detail, errors=[entry], estimate=asdict(cost), limit=asdict(limits))


def encoded_inputs(columns: list[dict[str, Any]], types: dict[str, str]) -> int:
    """How many numbers the network reads per row for these columns, at most."""
    return sum(_encoded(column, types[column["name"]]) for column in columns)


def _encoded(column: dict[str, Any], kind: str) -> int:
    missing = int(column["missing"] > 0)
    if kind == "datetime":
        return MOST_PARTS + missing
    if kind not in ("category", "text"):
        return 1 + missing
    distinct = int(column["distinct"])
    return max(1, min(distinct, OWN_COLUMNS + 1) + missing)


@dataclass(frozen=True)
class _Network:
    """A network on the grid that it begins with, and on its last one."""

    first: Workload
    finest: Workload
    method: Method
    kept: int = 0  # weights of it on all grids, where each of them is told about

    @property
    def memory_bytes(self) -> int:
        return self.finest.memory_bytes(self.method) + DOUBLE * self.kept

    @property
    def seconds(self) -> float:
        return self.first.seconds(self.method)


def _networks(plan: Plan, inputs: int) -> Iterator[_Network]:
    """The one that was asked for, or those that the search may try, the smallest first."""
    hidden = plan.request.network.hidden
    if hidden == "auto":
        yield from _searched(plan, inputs)
    else:
        yield _given(plan, (inputs, *hidden, plan.outputs))


def _given(plan: Plan, width: tuple[int, ...]) -> _Network:
    network, training = plan.request.network, plan.request.training
    asked = _asked_grids(plan)
    grids = asked or affordable_grids(width, network.order, _fitted(plan))
    first = Workload(
        width=width,
        terms=grids[0] + network.order + 1,
        rows=_fitted(plan),
        validation_rows=plan.training_rows - _fitted(plan),
        is_sparse=_is_sparse(plan),
    )
    finest = replace(first, terms=grids[-1] + network.order + 1)
    kept = first.edges * sum(grid + network.order + 1 for grid in asked) if len(asked) > 1 else 0
    method = first.method() if training.optimizer == "auto" else training.optimizer
    return _Network(first, finest, method, kept)


def _searched(plan: Plan, inputs: int) -> Iterator[_Network]:
    """As ``worker.search.model_search`` searches."""
    request, training, grids = plan.request, plan.request.training, _asked_grids(plan)
    climb = Climb(
        inputs=inputs,
        outputs=plan.outputs,
        rows=_fitted(plan),
        order=request.network.order,
        grid=grids[0] if grids else None,
        steps=None if training.steps == "auto" else training.steps,
        restarts=None if training.restarts == "auto" else training.restarts,
        is_sparse=_is_sparse(plan),
        seconds=climbing_time(request.max_seconds, plan.rows * inputs),
    )

    def network(work: Workload, method: Method) -> _Network:
        first = replace(work, validation_rows=plan.training_rows - _fitted(plan))
        finest = replace(first, terms=grids[-1] + request.network.order + 1) if grids else first
        return _Network(first, finest, method)

    if training.optimizer in ("levenberg_marquardt", "lbfgs"):
        yield network(climb.fixed, training.optimizer)
        return
    if training.optimizer == "auto" and climb.is_fixed_tried:
        yield network(climb.fixed, "levenberg_marquardt")
    yield network(climb.first, "adam")
    yield from (network(work, "adam") for work in climb.largest())


def _asked_grids(plan: Plan) -> tuple[int, ...]:
    """From coarse to fine; none if they are left to us."""
    grid, schedule = plan.request.network.grid, plan.request.training.grid_schedule
    if schedule != "auto":
        return tuple(schedule)
    return () if grid == "auto" else (grid,)


def _fitted(plan: Plan) -> int:
    return max(1, round(plan.training_rows * (1 - VALIDATION_SHARE)))


def _is_sparse(plan: Plan) -> bool:
    return plan.request.training.lamb not in ("auto", 0)


def _held_bytes(plan: Plan, inputs: int) -> int:
    """What is in memory from the beginning to the end: all rows, encoded."""
    read = [*plan.features, plan.target]
    labels = max(report["distinct"] * (plan.types[report["name"]] in LABELS) for report in read)
    return DOUBLE * plan.rows * (inputs + ROW_NUMBERS) + LABEL_BYTES * int(labels)


def _check_bytes(plan: Plan, inputs: int) -> int:
    """What comparisons with simple models take, on a sample of very many rows."""
    return CHECK_COPIES * DOUBLE * min(plan.rows, CHECKED_ROWS) * (inputs + ROW_NUMBERS)


def _later_bytes(plan: Plan, networks: list[_Network]) -> int:
    """What comes when the network is trained, and its rows have been let go: the most of its stages."""
    is_compared = bool(plan.request.baselines)
    baselines = is_compared * BASELINE_COPIES * DOUBLE * plan.training_rows * networks[0].first.width[0]
    baselines += max((_mlp_bytes(mlp, plan, networks) for mlp in plan.request.baselines), default=0)
    answers = ANSWER_COPIES * DOUBLE * plan.rows * (plan.outputs + 1)
    pictured = min(PICTURED_EDGES, max(network.first.edges for network in networks))
    return max(baselines + answers, EDGE_BYTES * pictured)


def _mlp_bytes(baseline: Baseline, plan: Plan, networks: list[_Network]) -> int:
    """What an MLP holds while it is trained; nothing for other baselines."""
    if baseline in ("linear", "boosting"):
        return 0
    inputs = networks[0].first.width[0]
    matched = max(network.finest.parameters for network in networks)
    hidden = hidden_of(baseline, inputs, plan.outputs, matched)
    nodes = min(plan.training_rows * sum(hidden), MLP_ROWS)
    return DOUBLE * (MLP_VECTORS * parameters_of(hidden, inputs, plan.outputs) + MLP_ROW_COPIES * nodes)


def _remedy(over: list[str]) -> str:
    remedies = ["give hidden fewer layers"] if "layers" in over else []
    if {"parameters", "memory_bytes"} & set(over):
        remedies.append("lower hidden or grid, or use fewer features or rows")
    if "seconds" in over:
        remedies.append("raise max_seconds, or use fewer rows")
    return "; ".join(remedies)


_WORDS = {
    "layers": "layers",
    "parameters": "parameters",
    "memory_bytes": "bytes of memory",
    "seconds": "seconds to learn once from every row",
}
