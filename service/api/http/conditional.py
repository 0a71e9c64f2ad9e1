"""Conditional requests: 304 for who has the newest state already, 412 for who does not know it."""

from typing import Annotated, Any, TypeVar

from fastapi import Header, Response
from pydantic import BaseModel

from service.operations.entity_tags import entity_tag, is_among

IfMatch = Annotated[str | None, Header(description="ETag of it as you know it; 412 if it has changed since.")]
IfNoneMatch = Annotated[
    str | None, Header(description="ETag of it as you know it; 304 if it has not changed since.")
]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as you know it"}}
T = TypeVar("T", bound=BaseModel)


def tagged(document: T, response: Response, if_none_match: str | None) -> T | Response:
    """The document with its ETag, or 304 for a client that has it."""
    tag = entity_tag(document)
    if if_none_match is not None and is_among(tag, if_none_match.replace("W/", "")):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return document
