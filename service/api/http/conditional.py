"""Conditional requests: 304 if the client has the current state, 412 if it has an older one."""

from typing import Annotated, Any, TypeVar

from fastapi import Header, Response
from pydantic import BaseModel

from service.operations.entity_tags import entity_tag, is_listed_tag

IfMatch = Annotated[
    str | None, Header(description="ETag that you received; 412 if the resource has changed since.")
]
IfNoneMatch = Annotated[
    str | None, Header(description="ETag that you received; 304 if the resource has not changed since.")
]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The resource has not changed"}}
T = TypeVar("T", bound=BaseModel)


def respond_with_etag(document: T, response: Response, if_none_match: str | None) -> T | Response:
    """Return the document with its ETag, or a 304 response if ``if_none_match`` has this ETag."""
    tag = entity_tag(document)
    if if_none_match is not None and is_listed_tag(tag, if_none_match.replace("W/", "")):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return document
