"""Schemas of evaluations: a model measured on labelled rows after its training."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.schemas.common import ExtensibleModel, RequestModel, report_first_wrong, require_one_of
from service.schemas.figures import ReliabilityOut
from service.schemas.members import AnsweringMember, Member, Metrics


class EvaluateRequest(RequestModel):
    """Rows with the true values of the target: a dataset, or rows or columns in the body."""

    model_config = ConfigDict(
        json_schema_extra=require_one_of(dataset_id="string", rows="array", columns="object")
    )

    dataset_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    rows: Annotated[list[dict[str, Any]], Field(min_length=1, fail_fast=True)] | None = Field(
        default=None, examples=[[{"x1": 0.1, "x2": 0.2, "y": 1.3}]]
    )
    columns: Annotated[dict[str, list[Any]], Field(min_length=1), report_first_wrong(list)] | None = Field(
        default=None, examples=[{"x1": [0.1, 0.3], "x2": [0.2, 0.4], "y": [1.3, 1.9]}]
    )
    by: AnsweringMember = "auto"

    @model_validator(mode="after")
    def _check_one_table(self) -> Self:
        if sum(part is not None for part in (self.dataset_id, self.rows, self.columns)) != 1:
            raise ValueError("give exactly one of dataset_id, rows and columns")
        return self


class CoverageOut(BaseModel):
    """How many true values lie in the prediction intervals of a level."""

    level: float = Field(description="Coverage probability of the intervals.")
    share: float = Field(description="Of the rows within the training range: true values inside.")
    low: float = Field(description="Lower end of the 95 % interval of `share`.")
    high: float = Field(description="Its upper end.")
    margin: float = Field(description="Half the width of the intervals.")


class ResidualTestOut(BaseModel):
    """Test whether the mean of the residuals depends on the columns."""

    p_value: float = Field(description="For the hypothesis that it does not.")
    power: float = Field(description="Share of planted signals of half the size of the noise that it finds.")
    rows: int = Field(description="Rows that were tested.")
    has_signal: bool | None = Field(
        description="Whether the residuals depend on the columns; null if the test is too weak to tell."
    )


class DriftOut(BaseModel):
    """How the values of a column differ from those of training."""

    name: str
    type: str
    missing: float = Field(description="Share of missing values.")
    training_missing: float | None = Field(description="The same in training; null if it is not known.")
    outside: float = Field(
        description="Share of the present values outside the training range, or in unseen categories."
    )
    unseen: list[str] = Field(description="Categories that training did not have, at most 20.")
    stability_index: float | None = Field(
        description="Population stability index: 0.1 is a moderate change, 0.25 a large one. Null, as the "
        "test, if the model does not know the distribution."
    )
    test: Literal["kolmogorov_smirnov", "chi_square"] | None = Field(
        description="Test of both distributions."
    )
    p_value: float | None
    drifted: bool = Field(
        description="Whether the test rejects, at 1 % for all columns together, and the index is at least 0.1"
    )


class EvaluationOut(ExtensibleModel):
    """How a model does on labelled rows, compared with its training."""

    id: str
    model_id: str
    dataset_id: str | None = Field(description="Null for rows of the request.")
    by: Member = Field(description="The member of the model that was measured.")
    verdict: Literal["holds", "worse", "fails", "undecided"] = Field(
        description="`holds`: the error is not larger than in training, within chance or a tenth. `worse`: "
        "it is larger. `fails`: it is larger, and a constant predicts as well. `undecided`: the rows are too "
        "few."
    )
    summary: str = Field(description="The verdict as a sentence.")
    rows: int = Field(description="Rows with a value of the target.")
    unlabelled_rows: int = Field(description="Rows without one.")
    undefined_rows: int = Field(description="Rows without a finite prediction, left out of the metrics.")
    unknown_class_rows: int = Field(description="Rows of a class that training did not have.")
    metrics: Metrics = Field(description="As of the model, on these rows.")
    metric: Literal["rmse", "log_loss"] = Field(description="The error that the verdict compares.")
    error: float | None = Field(description="On these rows.")
    expected_error: float | None = Field(description="On rows that training held out; null if not known.")
    expected_rows: int | None = Field(description="Their number.")
    expected_on: Literal["hold-out", "validation"] | None = Field(description="Which rows they are.")
    ratio: float | None = Field(description="`error` over `expected_error`; null for errors of rounding.")
    ratio_interval: list[float] | None = Field(description="Ends of its 90 % interval.")
    coverage: list[CoverageOut] = Field(description="Of prediction intervals, for a regression.")
    reliability: ReliabilityOut | None = Field(description="For a classifier.")
    calibration_error: float | None = Field(
        description="Expected calibration error: mean distance of probability and frequency in `reliability`."
    )
    residual_test: ResidualTestOut | None = Field(description="Null for more than two classes.")
    drift: list[DriftOut] = Field(description="Of the columns of the model, the largest first; at most 100.")
    created_at: datetime

    @staticmethod
    def from_row(row: Any) -> "EvaluationOut":
        """The evaluation of a row of its table."""
        columns = {name: getattr(row, name) for name in ("id", "model_id", "dataset_id", "by", "created_at")}
        return EvaluationOut.model_validate(columns | row.result)
