"""What clients send to get differential equations solved."""

from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from service.schemas.common import RequestModel, Tags, either
from service.schemas.training import Column, ModelName, Priority, Size

Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Ends = Annotated[list[float], Field(min_length=2, max_length=2)]
Place = float | Ends
HIGHEST_ORDER = 10  # of splines


class ConditionOptions(RequestModel):
    """Something that holds on a part of the boundary, or at a point."""

    kind: Literal["initial", "boundary", "periodic"] = Field(
        default="boundary", description="For people; `on` says what is meant."
    )
    on: Annotated[dict[Column, Place], Field(min_length=1, max_length=3)] = Field(
        description='Values of independent variables: `{"x": 0}`; of a periodic condition both ends, '
        '`{"x": [0, 1]}`.'
    )
    residual: Text = Field(description="What vanishes there: `u(0, t) - sin(t)`.")


class SplineOptions(RequestModel):
    """The shape of the network, and its activations."""

    hidden: Literal["auto"] | Annotated[list[Size], Field(max_length=100)] = Field(
        default="auto",
        description="`auto` makes a network of the solution itself. Sizes of inner layers, such as `[3]`, "
        "train one of that shape on it: the model is then as near to the solution as that shape comes.",
    )
    grid: Literal["auto"] | Size = Field(
        default="auto",
        description="Equal intervals of every activation; `auto` adapts them to the solution.",
    )
    order: Literal["auto"] | Annotated[int, Field(ge=2, le=HIGHEST_ORDER)] = Field(
        default="auto", description="Order k of the splines, above that of the equations."
    )


class DescentOptions(RequestModel):
    """How residuals are made to vanish."""

    optimizer: Literal["auto", "gauss_newton"] = Field(
        default="auto",
        description="Gauss-Newton in any case, but of a shape that is given and too large for it: `auto` "
        "takes L-BFGS there.",
    )
    steps: Literal["auto"] | Annotated[int, Field(ge=1, le=1000)] = Field(
        default="auto",
        description="Most steps of Gauss-Newton in one descent, on one grid; also of the training of a shape "
        "that is given.",
    )

    @model_validator(mode="before")
    @classmethod
    def _only_these(cls, body: Any) -> Any:
        """What trains on a table is nothing that an equation could be solved by."""
        others = sorted(set(body) - set(cls.model_fields)) if isinstance(body, dict) else []
        if others:
            told = ", ".join(others)
            raise ValueError(
                "equations are solved by Gauss-Newton on their residuals: training takes optimizer "
                f'("auto" or "gauss_newton") and steps here, and no {told}'
            )
        return body


class MeasurementOptions(RequestModel):
    """Measured values of unknowns: a dataset, or columns right here, named like variables and unknowns."""

    model_config = ConfigDict(json_schema_extra=either(dataset_id="string", columns="object"))

    dataset_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    columns: dict[Column, Annotated[list[float | None], Field(min_length=1, max_length=100_000)]] | None = (
        Field(default=None, description="A value that is missing is null.")
    )

    @model_validator(mode="after")
    def _one_way_round(self) -> Self:
        if (self.dataset_id is None) == (self.columns is None):
            raise ValueError("give either dataset_id or columns")
        return self


DECAY: dict[str, Any] = {
    "kind": "solve",
    "independent": ["x"],
    "unknowns": ["y"],
    "domain": {"x": [0, 5]},
    "equations": ["Derivative(y(x), x) + y(x)"],
    "conditions": [{"kind": "initial", "on": {"x": 0}, "residual": "y(0) - 1"}],
}


class SolveRequest(RequestModel):
    """Ordinary or partial differential equations, solved by a KAN.

    Equations are what must vanish, in the words of SymPy:
    `Derivative(u(x, t), t) - Derivative(u(x, t), (x, 2))`, with `Subs(Derivative(u(x, t), x), x, 0)` for a
    derivative at a place. The model that comes of it predicts the unknowns from the independent variables.
    """

    kind: Literal["solve"]
    independent: Annotated[list[Column], Field(min_length=1, max_length=3)] = Field(
        description="Names of the independent variables."
    )
    unknowns: Annotated[list[Column], Field(min_length=1, max_length=10)] = Field(
        description="Names of the functions that are looked for."
    )
    domain: Annotated[
        dict[Column, Ends],
        Field(min_length=1, max_length=3),
    ] = Field(description="Lowest and highest value of every independent variable.")
    equations: Annotated[list[Text], Field(min_length=1, max_length=30)] = Field(
        description="What must vanish everywhere in the domain; as many as unknowns, at least."
    )
    conditions: Annotated[list[ConditionOptions], Field(max_length=60)] = Field(
        description="What must vanish on parts of the boundary."
    )
    parameters: dict[Column, float] = Field(
        default={}, description="Unknown numbers in the equations, each with a value to begin with."
    )
    measurements: MeasurementOptions | None = Field(
        default=None, description="What parameters are estimated from, and further conditions."
    )
    network: SplineOptions = SplineOptions()
    training: DescentOptions = DescentOptions()
    symbolic: bool = Field(default=True, description="Whether an exact formula is looked for.")
    max_seconds: Annotated[float, Field(gt=0)] = 300
    priority: Priority = 0
    name: ModelName | None = Field(default=None, description="Name of the model; a new version if it exists.")
    tags: Tags = Field(default={})

    model_config = ConfigDict(json_schema_extra={"examples": [DECAY]})

    @property
    def hidden(self) -> list[int] | None:
        """Inner layers of a network that is to be trained; None if it is to be the solution itself."""
        hidden = self.network.hidden
        is_itself = hidden == "auto" or (not hidden and len(self.independent) == 1)
        return None if is_itself else hidden  # type: ignore[return-value]  # a list is left

    @property
    def steps(self) -> int | None:
        """Most steps of one descent; None if that is left to the engine."""
        return None if self.training.steps == "auto" else self.training.steps

    @property
    def target(self) -> str:
        """What the model predicts."""
        return ", ".join(self.unknowns)

    def shape(self, hidden: list[int]) -> dict[str, Any]:
        """The arguments of ``kan_engine.WantedShape.of`` beside the problem, for these inner layers."""
        network = self.network
        return {
            "hidden": hidden,
            "grid": None if network.grid == "auto" else network.grid,
            "order": None if network.order == "auto" else network.order,
            "is_second_order": self.training.optimizer == "gauss_newton",
        }

    def problem(self, measured: Collection[str] = ()) -> dict[str, Any]:
        """The arguments of ``kan_engine.pose``, where so many unknowns are measured."""
        return {
            "coefficients": list(self.parameters),
            "measured": list(measured),
            "independent": self.independent,
            "unknowns": self.unknowns,
            "domain": self.domain,
            "equations": self.equations,
            "conditions": [(condition.on, condition.residual) for condition in self.conditions],
        }
