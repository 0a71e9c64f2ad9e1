"""Schema of the audit log."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


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
