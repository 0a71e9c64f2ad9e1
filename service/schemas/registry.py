"""What clients see of aliases and their history, and of models side by side."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.common import Page
from service.schemas.models import NetworkOut


class AliasOut(BaseModel):
    """What `name@alias` stands for."""

    alias: str
    model_id: str
    version: int


class AliasMoveOut(BaseModel):
    """That an alias was set to a model, or taken away."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    alias: str
    model_id: str | None = Field(description="What the alias stood for from then on; null for nothing.")
    version: int | None = Field(description="The model's version at that time.")
    key_id: str | None = Field(description="The key that was used; null on a service without keys.")
    key_name: str = Field(description="Its label; `retention` where the service did it by its settings.")
    created_at: datetime


class AliasPage(Page[AliasMoveOut]):
    """The aliases of a name as they are now, and a page of how they came to be, newest first."""

    name: str
    aliases: list[AliasOut]


class ComparedFormula(BaseModel):
    """A formula of a model, as `GET /models/{id}/symbolic` has it."""

    name: str
    expression: str
    complexity: int
    r2: float | None
    rmse: float | None
    max_error: float | None


class ComparedOut(BaseModel):
    """One of the models that are compared."""

    reference: str = Field(description="How the request named it.")
    id: str
    name: str
    version: int
    aliases: list[str]
    verdict: str | None = Field(description="What its formula is worth; null without a formula.")
    formulas: list[ComparedFormula]
    complexity: int | None = Field(description="Of all formulas together; null without a formula.")
    network: NetworkOut
    seconds: float | None = Field(description="Of its training, with all that was measured after it.")
    dataset_id: str | None
    dataset_sha256: str | None
    split: dict[str, Any]
    created_at: datetime


class CompareOut(BaseModel):
    """Models of the same target and task, side by side, in the order of the request."""

    task: str
    target: str
    models: list[ComparedOut]
    metrics: dict[str, list[float | None]] = Field(
        description="On the hold-out rows: one value per model, in their order; null where it has none."
    )
    training_metrics: dict[str, list[float | None]]
    same_data: bool | None = Field(
        description="Whether all were trained on equal content; null where that is not known."
    )
    same_rows: bool | None = Field(
        description="Whether all were measured on the same hold-out rows; null where that is not known."
    )
    warnings: list[str] = Field(description="Why a difference may say less than it seems to.")
