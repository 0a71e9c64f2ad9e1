"""A model card: what a person should know of a model before they rely on it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from service.schemas.members import FormulaMemberOut, Member
from service.schemas.models import Metrics, NetworkMemberOut


class CardData(BaseModel):
    """What the model was trained and measured on."""

    dataset_id: str | None
    name: str | None = Field(description="Of the dataset; null where it is not known any more.")
    sha256: str | None
    rows: int | None
    is_kept: bool = Field(description="Whether the dataset is still there.")
    split: dict[str, Any]


class CardFeature(BaseModel):
    """A column that the model reads."""

    name: str
    type: str
    unit: str | None
    min: float | str | None
    max: float | str | None
    categories: list[Any] | None
    missing: str = Field(description="What happens to a missing value.")


class CardBaseline(BaseModel):
    """Another model on the same rows."""

    name: str
    metrics: Metrics
    parameters: int | None = Field(default=None, description="Numbers that it learnt.")
    seconds: float | None = Field(default=None, description="Of its training.")


class CardFormula(BaseModel):
    """A formula, and where and how well it holds."""

    name: str
    expression: str
    quantity: str
    symbols: dict[str, str]
    domain: dict[str, Any]
    complexity: int
    r2: float | None
    rmse: float | None
    max_error: float | None
    mean_log_likelihood: float | None = Field(default=None, description="Of a density.")


class CardFormulas(BaseModel):
    """The model as formulas."""

    verdict: str
    exact: bool
    reasons: list[str] = Field(default=[], description="Why it is not `consistent`, where it is not.")
    measured_on: str | None = Field(description="`hold-out` rows, or `training` rows if none were held out.")
    outputs: list[CardFormula]


class CardStep(BaseModel):
    """A model that this one was made from."""

    model_id: str
    name: str | None = Field(description="Null if it was deleted since.")
    version: int | None
    changes: dict[str, Any] = Field(description="What was changed to make the next one from it.")


class CardMaking(BaseModel):
    """How the model was made."""

    job_id: str
    code_version: str | None
    seed: int | None
    seconds: float | None
    request: dict[str, Any] | None = Field(description="The training that was asked for, or amounts to it.")
    imported: dict[str, Any] | None = Field(
        description="The file that it came from, if it was not made here."
    )


class CardOut(BaseModel):
    """What a person should know of a model before they rely on it."""

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
    by: Member = Field(default="accurate", description="The member that predicts where none is asked for.")
    members: dict[str, NetworkMemberOut | FormulaMemberOut] = {}
    metrics: Metrics = Field(description="On the hold-out rows.")
    parameters: int = Field(description="Numbers that it learnt.")
    training_seconds: float | None = Field(description="Of the search for its network, and its training.")
    baselines: list[CardBaseline]
    formulas: CardFormulas | None
    warnings: list[Any]
    limits: list[str] = Field(description="What the model does not promise.")
    made: CardMaking
    lineage: list[CardStep] = Field(description="Models that this one was made from, the nearest first.")
    created_at: datetime
