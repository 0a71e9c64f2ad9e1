"""Schema of a training request."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from service.schemas.baselines import Baselines
from service.schemas.common import (
    Column,
    JobWebhook,
    MaxSeconds,
    NewModelName,
    Priority,
    RequestModel,
    Seed,
    Setting,
    Tags,
)
from service.schemas.datasets import ColumnType
from service.schemas.options.formulas import (
    CompactOptions,
    ConstantOptions,
    PerGroupOptions,
    SymbolicOptions,
    TargetBounds,
)
from service.schemas.options.training import NetworkOptions, SplitOptions, TrainingOptions

UnitMode = Literal["check", "enforce", "ignore"]
Serve = Literal["auto", "accurate", "compact", "formula", "linear"]
SERVE_DESCRIPTION = (
    "The member of the model that answers by default; `auto` is the best one.\n\n"
    "It is the most `accurate` network; the `compact` network, of "
    "at most `compact.max_edges` curves; the best `formula`; or a `linear` model. `auto` selects the one "
    "with the lowest cross-validated error, of equally good ones (within one standard error) the simplest; a "
    "network whose shape is requested answers itself. If no useful formula is found, the most accurate "
    "network answers for it, with a warning. A formula whose verdict is `exact` answers in any case."
)


def _expand_switch(default: Any, off: Any) -> Callable[[Any], Any]:
    """Accept ``true`` for a stage's defaults, and ``false`` to skip the stage."""

    def read(value: Any) -> Any:
        return default if value is True else off if value is False else value

    return read


