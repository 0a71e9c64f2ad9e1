"""What all bodies share: strict requests, pages, problems."""

import hashlib
import json
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

MAX_UNKNOWN = 100  # unknown fields that are told of

T = TypeVar("T")
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]

Tags = Annotated[dict[Label, Annotated[str, Field(max_length=1000)]], Field(max_length=64)]


class RequestModel(BaseModel):
    """A body from a client: nothing unknown, nothing converted, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _few_unknown(cls, body: Any) -> Any:
        """A megabyte of unknown fields would be as many errors, and take seconds."""
        if not isinstance(body, dict) or len(body) <= len(cls.model_fields) + MAX_UNKNOWN:
            return body
        unknown = [name for name in body if name not in cls.model_fields]
        return {name: body[name] for name in body.keys() - set(unknown[MAX_UNKNOWN:])}


def first_wrong(kind: type) -> BeforeValidator:
    """Of an object, if a value is not of this type, that value alone: one error, and not one for each."""

    def narrowed(given: Any) -> Any:
        values = given.items() if isinstance(given, dict) else ()
        return next(({name: value} for name, value in values if not isinstance(value, kind)), given)

    return BeforeValidator(narrowed)


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
