"""Schemas of trained models."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from service.schemas.common import ExtensibleModel, ModelName, RequestModel, Tags, match_pattern
from service.schemas.members import describe_members
from service.schemas.model_document import IgnoredColumns, Lineage, ModelDocument

Alias = Annotated[
    str,
    match_pattern(
        r"\A[A-Za-z][A-Za-z0-9._-]{0,63}\Z",
        "an alias begins with a letter, followed by up to 63 letters, digits, '.', '_' and '-'",
    ),
    Field(
        description="A word, such as `default`.",
        json_schema_extra={"pattern": r"^[A-Za-z][A-Za-z0-9._-]{0,63}$"},
    ),
]

ModelTask = Literal["regression", "classification", "density", "equation"]
NetworkChoice = Literal["served", "accurate", "compact"]
NETWORK_DESCRIPTION = (
    "`served`: the compact network if the job asked it to serve, else the accurate one; `accurate`; "
    "`compact`. By default the served one if it has at most 20 edges or if there is no compact one, else the "
    "compact one."
)
MAX_SHOWN_EDGES = 20  # of the served network; with more, the compact one is shown unless another is requested
MAX_PICTURED_EDGES = 10_000  # more would be illegible, and the response as large as many datasets


class SourceOut(ExtensibleModel):
    """The dataset at the time of training; a model survives it."""

    name: str
    rows: int


class ModelOut(ModelDocument):
    """A trained model. Metrics are on the hold-out rows, in the target's units."""

    id: str
    name: str
    version: int
    aliases: list[str] = Field(
        description="`name@alias` refers to this model, and `name` alone to the alias `default`."
    )
    job_id: str
    dataset_id: str | None
    dataset: SourceOut | None = Field(
        default=None, description="The training data; null for models of older versions."
    )
    task: str
    target: str
    ignored_columns: IgnoredColumns
    units: dict[str, str]
    preview_of: str | None = Field(
        default=None, description="The training of which it is only the preview; null for any other model."
    )
    lineage: Lineage = Field(default_factory=Lineage)
    tags: dict[str, str]
    created_at: datetime

    @property
    def seconds(self) -> float | None:
        """Total time; None if not recorded."""
        stages = {name: value for name, value in self.timings.items() if name != "cpu_seconds"}
        durations = [value for value in stages.values() if isinstance(value, int | float)]
        return round(sum(durations), 3) if durations else None

    @staticmethod
    def from_row(model: Any, aliases: list[str]) -> "ModelOut":
        """The current state of a model, from its row; the session must be open."""
        columns = ("id", "name", "version", "job_id", "dataset_id", "task", "target", "tags", "created_at")
        values = {name: getattr(model, name) for name in columns}
        fields = model.record | values | {"aliases": aliases, "members": describe_members(model)}
        try:
            return ModelOut(**fields)
        except ValidationError as error:  # earlier versions imported whatever a file told
            nonsense = {mistake["loc"][0] for mistake in error.errors()}
            return ModelOut(**{name: value for name, value in fields.items() if name not in nonsense})


class ModelPatch(RequestModel):
    """Changes of a model; omitted fields stay as they are."""

    name: ModelName | None = Field(
        default=None, description="The model becomes the next version of this name."
    )
    tags: Tags | None = Field(default=None, description="Replaces all tags.")
    alias: Alias | None = Field(
        default=None, description="`name@alias` then refers to this model; null removes all its aliases."
    )


class ImportFields(RequestModel):
    """Form fields that may accompany an imported model."""

    name: ModelName | None = None


class NodeOut(ExtensibleModel):
    """A node of the network."""

    name: str
    operation: Literal["sum", "product"] | None = Field(
        default=None,
        description="How the node combines the activations that enter it. Absent for inputs, and for models "
        "of versions without products, whose nodes all add.",
    )
    scale: float | None = Field(
        default=None,
        description="Of an output: `offset + scale · (sum of activations)` is the target, or its transform, "
        "in your units. Absent for other nodes, and for the outputs of classifiers.",
    )
    offset: float | None = Field(default=None, description="See `scale`.")


class LevelOut(BaseModel):
    """A level of a feature, and what its activations give there."""

    level: str | bool | None
    kind: Literal["value", "other", "missing"] = Field(
        description="`other` is the level of all rare categories, `missing` that of rows without a value."
    )
    value: float | None


class LevelCurveOut(BaseModel):
    """The edges from all 0/1 columns of one feature to one node, as one curve."""

    name: str
    layer: int
    in_: list[int] = Field(alias="in", description="Inputs that have an edge to the node, all among `edges`.")
    to_layer: int
    out: int
    score: float | None
    levels: list[LevelOut]


class EdgesOut(ExtensibleModel):
    """Every active edge with its activation curve, its score, and functions that fit it, best first.

    If there are very many edges, these are the 10,000 with the highest scores.
    """

    model_id: str
    network: Literal["accurate", "compact"] = Field(
        default="accurate",
        description="The network that these edges belong to. `fix` of a symbolic job means those of the "
        "accurate one.",
    )
    inputs: list[str]
    outputs: list[str]
    width: list[int]
    nodes: list[list[NodeOut]] = Field(description="Layer by layer, inputs first.")
    edges: list[dict[str, Any]]
    level_curves: list[LevelCurveOut] = Field(
        default=[],
        description="Categories, booleans and indicators of missing values, one curve per feature and node. "
        "Their 0/1 columns are among `edges`, too, which a symbolic job can fix. Empty for over 5,000 edges, "
        "and for models of earlier versions.",
    )
    unused: list[str] = Field(default=[], description="Your columns that have no effect.")
    functions: list[str] = Field(
        default=[], description="All functions that `fix` of a symbolic job can put on an edge."
    )
