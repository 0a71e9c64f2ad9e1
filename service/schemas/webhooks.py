"""Schemas of webhooks: what a job asks for, what a receiver gets, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from service.schemas.common import RequestModel, WebhookEvent
from service.schemas.jobs import JobOut

MAX_OVERLAP_HOURS = 30 * 24


class JobNotification(BaseModel):
    """A message about a job that has ended, in the layout of Standard Webhooks."""

    type: Literal["job.succeeded", "job.failed", "job.cancelled"]
    timestamp: datetime = Field(description="When the job ended.")
    sequence: int = Field(
        description="Number of the message among those of the tenant, from 1: messages may arrive in another "
        "order, and more than once."
    )
    data: JobOut

    @staticmethod
    def from_row(job: Any, sequence: int) -> JobNotification:
        """The message about an ended job, from its row."""
        return JobNotification(
            type=f"job.{job.status}",
            timestamp=job.finished_at,
            sequence=sequence,
            data=JobOut.from_row(job),
        )


class DeliveryOut(BaseModel):
    """A message, and whether its receiver has accepted it."""

    id: str = Field(description="The header `webhook-id` of every attempt.")
    job_id: str
    event: WebhookEvent
    url: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    status_code: int | None = Field(description="HTTP status of the last answer; null without one.")
    error: str | None = Field(description="Why the last attempt failed.")
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="Null once it is delivered or given up.")
    delivered_at: datetime | None
    body: JobNotification = Field(description="What is sent.")

    @staticmethod
    def from_row(delivery: Any) -> DeliveryOut:
        """The current state of a delivery, from its row."""
        names = DeliveryOut.model_fields.keys() - {"body", "next_attempt_at"}
        return DeliveryOut(
            body=JobNotification.model_validate_json(delivery.body),
            next_attempt_at=delivery.due_at if delivery.status == "pending" else None,
            **{name: getattr(delivery, name) for name in names},
        )


class SecretRotation(RequestModel):
    """Replaces the secret that signs webhooks."""

    overlap_hours: Annotated[float, Field(ge=0, le=MAX_OVERLAP_HOURS)] = Field(
        default=24,
        description="How long the present secret signs as well; 0 ends it at once, as after a leak.",
    )


class SecretOut(BaseModel):
    """The secret that signs webhooks, without its value."""

    rotated_at: datetime
    previous_until: datetime | None = Field(description="Until when the previous secret signs as well.")

    @staticmethod
    def from_row(account: Any) -> SecretOut:
        """From the account of the tenant."""
        return SecretOut(rotated_at=account.rotated_at, previous_until=account.previous_until)


class NewSecretOut(SecretOut):
    """A new secret; its value is shown once."""

    secret: str = Field(description="`whsec_` and 32 bytes in base64. Receivers verify signatures with it.")
