"""What all bodies share: strict requests, pages, problems."""

import hashlib
import json
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

T = TypeVar("T")
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]

Tags = Annotated[dict[Label, Annotated[str, Field(max_length=1000)]], Field(max_length=64)]


class RequestModel(BaseModel):
    """A body from a client: nothing unknown, nothing converted, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def fingerprint(document: Any) -> str:
    """SHA-256 of JSON; the same for equal documents, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def either(**types: str) -> dict[str, Any]:
    """For the JSON schema of a body: exactly one of these members, of its type, is given."""
    choices = [{"required": [name], "properties": {name: {"type": kind}}} for name, kind in types.items()]
    return {"oneOf": choices}


class Page(BaseModel, Generic[T]):
    """One page of a list, newest first."""

    items: list[T]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` to get the next page; null on the last one."
    )


class Problem(BaseModel):
    """An error as RFC 9457 describes it. Some kinds carry more members, such as `limit` or `estimate`."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What happened, and what to try.")
    instance: str = Field(description="Names this occurrence; it is in the log too.")
    code: str = Field(description="Stable and meant for programs.")
    errors: list[dict[str, Any]] = Field(
        description="One entry per mistake: pointer, with the character of an equation; or line, row, column."
    )
