"""Description that travels with an exported artifact, so that an import can display the model.

The file may come from anyone. Facts that follow from the network are not included but derived again. Of all
other content only the fields named here are accepted.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.datasets import MAX_UNIT
from service.schemas.formulas import ConstantOut, LawOut
from service.schemas.models import PICTURED_EDGES, DecisionOut, DroppedOut, GridOut

Number = int | float | None
Numbers = dict[str, Number]
Plain = str | int | float | bool | None


class Portable(BaseModel):
    """Base of the description; unknown fields are dropped."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, populate_by_name=True)


class PortableNetwork(Portable):
    """Facts about the network that it does not contain itself."""

    optimizer: str | None = None


class PortableSource(Portable):
    """The dataset at the time of training."""

    name: str
    rows: int


class PortableMember(Portable):
    """Metrics of the formula as a predictor; everything else is in the formula itself."""

    metrics: Numbers
    fidelity: Number = None


class PortableRecord(Portable):
    """The body of ``GET /models/{id}``, except what follows from the network."""

    outputs: list[str]
    dataset: PortableSource | None = None
    units: dict[str, Annotated[str, Field(max_length=MAX_UNIT)]] = {}
    ignored_columns: list[str] = []
    network: PortableNetwork = PortableNetwork()
    metrics: Numbers = {}
    network_metrics: Numbers = {}
    threshold: Number = None
    decision: DecisionOut | None = None
    per_class: dict[str, Numbers] = {}
    training_metrics: Numbers = {}
    baselines: dict[str, dict[str, Plain | Numbers | list[int]]] = {}
    split: dict[str, Plain] = {}
    history: list[Numbers] = []
    grids: list[GridOut] = []
    warnings: list[str | dict[str, Any]] = []
    formula_of: Literal["network", "law"] | None = None
    dropped: list[DroppedOut] = []
    members: dict[Literal["formula"], PortableMember] = {}
    timings: Numbers = {}


class PortablePareto(Portable):
    """An alternative formula."""

    tree: dict[str, Any]
    rmse: Number = None
    r2: Number = None


class PortableFormula(Portable):
    """A formula as a tree, with its errors; texts are printed again."""

    name: str
    tree: dict[str, Any]
    r2: Number = None
    rmse: Number = None
    max_error: Number = None
    domain: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    constants: list[ConstantOut] | None = None
    law: LawOut | None = None
    mean_log_likelihood: Number = None
    pareto: Annotated[list[PortablePareto], Field(max_length=1_000)] = []


class PortableComparison(Portable):
    """A model that the formula is compared with."""

    rmse: Number = None
    is_better: bool


class PortableReason(Portable):
    """Why a formula is not consistent."""

    code: Annotated[str, Field(max_length=100)]
    detail: Annotated[str, Field(max_length=1_000)]


class PortableEvidence(Portable):
    """Evidence for a verdict."""

    noise: Number = None
    explained: Number = None
    rows: int
    constants: int
    compared_with: Annotated[dict[str, PortableComparison], Field(max_length=20)] = {}
    p_value: Number = None
    power: Number = None
    stability: Number = None
    reasons: Annotated[list[PortableReason], Field(max_length=20)] = []


class PortableSymbolic(Portable):
    """All formulas."""

    exact: bool
    verdict: Literal["exact", "consistent", "approximation", "weak"] | None = None
    evidence: PortableEvidence | None = None
    serves_within: tuple[float | None, float | None] | None = None
    measured_on: Literal["hold-out", "training"] | None = None
    outputs: list[PortableFormula]


class PortableSuggestion(Portable):
    """A function that fits an edge."""

    function: str
    r2: Number
    loss: Number
    complexity: int
    total: Number
    a: Number
    b: Number
    c: Number
    d: Number


class PortableEdge(Portable):
    """An edge; the points of its curve are attached to the artifact."""

    layer: int
    source: int = Field(alias="in")
    to_layer: int
    out: int
    score: Annotated[float, Field(ge=0)] | None
    points: Annotated[int, Field(ge=0)]
    function: str | None = None
    suggestions: Annotated[list[PortableSuggestion], Field(max_length=100)] = []


class PortableModel(Portable):
    """A model without its network."""

    name: str
    record: PortableRecord
    symbolic: PortableSymbolic | None = None
    edges: Annotated[list[PortableEdge], Field(max_length=PICTURED_EDGES)] | None = None
