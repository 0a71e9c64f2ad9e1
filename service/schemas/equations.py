"""Schema of a request to solve differential equations."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    TypeAdapter,
    WrapValidator,
    model_validator,
)

from service.schemas.common import (
    Column,
    JobWebhook,
    MaxSeconds,
    NewModelName,
    Priority,
    RequestModel,
    Setting,
    Size,
    Tags,
    require_one_of,
)

EquationText = Annotated[str, Field(min_length=1, max_length=10_000)]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
BoundaryPlace = float | Interval
MAX_SPLINE_ORDER = 10  # order k of splines


class ConditionOptions(RequestModel):
    """A condition on a part of the boundary, or at a point."""

    kind: Literal["initial", "boundary", "periodic"] = Field(
        default="boundary", description="A label for readers; `on` defines where the condition holds."
    )
    on: Annotated[dict[Column, BoundaryPlace], Field(max_length=3)] = Field(
        default={},
        description='Values of independent variables: `{"x": 0}`; for a periodic condition both ends, '
        '`{"x": [0, 1]}`. By default the places that the residual names.',
    )
    residual: EquationText = Field(
        description="Expression that must be zero there, or an equation: `u(0, t) - sin(t)`, `y'(0) = 1`."
    )

    _is_text: bool = PrivateAttr(default=False)

    @property
    def source(self) -> tuple[dict[str, BoundaryPlace], str] | str:
        """The condition as the client wrote it: place and residual, or one text."""
        return self.residual if self._is_text else (self.on, self.residual)


_TEXT = TypeAdapter(EquationText)


def _read_condition(document: Any, validate: ModelWrapValidatorHandler[ConditionOptions]) -> ConditionOptions:
    if not isinstance(document, str):
        return validate(document)
    condition = validate({"residual": _TEXT.validate_python(document)})
    condition._is_text = True
    return condition


Condition = Annotated[
    ConditionOptions,
    WrapValidator(_read_condition, json_schema_input_type=ConditionOptions | EquationText),
]


class SplineOptions(RequestModel):
    """Shape of the network, and its activations."""

    hidden: Literal["auto"] | Annotated[list[Size], Field(max_length=100)] = Field(
        default="auto",
        description="`auto` makes the network from the solution itself. Sizes of inner layers, such as "
        "`[3]`, train a network of that shape on the solution, as accurately as the shape "
        "allows.",
    )
    grid: Literal["auto"] | Size = Field(
        default="auto",
        description="Equal intervals of every activation; `auto` adapts them to the solution.",
    )
    order: Literal["auto"] | Annotated[int, Field(ge=2, le=MAX_SPLINE_ORDER)] = Field(
        default="auto", description="Order k of the splines, above that of the equations."
    )


class DescentOptions(RequestModel):
    """Minimisation of the residuals."""

    optimizer: Literal["auto", "gauss_newton"] = Field(
        default="auto",
        description="Gauss-Newton, except for a given shape that is too large for it: there `auto` uses "
        "L-BFGS.",
    )
    steps: Literal["auto"] | Annotated[int, Field(ge=1, le=1000)] = Field(
        default="auto",
        description="Maximum number of Gauss-Newton steps per grid; also limits the training of a given "
        "shape.",
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_other_options(cls, body: Any) -> Any:
        """Refuse training options that do not apply to equations."""
        options = sorted(set(body) - set(cls.model_fields)) if isinstance(body, dict) else []
        if options:
            listing = ", ".join(options)
            raise ValueError(
                "equations are solved by Gauss-Newton on their residuals: training takes optimizer "
                f'("auto" or "gauss_newton") and steps here, but not {listing}'
            )
        return body


class MeasurementOptions(RequestModel):
    """Measured values of unknowns: a dataset, or columns named like variables and unknowns."""

    model_config = ConfigDict(json_schema_extra=require_one_of(dataset_id="string", columns="object"))

    dataset_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    columns: dict[Column, Annotated[list[float | None], Field(min_length=1, max_length=100_000)]] | None = (
        Field(default=None, description="A missing value is null.")
    )

    @model_validator(mode="after")
    def _check_one_source(self) -> Self:
        if (self.dataset_id is None) == (self.columns is None):
            raise ValueError("give either dataset_id or columns")
        return self


class TypesetRequest(RequestModel):
    """Equations and conditions to typeset, with the names of a `solve` job."""

    independent: Annotated[list[Column], Field(min_length=1, max_length=3)]
    unknowns: Annotated[list[Column], Field(min_length=1, max_length=10)]
    parameters: Annotated[list[Column], Field(max_length=10)] = Field(
        default=[], description="Names of unknown numbers."
    )
    equations: Annotated[list[str], Field(max_length=30)] = Field(default=[])
    conditions: Annotated[list[str], Field(max_length=60)] = Field(default=[])

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"independent": ["x"], "unknowns": ["y"], "equations": ["dy/dx = -y^2"]}]
        }
    )


class TypesetLineOut(BaseModel):
    """A line as it was read, or why it could not be read."""

    latex: str | None = Field(description="Null if the line is wrong.")
    mathml: str | None = Field(description="The same as one `<math>` element; null for very long equations.")
    detail: str | None = Field(description="What is wrong, and what to write instead.")
    character: int | None = Field(description="The first wrong character, counted from 1.")


class TypesetOut(BaseModel):
    """The lines in their order."""

    equations: list[TypesetLineOut]
    conditions: list[TypesetLineOut]


EXAMPLE_REQUEST: dict[str, Any] = {
    "kind": "solve",
    "independent": ["x"],
    "unknowns": ["y"],
    "domain": {"x": [0, 5]},
    "equations": ["y' = -y"],
    "conditions": ["y(0) = 1"],
}


class SolveRequest(RequestModel):
    """Ordinary or partial differential equations, solved by a KAN.

    Equations are written with primes, `y'' + 4*y = 0`, with subscripts, `u_t = 0.1*u_xx`, as quotients,
    `d2y/dx2 = -y^2`, or in the notation of SymPy, `Derivative(u(x, t), t) - Derivative(u(x, t), (x, 2))`.
    Without `=` an expression must be zero.
    A value or derivative on the boundary is `u(x, 0)`, `y'(0)`, or `Subs(Derivative(u(x, t), x), x, 0)`.
    The resulting model predicts the unknowns from the independent variables.
    """

    kind: Literal["solve"]
    independent: Annotated[list[Column], Field(min_length=1, max_length=3)] = Field(
        description="Names of the independent variables."
    )
    unknowns: Annotated[list[Column], Field(min_length=1, max_length=10)] = Field(
        description="Names of the unknown functions."
    )
    domain: Annotated[
        dict[Column, Interval],
        Field(min_length=1, max_length=3),
    ] = Field(description="Lowest and highest value of every independent variable.")
    equations: Annotated[list[EquationText], Field(min_length=1, max_length=30)] = Field(
        description="What holds in the domain: `u_t = 0.1*u_xx`, or expressions that must be zero; at least "
        "as many as unknowns."
    )
    conditions: Annotated[list[Condition], Field(max_length=60)] = Field(
        description="What holds on parts of the boundary: `y(0) = 1`, with its place where the text does not "
        "name it."
    )
    parameters: dict[Column, float] = Field(
        default={}, description="Unknown numbers in the equations, each with an initial value."
    )
    measurements: MeasurementOptions | None = Field(
        default=None, description="Data for estimating parameters, and as further conditions."
    )
    network: SplineOptions = SplineOptions()
    training: DescentOptions = DescentOptions()
    symbolic: Annotated[bool, Setting("Search for an exact formula", flag="no_formula")] = Field(
        default=True, description="Whether to search for an exact formula."
    )
    max_seconds: MaxSeconds = 300
    priority: Priority = 0
    webhook: JobWebhook = None
    name: NewModelName = None
    tags: Tags = Field(default={})

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_REQUEST]})

    @property
    def hidden(self) -> list[int] | None:
        """Inner layers of a network to train on the solution; None if the network is the solution itself."""
        hidden_layers = self.network.hidden
        is_itself = hidden_layers == "auto" or (not hidden_layers and len(self.independent) == 1)
        return None if is_itself else hidden_layers  # type: ignore[return-value]  # a list is left

    @property
    def steps(self) -> int | None:
        """Maximum number of Gauss-Newton steps per grid; None if the engine decides."""
        return None if self.training.steps == "auto" else self.training.steps

    @property
    def target(self) -> str:
        """Names of the predicted unknowns."""
        return ", ".join(self.unknowns)
