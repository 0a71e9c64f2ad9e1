"""What of a model travels with its artifact, so that it can be shown where it is imported.

It may come from anyone. What can be told from the network itself is not here but made anew; of all else
only what is named here is taken over.
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
    """A part of the description; what else is in it is left out."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, populate_by_name=True)


class PortableNetwork(Portable):
    """What the network itself does not tell."""

    optimizer: str | None = None


class PortableSource(Portable):
    """The dataset as it was."""

    name: str
    rows: int


class PortableMember(Portable):
    """What the formula is worth as it predicts; all else of it is in the formula itself."""

    metrics: Numbers
    fidelity: Number = None


class PortableRecord(Portable):
    """What ``GET /models/{id}`` shows beside what the network tells."""

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
    """Another formula."""

    tree: dict[str, Any]
    rmse: Number = None
    r2: Number = None


class PortableFormula(Portable):
    """A formula as a tree, and what it is worth; texts are printed anew."""

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
    """Another model beside the formula."""

    rmse: Number = None
    is_better: bool


class PortableReason(Portable):
    """Why a formula is not consistent."""

    code: Annotated[str, Field(max_length=100)]
    detail: Annotated[str, Field(max_length=1_000)]


class PortableEvidence(Portable):
    """What a verdict rests on."""

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
