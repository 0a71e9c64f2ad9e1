"""What clients see of a trained model, and what they send to predict with it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.common import RequestModel, Tags
from service.schemas.members import FormulaMemberOut, describe_members
from service.schemas.training import ModelName, matches

Alias = Annotated[
    str,
    matches(
        r"\A[A-Za-z][A-Za-z0-9._-]{0,63}\Z",
        "an alias begins with a letter, and goes on with up to 63 letters, digits, '.', '_' and '-'",
    ),
    Field(
        description="A word, such as `default`.",
        json_schema_extra={"pattern": r"^[A-Za-z][A-Za-z0-9._-]{0,63}$"},
    ),
]
Metrics = dict[str, float | None]

PICTURED_EDGES = 10_000  # a picture of more shows less, and its text would be as long as that of many tables


class FeatureOut(BaseModel):
    """A column that the model was trained with, as training saw it."""

    model_config = ConfigDict(extra="allow")

    name: str
    type: str
    min: float | str | None = None
    max: float | str | None = None
    categories: list[Any] | None = None
    has_missing: bool | None = Field(
        default=None,
        description="Whether training saw missing values; null for models of before it was kept.",
    )
    fill: float | str | None = Field(
        default=None, description="What stands for a missing number, boolean or time."
    )


class SourceOut(BaseModel):
    """The dataset as it was; a model survives it."""

    model_config = ConfigDict(extra="allow")

    name: str
    rows: int


class NetworkOut(BaseModel):
    """The shape of the network."""

    model_config = ConfigDict(extra="allow")

    width: list[int] = Field(description="Nodes per layer, inputs first.")
    grid: int = Field(description="Grid intervals G of every activation.")
    order: int = Field(description="Order k of the splines.")
    products: int = Field(
        default=0,
        description="How many nodes of the hidden layer, the last ones, multiply what enters them; "
        "all others add.",
    )
    parameters: int
    edges: int


class NetworkMemberOut(BaseModel):
    """What a network of a model is worth."""

    model_config = ConfigDict(extra="allow")

    metrics: Metrics = Field(description="On the hold-out rows, in the target's units.")
    network: NetworkOut


class GridOut(BaseModel):
    """What the network was on one of the grids that it went through."""

    model_config = ConfigDict(extra="allow")

    grid: int
    parameters: int
    seconds: float | None = Field(default=None, description="Of the training until its end on this grid.")
    metrics: Metrics = Field(default={}, description="On the hold-out rows, before anything was pruned.")


class DecisionOut(BaseModel):
    """How a classifier makes a label of its probabilities, and what that is worth on the hold-out rows."""

    model_config = ConfigDict(extra="allow")

    rule: Literal["likeliest", "class_weight", "f1"] = Field(
        description="`likeliest`: the class with the largest probability, which maximises the accuracy. "
        "`class_weight`: the largest probability times the weight that was given; `balanced` weights "
        "maximise the balanced accuracy. `f1`: of two classes, where the rarer has less than a fifth of the "
        "training rows, the threshold that promises the highest F1 of the rarer."
    )
    reason: str = Field(description="The same in words, with names and numbers.")
    weights: dict[str, float] = Field(
        description="The label is the class whose probability times this is the largest."
    )
    positive_class: str | None = Field(
        description="The second of two classes, in the order of `classes`: `precision`, `recall`, `f1`, "
        "`roc_auc` and `average_precision` are those of it; `per_class` has those of both."
    )
    likeliest: Metrics = Field(
        description="Metrics if the likeliest class were always the label; for two classes, at 0.5."
    )
    constant_guess_accuracy: float | None = Field(
        description="Accuracy of always guessing the most frequent class of the training rows."
    )


class DroppedOut(BaseModel):
    """An input that was dropped, and why: RMSE on the validation rows over the spread of the target."""

    input: str
    error_with: float
    error_without: float


class ModelOut(BaseModel):
    """A trained model. Metrics are those on the hold-out rows, in the target's units."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    version: int
    aliases: list[str] = Field(
        description="`name@alias` stands for this model, and `name` alone for `default`."
    )
    job_id: str
    dataset_id: str | None
    dataset: SourceOut | None = Field(
        default=None, description="What it was trained on; null for models of before it was kept."
    )
    task: str
    target: str
    features: list[FeatureOut]
    ignored_columns: list[str] = Field(description="Further columns of the dataset; predictions accept them.")
    units: dict[str, str]
    outputs: list[str]
    members: dict[str, NetworkMemberOut | FormulaMemberOut] = Field(
        default={},
        description="What may answer predictions (`by`): `accurate`, the network; `formula` where there is "
        "one.",
    )
    network: NetworkOut
    classes: list[Any] | None = Field(
        default=None, description="What a classifier tells apart, in order; null for a regression."
    )
    metrics: Metrics
    threshold: float | None = Field(
        default=None,
        description="Of two classes: the second, in the order of `classes`, is the label where its "
        "probability lies above this. All metrics of labels are those at this threshold.",
    )
    decision: DecisionOut | None = Field(default=None, description="Of a classifier.")
    per_class: dict[str, Any] = {}
    training_metrics: Metrics = Field({}, description="Of at most 100,000 of the training rows.")
    baselines: dict[str, Any] = {}
    split: dict[str, Any] = {}
    history: list[dict[str, Any]] = Field(
        default=[],
        description="`loss` of the training, step by step, thinned where there are many. Of equations: "
        "`error` on every grid, the largest violation relative to its terms; of a shape that was asked for, "
        "its distance from the solution.",
    )
    grids: list[GridOut] = Field(
        default=[],
        description="Of a shape that was asked for with a `grid_schedule`: the network on each of its grids.",
    )
    warnings: list[str | dict[str, Any]] = Field(
        default=[], description="What of the data or the training deserves a second look."
    )
    formula_of: str | None = Field(
        default=None,
        description="`network`: the formulas were read off the network that predicts; `law`: they were "
        "found beside it.",
    )
    dropped: list[DroppedOut] = Field(
        default=[], description="Inputs that the network does without, where it is a small law."
    )
    timings: dict[str, Any] = {}
    lineage: dict[str, Any] = {}
    tags: dict[str, str]
    created_at: datetime

    @property
    def seconds(self) -> float | None:
        """All that it took; None where that was not recorded."""
        told = [value for value in self.timings.values() if isinstance(value, int | float)]
        return round(sum(told), 3) if told else None

    @staticmethod
    def of(model: Any, aliases: list[str]) -> "ModelOut":
        """The model as it is now, from its row, while its session is open."""
        columns = ("id", "name", "version", "job_id", "dataset_id", "task", "target", "tags", "created_at")
        own = {name: getattr(model, name) for name in columns}
        return ModelOut(**model.record | own | {"aliases": aliases, "members": describe_members(model)})


