"""Schemas of aliases, their history, and the comparison of models."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.common import Page
from service.schemas.members import MemberOut, NetworkOut


class AliasOut(BaseModel):
    """The model to which `name@alias` refers."""

    alias: str
    model_id: str
    version: int


class AliasMoveOut(BaseModel):
    """An alias was set to a model, or removed."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    alias: str
    model_id: str | None = Field(description="The model to which the alias then referred; null for none.")
    version: int | None = Field(description="The model's version at that time.")
    key_id: str | None = Field(description="The API key used; null on a service without keys.")
    key_name: str = Field(
        description="Name of the key; `retention` if the service acted on its retention settings."
    )
    created_at: datetime


class AliasPage(Page[AliasMoveOut]):
    """The current aliases of a name, and a page of their history, newest first."""

    name: str
    aliases: list[AliasOut]


class ComparedFormula(BaseModel):
    """A formula of a model, as in `GET /models/{id}/symbolic`."""

    name: str
    expression: str
    complexity: int
    r2: float | None
    rmse: float | None
    max_error: float | None


class ComparedOut(BaseModel):
    """One of the compared models."""

    reference: str = Field(description="The model as the request named it.")
    id: str
    name: str
    version: int
    aliases: list[str]
    verdict: str | None = Field(description="Verdict on its formula; null without a formula.")
    formulas: list[ComparedFormula]
    complexity: int | None = Field(description="Total over all formulas; null without a formula.")
    network: NetworkOut
    members: dict[str, MemberOut] = Field(default={}, description="As of the model.")
    seconds: float | None = Field(description="Time of its training and all measurements after it.")
    dataset_id: str | None
    dataset_sha256: str | None
    split: dict[str, Any]
    created_at: datetime


class CompareOut(BaseModel):
    """Comparison of models with the same target and task, in the order of the request."""

    task: str
    target: str
    models: list[ComparedOut]
    metrics: dict[str, list[float | None]] = Field(
        description="On the hold-out rows: one value per model, in their order; null if a model does not "
        "have it."
    )
    training_metrics: dict[str, list[float | None]]
    same_data: bool | None = Field(description="Whether all were trained on equal content; null if unknown.")
    same_rows: bool | None = Field(
        description="Whether all were measured on the same hold-out rows; null if unknown."
    )
    warnings: list[str] = Field(description="Reasons why a difference may be less meaningful than it seems.")
