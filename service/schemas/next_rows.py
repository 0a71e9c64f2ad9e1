"""Schemas of rows to measure next."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from service.schemas.common import RequestModel, Setting


class NextRowsRequest(RequestModel):
    """How many rows to measure next, and where."""

    count: Annotated[int, Field(ge=1, le=100), Setting("Count")] = Field(
        default=3, description="How many rows to propose."
    )
    within: Annotated[dict[str, list[Any]], Setting("Ranges of columns", kind="ranges")] = Field(
        default={},
        description="By column, the lowest and the highest number that a row may have, or some of the "
        "categories. Otherwise columns stay within the ranges of training.",
        examples=[{"T": [280, 400]}],
    )
    fixed: Annotated[dict[str, Any], Setting("Fixed columns", name="fix", kind="cells")] = Field(
        default={}, description="By column, the value that every row has.", examples=[{"material": "steel"}]
    )


class NextRowOut(BaseModel):
    """A row to measure."""

    row: dict[str, Any] = Field(description="Its columns; whole numbers, times and categories as such.")
    predictions: dict[str, float | None] = Field(
        description="What each rival foretells, by formula; of a model without formulas, each member. Null "
        "where a formula is undefined."
    )
    gain: float = Field(
        description="Information in bits that the measurement is expected to give, with the rows before it: "
        "½·log₂(1 + V/s²), where V is the variance of what is foretold and s the noise."
    )


class NextRowsOut(BaseModel):
    """Rows to measure, the most informative first."""

    model_id: str
    items: list[NextRowOut]
