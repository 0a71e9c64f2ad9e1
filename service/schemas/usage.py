"""Schemas of a tenant's usage."""

from typing import Literal

from pydantic import BaseModel, Field


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
    jobs: dict[Literal["queued", "running", "succeeded", "failed", "cancelled"], int]
    limits: UsageLimits
