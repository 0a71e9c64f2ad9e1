"""What clients see of a trained model, and what they send to predict with it."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.schemas.common import RequestModel, Tags, either, first_wrong
from service.schemas.members import BY, By, FormulaMemberOut, Member, describe_members
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
FormulaFormat = Literal[
    "json", "text", "latex", "python", "numpy", "c", "sql", "javascript", "excel", "mathml"
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


class ParetoOut(BaseModel):
    """A formula that is simpler, or closer, than the one chosen."""

    model_config = ConfigDict(extra="allow")

    expression: str
    complexity: int
    rmse: float | None
    r2: float | None


class ConstantOut(BaseModel):
    """A measured number of a formula, and how far noise may have moved it."""

    value: float
    standard_error: float


class ParameterOut(BaseModel):
    """A parameter of a law, with the interval that holds it with a probability of 95 %."""

    name: str
    value: float
    standard_error: float | None
    low: float | None
    high: float | None


class LawOut(BaseModel):
    """The closed law of a density."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="Such as `normal`, `exponential`, `mixture of two normal laws`.")
    parameters: list[ParameterOut]
    level: float = Field(description="Probability with which an interval holds its parameter.")
    support: dict[str, list[float | None]] = Field(
        description="Range of each column within which the density is not 0; null where there is no end."
    )
    p_value: float = Field(description="Of its goodness of fit, by rows left out of the fit.")


class FormulaOut(BaseModel):
    """A formula for one output, with its errors on the hold-out rows."""

    model_config = ConfigDict(extra="allow")

    name: str
    expression: str = Field(description="For `sympy.sympify`, with `locals` naming the columns.")
    latex: str
    symbols: dict[str, str] = Field(
        description="Names in the expression that are no columns, and the column, or the meaning, of each."
    )
    quantity: Literal["value", "log-odds", "logit", "density"] = Field(
        default="value",
        description="What the formula gives: the `value` of the target; a `density`, which "
        "integrates to 1; the `log-odds` of the second of two "
        "classes, whose probability is 1/(1 + exp(-value)); or the `logit` of one class of several, whose "
        "probabilities are the softmax over the outputs.",
    )
    units: dict[str, str] = Field(
        default={}, description="Units of the columns in the formula, and of the output, by name."
    )
    derived: dict[str, dict[str, Any]] = Field(
        default={},
        description="Variables that are no columns: the `column` of each, and what it `equals`, is "
        "`other_than`, or that it is `missing` where the variable is 1; elsewhere it is 0.",
    )
    fills: dict[str, float] = Field(
        default={}, description="What stands for a missing value, for columns that had some in training."
    )
    complexity: int
    r2: float | None
    rmse: float | None
    max_error: float | None
    mean_log_likelihood: float | None = Field(
        default=None,
        description="Of a density, on the hold-out rows, in place of `rmse`, `r2` and `max_error`, which "
        "are null: no true values are known to compare it with.",
    )
    law: LawOut | None = Field(default=None, description="Of a density.")
    domain: dict[str, Any] = Field(
        description="Smallest and largest value that training saw of each variable."
    )
    constants: list[ConstantOut] = Field(
        default=[],
        description="The measured numbers of the formula, in the order in which its tree has them; those "
        "that were recognised, such as 2 or pi, are not among them.",
    )
    pareto: list[ParetoOut] = []


class ComparisonOut(BaseModel):
    """Another model beside the formula, on the same folds."""

    rmse: float | None
    is_better: bool = Field(description="Whether it is better than the formula by more than chance.")


class ReasonOut(BaseModel):
    """Why a formula is not consistent with the data."""

    code: str = Field(description="A stable name of the reason.")
    detail: str


