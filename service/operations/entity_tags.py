"""ETags: a name for the state of a resource, by which clients say what they know of it (RFC 9110)."""

import hashlib

from pydantic import BaseModel

from service.errors import Stale


def entity_tag(document: BaseModel) -> str:
    """Another tag after every change of what clients see."""
    return f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:32]}"'


def is_among(tag: str, header: str) -> bool:
    """Whether an If-Match or If-None-Match names this state, or any."""
    given = [one.strip() for one in header.split(",")]
    return "*" in given or tag in given


def refuse_stale(document: BaseModel, if_match: str | None, *, what: str, code: str) -> None:
    """Nothing, if the resource still is what the client saw, or the client did not say.

    Raises:
        Stale: It is not.
    """
    tag = entity_tag(document)
    if if_match is None or is_among(tag, if_match):
        return
    raise Stale(code, f"{what} has changed since; GET it again and send its ETag, now {tag}, as If-Match")
