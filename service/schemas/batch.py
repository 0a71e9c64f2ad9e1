"""What clients send to predict a whole dataset."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.common import RequestModel
from service.schemas.members import BY, By
from service.schemas.training import Priority


class BatchRequest(RequestModel):
    """Predictions of a model for every row of a dataset, as a file: `GET /jobs/{id}/result`.

    Its columns are the prediction under the name of the target, or one for each of several outputs;
    `probability_<class>` for a classifier; `<target>_low` and `<target>_high` with `interval`, null for a row
    with any value outside of what training saw; and `warning`, which is null or says why a row deserves less
    trust. A name that the dataset has already gets `_predicted` at its end.
    """

    kind: Literal["predict"]
    model: str = Field(min_length=1, max_length=300, description="Id, name or `name@alias`, as it is now.")
    dataset_id: Annotated[str, Field(min_length=1, max_length=100)]
    format: Literal["parquet", "csv"] = Field(
        default="parquet",
        description="In `csv`, texts that a spreadsheet would take for a formula begin with `'`.",
    )
    interval: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="Share of true values that the intervals are to cover, for a regression."
    )
    by: By = Field(default="auto", description=BY)
    include_inputs: bool = Field(default=True, description="Whether the columns of the dataset come along.")
    max_seconds: Annotated[float, Field(gt=0)] = 300
    priority: Priority = 0
