"""What a training job would cost, estimated before it is queued: nobody should wait for what cannot run."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from service.errors import Invalid
from service.schemas.jobs import TrainRequest
from service.settings import Settings

DOUBLE = 8
MAX_LAYERS = 32
OWN_COLUMNS = 20  # categories with a column of their own, as the engine encodes them
SECOND_ORDER_PARAMETERS = 5_000  # above it the engine takes a first-order optimiser
COPIES = 3  # of the basis values: the recursion keeps the order below and its difference beside them


@dataclass(frozen=True)
class Cost:
    """An estimate; the layers count the output layer."""

    layers: int
    parameters: int
    memory_bytes: int


def estimate(request: TrainRequest, *, inputs: int, outputs: int, rows: int) -> Cost:
    """Cost of the network that was asked for; of the smallest one where the shape is left to the search.

    Parameters: one spline of G + k coefficients and one base weight per edge. Memory: the basis
    values of the widest layer at all rows, and the normal matrix (or the optimiser's moments).
    """
    hidden = [] if request.network.hidden == "auto" else request.network.hidden
    width = [inputs, *hidden, outputs]
    terms = _finest_grid(request) + request.network.order + 1
    parameters = sum(a * b for a, b in pairwise(width)) * terms
    features = rows * max(width[:-1]) * terms * COPIES
    solver = 3 * min(parameters, SECOND_ORDER_PARAMETERS) ** 2 + 4 * parameters
    memory = DOUBLE * (rows * sum(width) + features + solver)
    return Cost(layers=len(width) - 1, parameters=parameters, memory_bytes=memory)


def refuse_too_costly(cost: Cost, settings: Settings) -> None:
    """Say no to what is over the limits, with the estimate and the limits.

    Raises:
        Invalid: ``cost_too_high``.
    """
    limits = Cost(MAX_LAYERS, settings.max_parameters, settings.max_memory_bytes)
    over = [name for name, limit in asdict(limits).items() if getattr(cost, name) > limit]
    if not over:
        return
    excess = " and ".join(
        f"{getattr(cost, name):,} {_words(name)} (at most {getattr(limits, name):,})" for name in over
    )
    detail = f"the network would need {excess}; {_remedy(over)}"
    entry = {"pointer": "#/network", "code": "cost_too_high", "detail": detail}
    raise Invalid("cost_too_high", detail, errors=[entry], estimate=asdict(cost), limit=asdict(limits))


def encoded_inputs(columns: list[dict[str, Any]], types: dict[str, str]) -> int:
    """How many numbers the network reads per row for these columns, at most."""
    return sum(_encoded(column, types[column["name"]]) for column in columns)


def _encoded(column: dict[str, Any], kind: str) -> int:
    missing = int(column["missing"] > 0)
    if kind not in ("category", "text"):
        return 1 + missing
    distinct = int(column["distinct"])
    return max(1, min(distinct, OWN_COLUMNS + 1) + missing)


def _finest_grid(request: TrainRequest) -> int:
    """The last grid that is named, or a usual one."""
    schedule, grid = request.training.grid_schedule, request.network.grid
    named = [] if schedule == "auto" else schedule
    return max([*named, 5 if grid == "auto" else grid])


def _remedy(over: list[str]) -> str:
    remedies = ["give hidden fewer layers"] if "layers" in over else []
    if over != ["layers"]:
        remedies.append("lower hidden or grid, or use fewer features or rows")
    return "; ".join(remedies)


def _words(name: str) -> str:
    return name.replace("memory_bytes", "bytes of memory")
