"""Description that travels with an exported artifact, so that an import can display the model.

The file may come from anyone. Facts that follow from the network are not included but derived again. Of all
other content only the fields named here are accepted.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.datasets import MAX_UNIT_CHARACTERS
from service.schemas.formulas import DifferenceOut, LawOut, Probability, Sound, UnitStatus
from service.schemas.models import (
    MAX_PICTURED_EDGES,
    DecisionOut,
    DroppedOut,
    GridOut,
    ScreeningOut,
)

MAX_CONSTANTS = 1_000  # of a formula

PrintedUnit = Annotated[str, Field(max_length=1_000)]  # a product of powers of units of columns
JSON_PAIR = Field(strict=False)  # JSON has lists, which strict validation does not take as tuples
OptionalNumber = int | float | None
NumberMap = dict[str, OptionalNumber]
Scalar = str | int | float | bool | None


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
    baselines: dict[str, dict[str, Scalar | NumberMap | list[int]]] = {}
    split: dict[str, Scalar] = {}
    history: list[NumberMap] = []
    grids: list[GridOut] = []
    warnings: list[str | dict[str, Any]] = []
    formula_of: Literal["network", "law", "form"] | None = None
    dropped: list[DroppedOut] = []
    screening: ScreeningOut | None = None
    members: dict[Literal["formula"], PortableMember] = {}
    timings: NumberMap = {}


class PortablePareto(PortableSchema):
    """An alternative formula."""

    tree: dict[str, Any]
    rmse: OptionalNumber = None
    r2: OptionalNumber = None
    log_loss: OptionalNumber = None
    unit_status: UnitStatus = None
    sound: Sound = None
    probability: Probability = None
    differs: DifferenceOut | None = None


class PortableConstant(PortableSchema):
    """A measured constant."""

    value: float
    standard_error: float | None = None
    unit: PrintedUnit | None = None
    name: Annotated[str, Field(max_length=100)] | None = None
    symbol: Annotated[str, Field(max_length=200)] | None = None


class PortableFormula(PortableSchema):
    """A formula as a tree, with its errors; texts are printed again."""

    name: str
    tree: dict[str, Any]
    r2: OptionalNumber = None
    rmse: OptionalNumber = None
    max_error: OptionalNumber = None
    log_loss: OptionalNumber = None
    domain: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    constants: Annotated[list[PortableConstant], Field(max_length=MAX_CONSTANTS)] | None = None
    undetermined: Annotated[list[list[int]], Field(max_length=MAX_CONSTANTS)] = []
    unit_status: UnitStatus = None
    sound: Sound = None
    probability: Probability = None
    exact_units: Annotated[
        list[Annotated[tuple[float, PrintedUnit], JSON_PAIR]], Field(max_length=MAX_CONSTANTS)
    ] = []
    law: LawOut | None = None
    mean_log_likelihood: OptionalNumber = None
    rivals: Annotated[list[PortablePareto], Field(max_length=100)] = []
    pareto: Annotated[list[PortablePareto], Field(max_length=1_000)] = []


class PortableComparison(PortableSchema):
    """A model that the formula is compared with."""

    rmse: OptionalNumber = None
    is_better: bool


class PortableReason(PortableSchema):
    """Why a formula is not consistent."""

    code: Annotated[str, Field(max_length=100)]
    detail: Annotated[str, Field(max_length=1_000)]


class PortableEvidence(PortableSchema):
    """Evidence for a verdict."""

    noise: OptionalNumber = None
    explained: OptionalNumber = None
    rows: int
    constants: int
    compared_with: Annotated[dict[str, PortableComparison], Field(max_length=20)] = {}
    p_value: OptionalNumber = None
    power: OptionalNumber = None
    stability: OptionalNumber = None
    probability: Probability = None
    none_of_these: OptionalNumber = None
    reasons: Annotated[list[PortableReason], Field(max_length=20)] = []


class PortableSymbolic(PortableSchema):
    """All formulas."""

    exact: bool
    verdict: Literal["exact", "consistent", "approximation", "weak"] | None = None
    evidence: PortableEvidence | None = None
    serves_within: Annotated[tuple[float | None, float | None], JSON_PAIR] | None = None
    measured_on: Literal["hold-out", "training"] | None = None
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
