"""What may be asked of formulas, what is known of the target, and the compact network."""

from math import inf
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.schemas.common import Column, Complexity, RequestModel, Setting
from service.schemas.members import EDGES_DESCRIPTION


class SymbolicOptions(RequestModel):
    """Extraction of formulas from the network."""

    library: Literal["default"] = "default"
    max_complexity: Annotated[Complexity | None, Setting("Maximum complexity", "result", example="20")] = (
        Field(
            default=None,
            description="Number of constants, variables and operations in the formula.",
        )
    )


class CompactOptions(RequestModel):
    """The compact network, which every training of numbers or classes makes unless it is left out."""

    max_edges: Annotated[int, Field(ge=1, le=200), Setting("Most curves")] = Field(
        default=20,
        description="Largest number of curves of the compact network.\n\n" + EDGES_DESCRIPTION,
    )


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

    column: Annotated[
        Column, Setting("Constants per group", "knowledge", name="per_group", kind="column")
    ] = Field(
        description="For example a column of patients: the form, or the best formula, gets constants of each "
        "of them. The other constants are shared.",
    )
    own: Annotated[
        Annotated[list[Column], Field(max_length=20)] | None,
        Setting("Constants that differ between groups", "knowledge", example="a, b"),
    ] = Field(
        default=None,
        description="Names of constants of the form. If there are none, the rows choose them.",
    )
