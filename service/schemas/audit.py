"""What clients get of the audit log."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class AuditOut(BaseModel):
    """Something that was changed, and with which key."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    action: str = Field(description="What was done, for example `model.delete`.")
    object_id: str = Field(description="Id of what it was done to.")
    key_id: str | None = Field(description="The key that was used; null on a service without keys.")
    key_name: str = Field(description="Its label.")
    detail: dict[str, Any]
    created_at: datetime
