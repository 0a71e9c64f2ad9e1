"""Schemas of trained models."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from service.schemas.common import ExtensibleModel, ModelName, RequestModel, Tags, match_pattern
from service.schemas.members import MemberOut, Metrics, NetworkOut, describe_members

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


class FeatureOut(ExtensibleModel):
    """An input column of the model, with its values in training."""

    name: str
    type: str
    min: float | str | None = None
    max: float | str | None = None
    categories: list[Any] | None = None
    has_missing: bool | None = Field(
        default=None,
        description="Whether the training rows had missing values; null for models of older versions.",
    )
    fill: float | str | None = Field(
        default=None, description="Value that replaces a missing number, boolean or time."
    )
    margin: float = Field(
        default=0.0,
        description="How far beyond `min` and `max` a number still lies within the training range: it has an "
        "interval and no warning. At most a thousandth of the range.",
    )


class SourceOut(ExtensibleModel):
    """The dataset at the time of training; a model survives it."""

    name: str
    rows: int


class GridOut(ExtensibleModel):
    """The network on one of the grids of its refinement."""

    grid: int
    parameters: int
    seconds: float | None = Field(default=None, description="Training time up to the end of this grid.")
    metrics: Metrics = Field(default={}, description="On the hold-out rows, before pruning.")


class DecisionOut(ExtensibleModel):
    """The rule that turns a classifier's probabilities into a label, and its metrics on the hold-out rows."""

    rule: Literal["likeliest", "class_weight", "f1"] = Field(
        description="`likeliest`: the class with the largest probability, which maximises the accuracy. "
        "`class_weight`: the largest product of probability and given weight; `balanced` "
        "weights maximise the balanced accuracy. `f1`: for two classes, if the rarer has less "
        "than a fifth of the training rows, the threshold with the highest expected F1 of the "
        "rarer."
    )
    reason: str = Field(description="The rule in words, with names and numbers.")
    weights: dict[str, float] = Field(
        description="The label is the class with the largest product of probability and weight."
    )
    positive_class: str | None = Field(
        description="The second of two classes, in the order of `classes`. `precision`, `recall`, `f1`, "
        "`roc_auc` and `average_precision` refer to it; `per_class` has those of both."
    )
    likeliest: Metrics = Field(
        description="Metrics if the label were always the likeliest class; for two classes, at the "
        "threshold 0.5."
    )
    constant_guess_accuracy: float | None = Field(
        description="Accuracy of always predicting the most frequent class of the training rows."
    )


class DroppedOut(BaseModel):
    """A dropped input, with the RMSE on the validation rows relative to the spread of the target."""

    input: str
    error_with: float
    error_without: float


class KeptColumnOut(ExtensibleModel):
    """A column that the search reads."""

    name: str
    reason: Literal["single", "product", "line", "required", "first"] = Field(
        description="`single`: its own effect stands out from chance; `product`: that of its product with "
        "`partner`; `line`: it is among the strongest of a line through all columns, which predicts better "
        "than those that stand out; `required`: the request names it; `first`: no column stands out, and a "
        "network needs one."
    )
    partner: str | None = None
    p_value: float | None = Field(
        default=None, description="Probability that chance explains as much in one given test."
    )
    stability: float | None = Field(
        default=None, description="Share of random halves of the rows on which it is selected again."
    )


class ScreeningOut(ExtensibleModel):
    """Which columns of a wide table the search read. Only training rows were tested."""

    columns: int = Field(description="Number of columns before.")
    rows: int = Field(description="Training rows that were tested.")
    level: float = Field(
        description="Probability that chance keeps any column of a table in which none has an effect."
    )
    line_r2: float = Field(
        description="R² of the scores of the target, by cross-validation, of a line through all columns."
    )
    selected_r2: float = Field(description="The same of the columns that stand out.")
    kept: list[KeptColumnOut]


class ModelOut(ExtensibleModel):
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
    features: list[FeatureOut]
    ignored_columns: list[str] = Field(
        description="Other columns of the dataset; predictions accept and ignore them."
    )
    units: dict[str, str]
    outputs: list[str]
    members: dict[str, MemberOut] = Field(
        default={},
        description="Members that can answer predictions (`by`): `accurate`, the most accurate network; "
        "`compact`, a network of few curves; `linear`, a line; `formula`. A model has those that were found.",
    )
    network: NetworkOut
    classes: list[Any] | None = Field(
        default=None, description="Classes of a classifier, in order; null for a regression."
    )
    metrics: Metrics
    threshold: float | None = Field(
        default=None,
        description="For two classes: the label is the second, in the order of `classes`, if its "
        "probability is above this value. All metrics of labels use this threshold.",
    )
    decision: DecisionOut | None = Field(default=None, description="For a classifier.")
    per_class: dict[str, Any] = Field(default={})
    training_metrics: Metrics = Field({}, description="On at most 100,000 of the training rows.")
    baselines: dict[str, Any] = Field(default={})
    split: dict[str, Any] = Field(default={})
    history: list[dict[str, Any]] = Field(
        default=[],
        description="`loss` of the training, step by step, thinned if there are many steps. For equations: "
        "`error` on every grid, the largest violation relative to its terms; for a requested "
        "shape, its distance from the solution.",
    )
    grids: list[GridOut] = Field(
        default=[],
        description="For a requested shape with a `grid_schedule`: the network on each of its grids.",
    )
    warnings: list[str | dict[str, Any]] = Field(
        default=[], description="Problems of the data or the training."
    )
    preview_of: str | None = Field(
        default=None, description="The training of which it is only the preview; null for any other model."
    )
    formula_of: str | None = Field(
        default=None,
        description="`network`: the formulas were extracted from the network that predicts; `law`: they "
        "were found separately.",
    )
    dropped: list[DroppedOut] = Field(default=[], description="Unused inputs, if the network is a small law.")
    screening: ScreeningOut | None = Field(
        default=None,
        description="Which columns of a wide table the search read; the others are in `ignored_columns`. "
        "Null for tables that are not wide.",
    )
    timings: dict[str, Any] = Field(
        default={},
        description="Seconds of every stage, and in `cpu_seconds` the processor time of the job, as in its "
        "`timings`.",
    )
    lineage: dict[str, Any] = Field(default={})
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
        return ModelOut(**model.record | values | {"aliases": aliases, "members": describe_members(model)})


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
