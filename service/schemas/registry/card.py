"""Schema of a model card."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from service.schemas.common import select_fields
from service.schemas.formulas import FormulaOut
from service.schemas.members import Member, MemberOut, Metrics


class CardData(BaseModel):
    """Data for training and measuring the model."""

    dataset_id: str | None
    name: str | None = Field(description="Of the dataset; null if unknown.")
    sha256: str | None
    rows: int | None
    is_kept: bool = Field(description="Whether the dataset still exists.")
    split: dict[str, Any]


class CardFeature(BaseModel):
    """An input column of the model."""

    name: str
    type: str
    unit: str | None
    min: float | str | None
    max: float | str | None
    categories: list[Any] | None
    missing: str = Field(description="How a missing value is treated.")


class CardBaseline(BaseModel):
    """A baseline on the same rows."""

    name: str
    metrics: Metrics
    parameters: int | None = Field(default=None, description="Number of trained parameters.")
    seconds: float | None = Field(default=None, description="Training time.")


class CardFormula(
    select_fields(  # type: ignore[misc]  # mypy knows no class that is made at run time
        FormulaOut,
        "name expression symbols domain complexity r2 rmse max_error mean_log_likelihood constants "
        "undetermined unit_status sound probability",
    )
):
    """A formula with its valid range and errors."""

    quantity: str


class CardFormulas(BaseModel):
    """All formulas of the model."""

    verdict: str
    exact: bool
    reasons: list[str] = Field(default=[], description="Why the verdict is not `consistent`, if it is not.")
    measured_on: str | None = Field(description="`hold-out` rows, or `training` rows if none were held out.")
    outputs: list[CardFormula]


class CardStep(BaseModel):
    """A model from which this one was derived."""

    model_id: str
    name: str | None = Field(description="Null if it has been deleted.")
    version: int | None
    changes: dict[str, Any] = Field(description="Changes that led to the next model.")


class CardMaking(BaseModel):
    """Origin of the model."""

    job_id: str
    code_version: str | None
    seed: int | None
    seconds: float | None
    request: dict[str, Any] | None = Field(
        description="The training request, or its equivalent for a changed model."
    )
    imported: dict[str, Any] | None = Field(
        description="The imported file, if the model was not trained here."
    )


class CardOut(BaseModel):
    """Everything a person should know before relying on a model."""

    model_id: str
    name: str
    version: int
    aliases: list[str]
    tags: dict[str, str]
    task: str
    target: str
    unit: str | None = Field(description="Of the target.")
    classes: list[Any] | None
    data: CardData
    features: list[CardFeature]
    by: Member = Field(default="accurate", description="The member that predicts by default.")
    members: dict[str, MemberOut] = {}
    metrics: Metrics = Field(description="On the hold-out rows.")
    parameters: int = Field(description="Number of trained parameters.")
    training_seconds: float | None = Field(description="Of the search for the network, and its training.")
    baselines: list[CardBaseline]
    formulas: CardFormulas | None
    warnings: list[Any]
    limits: list[str] = Field(description="Limitations of the model.")
    made: CardMaking
    lineage: list[CardStep] = Field(description="Models from which this one was derived, the nearest first.")
    created_at: datetime
