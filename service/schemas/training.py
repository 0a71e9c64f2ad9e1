"""Schema of a training request."""

from collections.abc import Callable
from math import inf
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
from typing_extensions import TypeAliasType

from service.schemas.baselines import Baselines
from service.schemas.common import JobWebhook, ModelName, Priority, RequestModel, Tags
from service.schemas.datasets import ColumnType
from service.schemas.members import EDGES_DESCRIPTION

MAX_GRIDS = 20  # in a schedule

Serve = Literal["auto", "accurate", "compact", "formula", "linear"]
SERVE_DESCRIPTION = (
    "The member of the model that answers by default: the most `accurate` network; the `compact` network, of "
    "at most `compact.max_edges` curves; the best `formula`; or a `linear` model. `auto` selects the one "
    "with the lowest cross-validated error, of equally good ones (within one standard error) the simplest; a "
    "network whose shape is requested answers itself. If no useful formula is found, the most accurate "
    "network answers for it, with a warning. A formula whose verdict is `exact` answers in any case."
)

UnitMode = Literal["check", "enforce", "ignore"]
UNITS_DESCRIPTION = (
    "What the units of the dataset mean for formulas. `check`: the search goes through dimensionless groups, "
    "and formulas whose units do not add up are marked and come behind those whose units do. `enforce`: they "
    "are left out. `ignore`: units are only printed."
)
FORM_DESCRIPTION = (
    "A form that you believe in, such as `a*exp(-b*t) + c`. Names that are no columns are constants, which "
    "are fitted; without constants it is judged as it is. A column whose name is no identifier is written in "
    "backticks, or as formulas print it: `Q [mL/min]` is `Q_mL_min` or `Q`. The form becomes the first "
    "formula of the model, beside the best one of the free search."
)

# Far beyond any use: a submission that is too large is refused with its estimated cost.
Size = TypeAliasType("Size", Annotated[int, Field(ge=1, le=10**15)])  # named in the document
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Column = Annotated[str, Field(min_length=1, max_length=1000)]
Complexity = Annotated[int, Field(ge=1, le=10_000)]
Value = bool | int | float | str


def _expand_switch(default: Any, off: Any) -> Callable[[Any], Any]:
    """Accept ``true`` for a stage's defaults, and ``false`` to skip the stage."""

    def read(value: Any) -> Any:
        return default if value is True else off if value is False else value

    return read


class NetworkOptions(RequestModel):
    """Shape of the network."""

    hidden: Literal["auto"] | Annotated[list[Size], Field(max_length=100_000)] = Field(
        default="auto",
        description="Nodes of the inner layers: `[10]` on 8 features and one target is KAN[8,10,1].",
    )
    grid: Literal["auto"] | Size = Field(default="auto", description="Grid intervals G of every activation.")
    order: Annotated[int, Field(ge=0, le=10)] = Field(default=3, description="Order k of the splines.")


class TrainingOptions(RequestModel):
    """Training of the network."""

    optimizer: Literal["auto", "levenberg_marquardt", "adam", "lbfgs"] = "auto"
    grid_schedule: Literal["auto"] | Annotated[list[Size], Field(min_length=1, max_length=MAX_GRIDS)] = Field(
        default="auto", description="Grid sizes from coarse to fine; the first must equal `network.grid`."
    )
    steps: Literal["auto"] | Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default="auto", description="Steps of a second-order optimizer on each grid, or epochs of Adam."
    )
    lamb: Literal["auto"] | Annotated[float, Field(ge=0)] = Field(
        default="auto", description="Strength λ of the sparsity penalty."
    )
    restarts: Literal["auto"] | Annotated[int, Field(ge=1, le=1000)] = Field(
        default="auto",
        description="Random starts of a network. Second order continues with the best of them. Adam trains "
        "all of them side by side in one network, unless they have too many weights.",
    )
    class_weight: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        default=None,
        description="Cost of a mistake on each class, by its name, 1 by default; `balanced` uses the "
        "inverse of its frequency. It affects the training and the selected label, but not the "
        "probabilities: these are calibrated to the frequencies of the data.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="Where Adam trains; all else is done on the CPU. `auto` leaves it to the worker "
        "(`KAN_DEVICE`): by default a GPU that it sees, for networks with much work per batch. With `cuda` "
        "the job fails on a worker that sees no GPU (`device_unavailable`).",
    )


class SplitOptions(RequestModel):
    """Selection of the hold-out rows, which are used only for the reported metrics."""

    kind: Literal["random", "stratified", "tail", "column", "none"] = "random"
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: Seed = 0
    column: Column | None = Field(
        default=None, description="For `column`: the column that selects the hold-out rows."
    )
    test: list[Value] | None = Field(
        default=None, description="For `column`: its values in the hold-out rows."
    )

    @model_validator(mode="after")
    def _check_column(self) -> Self:
        presence = self.column is not None, bool(self.test)
        if presence != (self.kind == "column",) * 2:
            raise ValueError('column and test belong to the split kind "column", which needs both')
        return self


class SymbolicOptions(RequestModel):
    """Extraction of formulas from the network."""

    library: Literal["default"] = "default"
    max_complexity: Complexity | None = None


class TargetBounds(RequestModel):
    """What values the target can have."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f"min must be below max, got {self.min:g} and {self.max:g}")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest value; infinite where there is no bound."""
        return -inf if self.min is None else self.min, inf if self.max is None else self.max


