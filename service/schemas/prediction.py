"""Schemas of predictions, for rows in a request and for a dataset as a job, and of rows to measure next."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.schemas.common import (
    JobWebhook,
    Priority,
    RequestModel,
    Setting,
    report_first_wrong,
    require_one_of,
)
from service.schemas.members import AnsweringMember, Member

IntervalLevel = Annotated[
    Annotated[float, Field(gt=0, lt=1)] | None,
    Field(
        description="Required share of true values inside the intervals, such as 0.9, for a regression. It "
        "holds on average over rows from the same distribution as the training rows."
    ),
    Setting("Level of intervals"),
]


class Rows(RequestModel):
    """Rows to predict, given by rows or by columns. A missing value is null."""

    model_config = ConfigDict(json_schema_extra=require_one_of(columns="object", rows="array"))

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, fail_fast=True)] | None = Field(
        default=None, examples=[[{"x1": 0.1, "x2": 0.2}]]
    )
    columns: Annotated[dict[str, list[Any]], Field(min_length=1), report_first_wrong(list)] | None = Field(
        default=None, examples=[{"x1": [0.1, 0.3], "x2": [0.2, 0.4]}]
    )
    interval: IntervalLevel = None
    by: AnsweringMember = "auto"
    explain: bool = Field(
        default=False,
        description="Whether to add the contributions of the columns to every prediction, as `explanation`.",
    )

    @model_validator(mode="after")
    def _check_one_layout(self) -> Self:
        if (self.rows is None) == (self.columns is None):
            raise ValueError("give either rows or columns")
        return self

    @property
    def row_count(self) -> int:
        """Upper bound of the number of rows: columns may later prove to be of unequal length."""
        return len(self.rows) if self.rows is not None else max(map(len, (self.columns or {}).values()))


class PredictRequest(Rows):
    """Rows to predict, and the model."""

    model: str = Field(min_length=1, max_length=300, description="Id, name or `name@alias`.")


class WarningOut(BaseModel):
    """A reason to trust a prediction less."""

    row: int = Field(description="Counted from 0.")
    column: str
    code: Literal[
        "outside_training_range", "unseen_category", "unexpected_missing", "not_finite", "unsound_formula"
    ] = Field(
        description="`unexpected_missing`: training had no missing value in this column; `not_finite`: the "
        "network or the formula is undefined there, and the prediction is null; `unsound_formula`: the row "
        "is within the ranges of training, but the formula is undefined there or far beyond the target, and "
        "the prediction is bounded, or that of the network."
    )


class OutputExplanationOut(BaseModel):
    """Contributions to one output."""

    output: str = Field(description="The target, or the class of the logit.")
    base: float | None = Field(description="Mean output over the background rows.")
    contributions: list[dict[str, float] | None] = Field(
        description="Per row and column; with `base` they add up to the output. Null where the formula or "
        "the network is undefined for a mixture of the row with a background row."
    )


class ExplanationOut(BaseModel):
    """Contributions of the columns to the predictions: interventional Shapley values, computed exactly."""

    method: Literal["additive", "shapley"] = Field(
        description="`additive`: every column has a curve of its own, and contributes its curve less the "
        "mean of the curve. `shapley`: mean increase of the output over all orders in which the columns of a "
        "term take their values from the row, while the others are averaged over the background rows."
    )
    scale: Literal["value", "log-odds", "logit"] = Field(
        description="What the contributions add up to: the prediction; for two classes the log-odds of the "
        "second, for more the logit of each class."
    )
    background_rows: int = Field(description="Rows of the sample of training rows that are averaged over.")
    terms: list[list[str]] = Field(
        description="Columns that interact. The output is a sum over these terms; unused columns are in none."
    )
    outputs: list[OutputExplanationOut]


class PredictionOut(BaseModel):
    """Predictions in the order of the rows."""

    model_id: str
    by: Member | None = Field(default=None, description="The member of the model that answers.")
    preview_of: str | None = Field(
        default=None,
        description="The training of which this model is only the preview; null for any other model.",
    )
    predictions: list[Any] = Field(
        description="Numbers or class labels; an object `{output: value}` per row if there are several "
        "outputs."
    )
    probabilities: list[dict[str, float | None]] | None = Field(
        description="Per class, for a classifier; calibrated on the validation rows to the frequencies of "
        "the data, whatever `class_weight` is. The model's `decision` selects the label."
    )
    intervals: list[list[float | None] | None] | None = Field(
        description="`[low, high]`, if `interval` was requested; null for a row with any value outside the "
        "training range, and for a row without a prediction."
    )
    warnings: list[WarningOut] = Field(description="The first warnings.")
    warning_count: int = Field(description="Number of all warnings.")
    explanation: ExplanationOut | None = Field(default=None, description="If `explain` was requested.")


class BatchRequest(RequestModel):
    """Predictions of a model for every row of a dataset, as a file: `GET /jobs/{id}/result`.

    Its columns are the prediction under the name of the target, or one for each of several outputs;
    `probability_<class>` for a classifier; `<target>_low` and `<target>_high` with `interval`, null for a row
    with any value outside the training range; and `warning`, which is null or a reason to trust the row less.
    A name that the dataset already uses gets the suffix `_predicted`.
    """

    kind: Literal["predict"]
    model: str = Field(
        min_length=1,
        max_length=300,
        description="Id, name or `name@alias`; a name is resolved at submission.",
    )
    dataset_id: Annotated[str, Field(min_length=1, max_length=100)]
    format: Literal["parquet", "csv"] = Field(
        default="parquet",
        description="In `csv`, texts that a spreadsheet would read as a formula begin with `'`.",
    )
    interval: IntervalLevel = None
    by: AnsweringMember = "auto"
    include_inputs: bool = Field(
        default=True, description="Whether the file includes the columns of the dataset."
    )
    max_seconds: Annotated[float, Field(gt=0)] = 300
    priority: Priority = 0
    webhook: JobWebhook = None


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
