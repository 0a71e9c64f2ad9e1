"""Schemas of a tenant: its usage, and its audit log."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.common import JobStatusName


class Stored(BaseModel):
    """Number of objects, and the total size of their contents in bytes."""

    count: int
    bytes: int


class UsageLimits(BaseModel):
    """Limits of a tenant; null for no limit."""

    bytes: int | None
    unfinished_jobs: int | None
    requests_per_minute: int | None = Field(description="Per key.")


class UsageOut(BaseModel):
    """Usage of a tenant."""

    datasets: Stored
    models: Stored
    results: Stored = Field(description="Result files of jobs.")
    jobs: dict[JobStatusName, int]
    limits: UsageLimits


class AuditOut(BaseModel):
    """A change, and the API key used."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    action: str = Field(description="For example `model.delete`.")
    object_id: str = Field(description="Id of the changed object.")
    key_id: str | None = Field(description="The API key used; null on a service without keys.")
    key_name: str = Field(description="Name of the key.")
    detail: dict[str, Any]
    created_at: datetime
