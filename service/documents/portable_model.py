"""Description that travels with an exported artifact, so that an import can display the model.

The file may come from anyone. Facts that follow from the network are not included but derived again. Of all
other content only the fields named here are accepted.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.datasets import MAX_UNIT_CHARACTERS
from service.schemas.model_document import (
    DecisionOut,
    DroppedOut,
    FittedBaseline,
    GridOut,
    HistoryPoint,
    ScreeningOut,
    Split,
)
from service.schemas.models import MAX_PICTURED_EDGES

# Fields of the formulas that are read from a file, besides trees, as their schemas describe them
SYMBOLIC_FIELDS = ("exact", "verdict", "evidence", "serves_within", "measured_on")
ENTRY_FIELDS = ("rmse", "r2", "log_loss", "unit_status", "sound", "probability", "differs")
FORMULA_FIELDS = (
    *ENTRY_FIELDS,
    "max_error",
    "mean_log_likelihood",
    "law",
    "constants",
    "undetermined",
    "exact_units",
)

OptionalNumber = int | float | None
NumberMap = dict[str, OptionalNumber]


class PortableSchema(BaseModel):
    """Base of the description; unknown fields are dropped."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, populate_by_name=True)


class PortableNetwork(PortableSchema):
    """Facts about the network that it does not contain itself."""

    optimizer: str | None = None
    device: str | None = None


class PortableSource(PortableSchema):
    """The dataset at the time of training."""

    name: str
    rows: int


class PortableMember(PortableSchema):
    """Metrics of the formula as a predictor; everything else is in the formula itself."""

    metrics: NumberMap
    fidelity: OptionalNumber = None


class PortableStep(PortableSchema):
    """Metrics of a network on the path of compact networks."""

    edges: Annotated[int, Field(ge=0)]
    fidelity: OptionalNumber = None
    r2: OptionalNumber = None
    log_loss: OptionalNumber = None


class PortableCompact(PortableMember):
    """Metrics of the compact network as a predictor; everything else is in the network itself."""

    path: Annotated[list[PortableStep], Field(max_length=1_000)] = []


class PortableRecord(PortableSchema):
    """The body of ``GET /models/{id}``, except what follows from the network."""

    outputs: list[str]
    dataset: PortableSource | None = None
    units: dict[str, Annotated[str, Field(max_length=MAX_UNIT_CHARACTERS)]] = {}
    ignored_columns: list[str] = []
    network: PortableNetwork = PortableNetwork()
    metrics: NumberMap = {}
    network_metrics: NumberMap = {}
    threshold: OptionalNumber = None
    decision: DecisionOut | None = None
    per_class: dict[str, NumberMap] = {}
    training_metrics: NumberMap = {}
    baselines: dict[str, FittedBaseline] = {}
    split: Split = Field(default_factory=Split)
    history: list[HistoryPoint] = []
    grids: list[GridOut] = []
    warnings: list[str | dict[str, Any]] = []
    formula_of: Literal["network", "law", "form"] | None = None
    dropped: list[DroppedOut] = []
    screening: ScreeningOut | None = None
    members: dict[Literal["formula"], PortableMember] = {}
    timings: NumberMap = {}


class PortableEntry(PortableSchema):
    """Another formula as a tree; of its other fields those of ``ENTRY_FIELDS`` are read."""

    model_config = ConfigDict(extra="allow")

    tree: dict[str, Any]


class PortableFormula(PortableEntry):
    """A formula as a tree; of its other fields those of ``FORMULA_FIELDS`` are read."""

    name: str
    domain: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    rivals: Annotated[list[PortableEntry], Field(max_length=100)] = []
    pareto: Annotated[list[PortableEntry], Field(max_length=1_000)] = []


class PortableSymbolic(PortableSchema):
    """All formulas; of their other fields those of ``SYMBOLIC_FIELDS`` are read."""

    model_config = ConfigDict(extra="allow")

    outputs: list[PortableFormula]


class PortableSuggestion(PortableSchema):
    """A function that fits an edge."""

    function: str
    r2: OptionalNumber
    loss: OptionalNumber
    complexity: int
    total: OptionalNumber
    a: OptionalNumber
    b: OptionalNumber
    c: OptionalNumber
    d: OptionalNumber


class PortableEdge(PortableSchema):
    """An edge; the points of its curve are attached to the artifact."""

    layer: int
    source: int = Field(alias="in")
    to_layer: int
    out: int
    score: Annotated[float, Field(ge=0)] | None
    points: Annotated[int, Field(ge=0)]
    mean: float | None = None
    function: str | None = None
    suggestions: Annotated[list[PortableSuggestion], Field(max_length=100)] = []


class PortableModel(PortableSchema):
    """A model without its network."""

    name: str
    record: PortableRecord
    symbolic: PortableSymbolic | None = None
    edges: Annotated[list[PortableEdge], Field(max_length=MAX_PICTURED_EDGES)] | None = None
    compact: PortableCompact | None = None
    linear: PortableMember | None = None
    compact_edges: Annotated[list[PortableEdge], Field(max_length=MAX_PICTURED_EDGES)] | None = None