class EvidenceOut(BaseModel):
    """What the verdict rests on; all errors are those on rows that the constants were not fitted to."""

    model_config = ConfigDict(extra="ignore")

    noise: float | None = Field(description="RMSE of the formula, in the target's units.")
    explained: float | None = Field(description="Share of the target's variance that it explains.")
    rows: int = Field(description="Training rows.")
    constants: int = Field(description="Measured constants of the formula.")
    compared_with: dict[str, ComparisonOut] = Field(description="Other models, by name.")
    p_value: float | None = Field(
        description="Of a test whether what the formula leaves depends on the columns; null if not tested."
    )
    power: float | None = Field(
        description="Share of planted signals of half the noise that the same test finds in these rows."
    )
    stability: float | None = Field(
        description="Share of resamplings of the rows that lead to a formula that predicts alike; null if it "
        "was not looked for again."
    )
    reasons: list[ReasonOut] = Field(description="Why the verdict is not `consistent`; empty if it is.")


class SymbolicOut(BaseModel):
    """The network read off as formulas in the client's columns and units."""

    model_config = ConfigDict(extra="allow")

    model_id: str
    exact: bool = Field(description="Every formula is right to 1e-7 of the spread of its output.")
    verdict: Literal["exact", "consistent", "approximation", "weak"] = Field(
        default="approximation",
        description="`exact` as above; `consistent` with the data: no other model is better, what the "
        "formula leaves holds no signal that the rows could show, and resampled rows lead to it again; "
        "`approximation`: no compact formula was found that explains the data, this is the best trade-off "
        "between error and length; `weak`: no better than a constant, or worse than a line.",
    )
    evidence: EvidenceOut | None = Field(
        default=None, description="What the verdict rests on; of regressions alone."
    )
    outputs: list[FormulaOut]


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


class Rows(RequestModel):
    """Rows to predict, either way round. A missing value is null."""

    model_config = ConfigDict(json_schema_extra=either(columns="object", rows="array"))

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, fail_fast=True)] | None = Field(
        default=None, examples=[[{"x1": 0.1, "x2": 0.2}]]
    )
    columns: Annotated[dict[str, list[Any]], Field(min_length=1), first_wrong(list)] | None = Field(
        default=None, examples=[{"x1": [0.1, 0.3], "x2": [0.2, 0.4]}]
    )
    interval: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="Share of true values that the intervals are to cover, for a regression; it holds in the "
        "mean over rows drawn like the training rows.",
    )
    by: By = Field(default="auto", description=BY)

    @model_validator(mode="after")
    def _one_way_round(self) -> Self:
        if (self.rows is None) == (self.columns is None):
            raise ValueError("give either rows or columns")
        return self

    @property
    def row_count(self) -> int:
        """Rows, at most: columns may still turn out to be of unequal length."""
        return len(self.rows) if self.rows is not None else max(map(len, (self.columns or {}).values()))


class PredictRequest(Rows):
    """Rows to predict, and the model to do it."""

    model: str = Field(min_length=1, max_length=300, description="Id, name or `name@alias`.")


class WarningOut(BaseModel):
    """Why a prediction deserves less trust."""

    row: int = Field(description="Counted from 0.")
    column: str
    code: Literal["outside_training_range", "unseen_category", "unexpected_missing", "not_finite"] = Field(
        description="`unexpected_missing`: training saw no missing value in this column; "
        "`not_finite`: the network or the formula is not defined there, and the prediction is null."
    )


class PredictionOut(BaseModel):
    """Predictions in the order of the rows."""

    model_id: str
    by: Member | None = Field(default=None, description="The member of the model that answers.")
    predictions: list[Any] = Field(
        description="Numbers or class labels; `{output: value}` each where there are several outputs."
    )
    probabilities: list[dict[str, float | None]] | None = Field(
        description="Per class, for a classifier; calibrated on the validation rows to the frequencies of "
        "the data, whatever `class_weight` was. The label follows by the model's `decision`."
    )
    intervals: list[list[float | None] | None] | None = Field(
        description="`[low, high]`, if `interval` was asked for; null for a row with any value outside of "
        "what training saw, and for one without a prediction: there is no interval there."
    )
    warnings: list[WarningOut] = Field(description="The first of them.")
    warning_count: int = Field(description="All of them.")