class CompactOptions(RequestModel):
    """The compact network, which every training of numbers or classes makes unless it is left out."""

    max_edges: Annotated[int, Field(ge=1, le=200)] = Field(
        default=20, description="Largest number of its curves. " + EDGES_DESCRIPTION
    )


class ConstantOptions(RequestModel):
    """What is known of a constant of the form: bounds, or its value."""

    min: float | None = None
    max: float | None = None
    value: float | None = Field(default=None, description="Holds the constant at this value.")

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.value is not None and (self.min is not None or self.max is not None):
            raise ValueError("a constant with a value has no bounds; omit min and max")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError("min must be less than max; value holds a constant")
        return self


class PerGroupOptions(RequestModel):
    """Constants of each group of rows."""

    column: Column = Field(description="The column that names the groups, such as a patient.")
    own: Annotated[list[Column], Field(max_length=20)] | None = Field(
        default=None,
        description="Constants of `form` that are a group's own; null lets the rows choose.",
    )


class TrainRequest(RequestModel):
    """A training job; only the dataset and the target are required."""

    kind: Literal["train"] = "train"
    dataset_id: Annotated[str, Field(min_length=1, max_length=100)]
    task: Literal["auto", "regression", "classification", "density"] = Field(
        default="auto",
        description="`density` has no target: it estimates the distribution of one column of numbers, or of "
        "two, which `features` names.",
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
    weight: Column | None = Field(
        default=None,
        description="Column with the weight of each row. A row of weight 2 counts like two rows in "
        "training, in the selection of the network and in probabilities; one of weight 0 is "
        "ignored. Metrics and intervals count every other row once.",
    )
    target_error: Column | None = Field(
        default=None,
        description="Column with the standard deviation of the target in each row, in the target's units. "
        "Rows then weigh 1/σ², and the noise is known: formulas are judged by χ² against these errors, and "
        "the standard errors of constants follow from them. It excludes `weight`. A regression only.",
    )
    network: NetworkOptions = NetworkOptions()
    training: TrainingOptions = TrainingOptions()
    split: SplitOptions = SplitOptions()
    prune: bool = True
    symbolic: Annotated[
        SymbolicOptions | None,
        BeforeValidator(_expand_switch({}, None), json_schema_input_type=bool | SymbolicOptions | None),
    ] = SymbolicOptions()
    form: Annotated[str, Field(min_length=1, max_length=10_000)] | None = Field(
        default=None, description=FORM_DESCRIPTION
    )
    constants: Annotated[dict[Column, ConstantOptions], Field(max_length=50)] = Field(
        default={}, description='Bounds of constants of `form`, or their values: `{"b": {"min": 0}}`.'
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
    must_use: Annotated[list[Column], Field(min_length=1, max_length=50)] | None = Field(
        default=None,
        description="Columns that every formula offered and every network must contain. If no such formula "
        "is found, the model has none, and a warning says so.",
    )
    max_constants: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="Largest number of measured constants of a formula; see "
        "`non_structural_constants` of the evidence.",
    )
    functions: (
        Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=50)] | None
    ) = Field(
        default=None,
        description="The functions that formulas may contain, such as `exp`, `log`, `sin`, `abs`, or sets of "
        "them: `polynomial`, `rational`, `exponential`, `trigonometric`. Sums, products, quotients and "
        "integer powers are always allowed; `polynomial` without `rational` forbids division by columns; "
        "`sqrt` allows half-integer exponents, `power` any, and so do `exp` and `log` together.",
    )
    monotone: dict[Column, Literal["increasing", "decreasing"]] | None = Field(
        default=None,
        description="Columns of numbers with which the target rises or falls, all else equal. The networks "
        "are then sums of curves whose spline coefficients rise or fall; formulas are checked over the "
        "ranges of their columns. Only for regression.",
    )
    bounds: TargetBounds | None = Field(
        default=None,
        description='Values that the target cannot leave, such as `{"min": 0}`. Answers of networks are '
        "clipped; formulas stay within over the ranges of their columns. Only for regression.",
    )
    compact: Annotated[
        CompactOptions | None,
        BeforeValidator(_expand_switch({}, None), json_schema_input_type=bool | CompactOptions | None),
    ] = Field(
        default=CompactOptions(),
        description="The network of few curves; `false` leaves it out. Without it, a job with "
        "`network.hidden` and `symbolic: false` trains that network and nothing else.",
    )
    serve: Serve = Field(default="auto", description=SERVE_DESCRIPTION)
    units: UnitMode = Field(default="check", description=UNITS_DESCRIPTION)
    baselines: Annotated[
        Baselines,
        BeforeValidator(_expand_switch(["linear"], []), json_schema_input_type=bool | Baselines),
    ] = Field(
        default=["linear"],
        description="Models that are fitted to the same rows: `linear`, `mlp` (two layers of 64 nodes), "
        '`boosting`; `{"kind": "mlp", "hidden": [29, 29]}` is an MLP of that shape, `{"kind": '
        '"mlp", "parameters": "matched"}` one as large as the KAN.',
    )
    seed: Seed = 0
    max_seconds: Annotated[float, Field(gt=0)] = 300
    priority: Priority = 0
    webhook: JobWebhook = None
    name: ModelName | None = Field(
        default=None, description="Name of the model; an existing name gets a new version."
    )
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