class TrainRequest(RequestModel):
    """A training job; only the dataset and the target are required."""

    kind: Literal["train"] = "train"
    dataset_id: Annotated[str, Field(min_length=1, max_length=100)]
    task: Annotated[Literal["auto", "regression", "classification", "density"], Setting("Task", "task")] = (
        Field(
            default="auto",
            description="Regression, classification or density. By default, the type of the target column "
            "decides.\n\n"
            "A density has no target: it is the distribution of one column of numbers, or of two, which "
            "`features` names.",
        )
    )
    target: Column | None = Field(
        default=None,
        validate_default=True,
        description="The column to predict. Required, except for the task `density`, which has none.",
    )
    features: Annotated[list[Column], Field(min_length=1)] | None = Field(
        default=None, description="Input columns; null takes every usable one except the target."
    )
    types: dict[Column, ColumnType] = Field(default={}, description="Columns to read as another type.")
    weight: Annotated[Column | None, Setting("Row weights", "task", kind="column")] = Field(
        default=None,
        description="A numeric column. A row of weight 2 counts twice; a row of weight 0 is ignored.\n\n"
        "So it does in training, in the selection of the network and in probabilities. Metrics and intervals "
        "count every row once whose weight is not 0.",
    )
    target_error: Annotated[Column | None, Setting("Errors of the target", "task", kind="column")] = Field(
        default=None,
        description="A numeric column: one standard deviation of the target in each row, in its units. Rows "
        "weigh 1/σ².\n\n"
        "The noise is then known: formulas are judged by χ² against these errors, and the standard errors of "
        "constants follow from them. It excludes `weight`. A regression only.",
    )
    network: NetworkOptions = NetworkOptions()
    training: TrainingOptions = TrainingOptions()
    split: SplitOptions = SplitOptions()
    prune: Annotated[bool, Setting("Prune unimportant curves", "result", flag="no_prune")] = Field(
        default=True,
        description="A smaller network is easier to read.",
    )
    symbolic: Annotated[
        SymbolicOptions | None,
        BeforeValidator(_expand_switch({}, None), json_schema_input_type=bool | SymbolicOptions | None),
        Setting("Search for a formula", "result", flag="no_formula"),
    ] = Field(
        default=SymbolicOptions(),
        description="Without a formula, training is faster.",
    )
    form: Annotated[
        Annotated[str, Field(min_length=1, max_length=10_000)] | None,
        Setting("A form that you believe in", "knowledge", example="a*exp(-b*t) + c"),
    ] = Field(
        default=None,
        description="For example a*exp(-b*t) + c. Names that are no columns are constants, which are "
        "fitted. Write a column whose name is no identifier in backticks, or as formulas print it.\n\n"
        "`Q [mL/min]` is printed as `Q_mL_min` or `Q`. Without constants a form is judged as it is. It "
        "becomes the first formula of the model, beside the best one of the free search.",
    )
    constants: Annotated[
        dict[Column, ConstantOptions],
        Field(max_length=50),
        Setting("Its constants", "knowledge", name="constant", kind="constants", example="b=0..10; g=9.81"),
    ] = Field(
        default={},
        description='Bounds of constants of the form, or their values.\n\n`{"b": {"min": 0}}`',
    )
    per_group: Annotated[
        PerGroupOptions | None,
        BeforeValidator(
            lambda value: {"column": value} if isinstance(value, str) else value,
            json_schema_input_type=Column | PerGroupOptions | None,
        ),
    ] = Field(
        default=None,
        description="Fits constants of each group, such as each patient: of `form`, or of the best formula. "
        "The other constants are shared by all groups.",
    )
    must_use: Annotated[
        Annotated[list[Column], Field(min_length=1, max_length=50)] | None,
        Setting("Columns that must occur", "knowledge", kind="columns", example="length, width"),
    ] = Field(
        default=None,
        description="Every formula and every network contains them.\n\n"
        "If no such formula is found, the model has none, and a warning says so.",
    )
    max_constants: Annotated[
        Annotated[int, Field(ge=0, le=100)] | None, Setting("Most constants", "knowledge", example="3")
    ] = Field(
        default=None,
        description="Largest number of measured constants of a formula.\n\n"
        "See `non_structural_constants` of the evidence.",
    )
    functions: Annotated[
        Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=50)] | None,
        Setting("Functions", "knowledge", example="exp, log"),
    ] = Field(
        default=None,
        description="The functions that formulas may contain, or sets: polynomial, rational, exponential, "
        "trigonometric. Arithmetic is always allowed.\n\n"
        "Functions such as `exp`, `log`, `sin`, `abs`. Sums, products, quotients and integer powers are "
        "arithmetic; `polynomial` without `rational` forbids division by columns; "
        "`sqrt` allows half-integer exponents, `power` any, and so do `exp` and `log` together.",
    )
    monotone: Annotated[
        dict[Column, Literal["increasing", "decreasing"]] | None,
        Setting("Columns with which the target rises or falls", "knowledge", kind="monotone"),
    ] = Field(
        default=None,
        description="Columns of numbers, all else equal. The networks are then sums of curves.\n\n"
        "They are sums of curves whose spline coefficients rise or fall; formulas are checked over the "
        "ranges of their columns. Only for regression.",
    )
    bounds: Annotated[
        TargetBounds | None, Setting("Lowest and highest value of the target", "knowledge", kind="bounds")
    ] = Field(
        default=None,
        description="No answer within the training ranges leaves them.\n\n"
        'For example `{"min": 0}`. Answers of networks are clipped; formulas stay within over the ranges of '
        "their columns. Only for regression.",
    )
    compact: Annotated[
        CompactOptions | None,
        BeforeValidator(_expand_switch({}, None), json_schema_input_type=bool | CompactOptions | None),
        Setting("Look for a network of few curves", flag="no_compact"),
    ] = Field(
        default=CompactOptions(),
        description="A network of few curves is easier to read.\n\n"
        "`false` leaves it out. Without it, a job with `network.hidden` and `symbolic: false` trains that "
        "network and nothing else.",
    )
    serve: Annotated[Serve, Setting("Member that answers")] = Field(
        default="auto", description=SERVE_DESCRIPTION
    )
    units: Annotated[UnitMode, Setting("Units", "knowledge")] = Field(
        default="check",
        description="What follows if the units of a formula do not add up.\n\n"
        "`check`: the search goes through dimensionless groups, and formulas whose units do not add up are "
        "marked and come behind those whose units do. `enforce`: they are left out. `ignore`: units are only "
        "printed.",
    )
    baselines: Annotated[
        Baselines,
        BeforeValidator(_expand_switch(["linear"], []), json_schema_input_type=bool | Baselines),
        Setting("Compare with", "result", kind="baselines"),
    ] = Field(
        default=["linear"],
        description="Other methods that are trained on the same rows.\n\n"
        "They are `linear`, `mlp` (two layers of 64 nodes), "
        '`boosting`; `{"kind": "mlp", "hidden": [29, 29]}` is an MLP of that shape, `{"kind": '
        '"mlp", "parameters": "matched"}` one as large as the KAN.',
    )
    seed: Annotated[Seed, Setting("Seed", "training", example="0")] = Field(
        default=0, description="The same seed gives the same network."
    )
    max_seconds: MaxSeconds = 300
    priority: Annotated[Priority, Setting("Priority")] = 0
    webhook: JobWebhook = None
    name: NewModelName = None
    tags: Tags = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _set_density_baselines(cls, body: Any) -> Any:
        """By default compare a density with a kernel estimate, the only baseline for it."""
        if isinstance(body, dict) and body.get("task") == "density" and body.get("baselines", True) is True:
            return {**body, "baselines": ["kernel"]}
        return body

    @field_validator("target")
    @classmethod
    def _check_target(cls, target: str | None, info: ValidationInfo) -> str | None:
        if target is None and info.data.get("task") != "density":
            raise PydanticCustomError("missing", "Field required")
        return target

    @model_validator(mode="after")
    def _check_errors_of_rows(self) -> Self:
        if self.target_error is not None and self.weight is not None:
            raise ValueError('the weights follow from "target_error"; omit "weight"')
        return self

    @model_validator(mode="after")
    def _check_serve(self) -> Self:
        if self.serve not in ("auto", "accurate") and self.task == "density":
            raise ValueError(f'a density has no member to choose; omit "serve": "{self.serve}"')
        if self.serve == "compact" and self.compact is None:
            raise ValueError('"serve": "compact" needs the compact network; omit "compact": false')
        if self.symbolic is None and (self.max_constants is not None or self.functions is not None):
            raise ValueError('max_constants and functions concern formulas; omit "symbolic": false')
        if self.serve == "formula" and self.symbolic is None:
            raise ValueError('"serve": "formula" needs a formula; omit "symbolic": false')
        return self

    @model_validator(mode="after")
    def _train_one_network_alone(self) -> Self:
        """Leave the compact network out where one network and no formula was requested, and it was not."""
        is_alone = self.network.hidden != "auto" and self.symbolic is None and self.serve != "compact"
        if is_alone and "compact" not in self.model_fields_set:
            self.compact = None
        return self

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        if self.form is None and self.constants:
            raise ValueError("constants belong to a form; add form, or omit constants")
        if self.form is not None and self.symbolic is None:
            raise ValueError('a form is a formula; omit "symbolic": false')
        if self.per_group is not None and self.symbolic is None:
            raise ValueError('per_group needs a formula; omit "symbolic": false')
        if self.per_group is not None and self.per_group.own is not None and self.form is None:
            raise ValueError("own names constants of a form; add form, or omit own")
        return self

    @property
    def goal(self) -> str:
        """Name of the predictions: the target, or the density of the columns."""
        return self.target if self.target is not None else f"p({', '.join(self.features or ())})"

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"dataset_id": "01890a5d-ac96-774b-bcce-b302099a8057", "target": "y"}],
        }
    )
