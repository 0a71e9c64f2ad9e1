"""The document of a model: what its job writes. ``GET /models/{id}`` adds what the service knows."""

from collections.abc import Mapping
from operator import not_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from service.schemas.common import ExtensibleModel, is_null
from service.schemas.members import MemberOut, Metrics, NetworkOut

EXTENSIBLE = ConfigDict(extra="allow")  # documents of later versions may have more
IgnoredColumns = Annotated[
    list[str], Field(description="Other columns of the dataset; predictions accept and ignore them.")
]


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


@with_config(EXTENSIBLE)
class Split(TypedDict, total=False):
    """How the rows were split."""

    kind: str
    seed: int | None
    training_rows: Annotated[int, Field(description="Rows that the network is fitted to.")]
    validation_rows: int
    test_rows: Annotated[int, Field(description="Hold-out rows.")]
    unused_rows: Annotated[
        int,
        Field(description="Training rows of a large table that are neither fitted to nor validate."),
    ]
    repeated_rows: Annotated[int, Field(description="Hold-out rows that equal a training row.")]


@with_config(EXTENSIBLE)
class HistoryPoint(TypedDict, total=False):
    """Losses after a step of a training; or the error of a solution, or of its network, on a grid."""

    step: int
    grid: int
    loss: float
    validation_loss: Annotated[
        float | None, Field(description="Null if a validation row had no finite prediction.")
    ]
    error: float


@with_config(EXTENSIBLE)
class FittedBaseline(TypedDict, total=False):
    """A baseline: its hold-out metrics, the seconds of its fit, and the number of its parameters."""

    metrics: Metrics
    seconds: float
    parameters: int
    hidden: Annotated[list[int], Field(description="Nodes of the inner layers of an MLP.")]


class GridOut(ExtensibleModel):
    """The network on one of the grids of its refinement."""

    grid: int
    parameters: int
    seconds: float | None = Field(default=None, description="Training time up to the end of this grid.")
    metrics: Metrics = Field(default={}, description="On the hold-out rows, before pruning.")
    baselines: dict[str, FittedBaseline] | None = Field(
        default=None, exclude_if=is_null, description="Baselines of the same number of parameters."
    )


@with_config(EXTENSIBLE)
class Residual(TypedDict, total=False):
    """A residual: its text, its largest and its RMS value, and the largest relative to its terms."""

    residual: str
    largest: float
    rms: float
    relative: float


@with_config(EXTENSIBLE)
class Residuals(TypedDict, total=False):
    """Residuals of the equations and of the conditions."""

    equations: list[Residual]
    conditions: list[Residual]


@with_config(EXTENSIBLE)
class ParameterEstimate(TypedDict, total=False):
    """A parameter, its standard error and 95 % interval; null if the measurements do not determine them."""

    value: float
    standard_error: float | None
    interval: list[float] | None


@with_config(EXTENSIBLE)
class DensityProperties(TypedDict, total=False):
    """Ends of the support per column, null where it is unbounded, and the strength of the smoothing."""

    support: list[list[float | None]]
    smoothness: float | None


@with_config(EXTENSIBLE)
class Lineage(TypedDict, total=False):
    """Where a model comes from."""

    dataset_sha256: str | None
    job_id: str
    code_version: str | None
    request: Annotated[dict[str, Any], Field(description="Of the job.")]
    revises: Annotated[
        Mapping[str, Any] | None,
        Field(description="The model that was changed, and the changes; null for a new model."),
    ]


class ModelDocument(ExtensibleModel):
    """What a model is. Metrics are on the hold-out rows, in the target's units."""

    features: list[FeatureOut]
    outputs: list[str]
    ignored_columns: IgnoredColumns = Field(
        default=[], exclude_if=not_
    )  # of a dataset the service knows them
    classes: list[Any] | None = Field(
        default=None, description="Classes of a classifier, in order; null for a regression."
    )
    network: NetworkOut
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
    metrics: Metrics
    per_class: dict[str, Metrics] = Field(default={})
    training_metrics: Metrics = Field({}, description="On at most 100,000 of the training rows.")
    network_metrics: Metrics | None = Field(
        default=None,
        exclude_if=is_null,
        description="Of the accurate network, if another member answers; empty if it answers.",
    )
    threshold: float | None = Field(
        default=None,
        description="For two classes: the label is the second, in the order of `classes`, if its "
        "probability is above this value. All metrics of labels use this threshold.",
    )
    decision: DecisionOut | None = Field(default=None, description="For a classifier.")
    density: DensityProperties | None = Field(default=None, exclude_if=is_null, description="For a density.")
    residuals: Residuals | None = Field(
        default=None, exclude_if=is_null, description="For equations, in the order of the request."
    )
    parameters: dict[str, ParameterEstimate] | None = Field(
        default=None, exclude_if=is_null, description="For equations: estimated parameters by name."
    )
    split: Split = Field(default_factory=Split)
    history: list[HistoryPoint] = Field(
        default=[],
        description="`loss` of the training, step by step, thinned if there are many steps. For equations: "
        "`error` on every grid, the largest violation relative to its terms; for a requested "
        "shape, its distance from the solution.",
    )
    grids: list[GridOut] = Field(
        default=[],
        description="For a requested shape with a `grid_schedule`: the network on each of its grids.",
    )
    baselines: dict[str, FittedBaseline] = Field(default={})
    members: dict[str, MemberOut] = Field(
        default={},
        description="Members that can answer predictions (`by`): `accurate`, the most accurate network; "
        "`compact`, a network of few curves; `linear`, a line; `formula`. A model has those that were found.",
    )
    warnings: list[str | dict[str, Any]] = Field(
        default=[], description="Problems of the data or the training."
    )
    timings: dict[str, Any] = Field(
        default={},
        description="Seconds of every stage, and in `cpu_seconds` the processor time of the job, as in its "
        "`timings`.",
    )

    def to_json(self) -> dict[str, Any]:
        """The document as a model keeps it, with all fields that are not excluded."""
        return self.model_dump(mode="json", by_alias=True)
