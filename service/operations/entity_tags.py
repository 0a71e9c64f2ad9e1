"""Entity tags (ETags) identify the state of a resource (RFC 9110)."""

import hashlib

from pydantic import BaseModel

from service.errors import Stale


def entity_tag(document: BaseModel) -> str:
    """Hash of the document that clients receive: every visible change gives another tag."""
    return f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:32]}"'


def is_listed_tag(tag: str, header: str) -> bool:
    """Whether an If-Match or If-None-Match header lists this tag, or ``*``."""
    tags = [item.strip() for item in header.split(",")]
    return "*" in tags or tag in tags


def refuse_stale(document: BaseModel, if_match: str | None, *, what: str, code: str) -> None:
    """Refuse a change if the resource no longer has the tag that the client sent; no header, no check.

    Raises:
        Stale: ``if_match`` does not list the current tag.
    """
    tag = entity_tag(document)
    if if_match is None or is_listed_tag(tag, if_match):
        return
    raise Stale(code, f"{what} has changed; GET it again and send its ETag, now {tag}, as If-Match")
