"""What clients get of what they have."""

from typing import Literal

from pydantic import BaseModel, Field


class Stored(BaseModel):
    """Things and the bytes of their contents."""

    count: int
    bytes: int


class UsageLimits(BaseModel):
    """What a tenant may have; null for no limit."""

    bytes: int | None
    unfinished_jobs: int | None
    requests_per_minute: int | None = Field(description="Of each key.")


class UsageOut(BaseModel):
    """What a tenant has."""

    datasets: Stored
    models: Stored
    results: Stored = Field(description="Files that jobs made.")
    jobs: dict[Literal["queued", "running", "succeeded", "failed", "cancelled"], int]
    limits: UsageLimits