class ModelPatch(RequestModel):
    """What of a model can change; what is left out stays."""

    name: ModelName | None = Field(
        default=None, description="The model becomes the next version of this name."
    )
    tags: Tags | None = Field(default=None, description="Replaces all tags.")
    alias: Alias | None = Field(
        default=None, description="`name@alias` is this model from now on; null takes all aliases from it."
    )


class ImportFields(RequestModel):
    """What may accompany a model that is imported."""

    name: ModelName | None = None


class NodeOut(BaseModel):
    """A node of the network."""

    model_config = ConfigDict(extra="allow")

    name: str
    operation: Literal["sum", "product"] | None = Field(
        default=None,
        description="What the node does with the activations that enter it. Absent from inputs, and from "
        "models of before there were products, whose nodes are all sums.",
    )


class EdgesOut(BaseModel):
    """Every live edge with its activation as a curve, its score, and functions that fit it, best first.

    Of very many edges, these are the 10,000 with the highest scores.
    """

    model_config = ConfigDict(extra="allow")

    model_id: str
    inputs: list[str]
    outputs: list[str]
    width: list[int]
    nodes: list[list[NodeOut]] = Field(description="Layer by layer, inputs first.")
    edges: list[dict[str, Any]]
    functions: list[str] = Field(
        default=[], description="All functions that `fix` of a symbolic job can put on an edge."
    )
