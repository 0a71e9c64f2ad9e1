"""Keyset pagination: newest first, each page after the last item seen, so that new items shift nothing."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Query

from service.errors import Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
# Documented here, checked by `_decode_cursor`
CURSOR_SCHEMA: dict[str, Any] = {"pattern": "^[A-Za-z0-9_-]{22}$"}


class HasId(Protocol):
    """A row whose ids sort by time of creation."""

    id: str


Row = TypeVar("Row", bound=HasId)


@dataclass(frozen=True)
class PageWindow:
    """The requested part of a list; repositories take ``limit`` and ``after``."""

    limit: int
    after: str | None

    def take_page(self, rows: Sequence[Row]) -> tuple[list[Row], str | None]:
        """The page and the cursor of the next page (None at the end), from up to ``limit + 1`` rows."""
        page = list(rows[: self.limit])
        return page, _encode_cursor(page[-1].id) if len(rows) > self.limit else None


def _parse_window(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the previous page", json_schema_extra=CURSOR_SCHEMA)
    ] = None,
) -> PageWindow:
    return PageWindow(limit, None if cursor is None else _decode_cursor(cursor))


Paging = Annotated[PageWindow, Depends(_parse_window)]


def _encode_cursor(row_id: str) -> str:
    return base64.urlsafe_b64encode(UUID(row_id).bytes).decode().rstrip("=")


def _decode_cursor(cursor: str) -> str:
    try:
        return str(UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True)))
    except (ValueError, binascii.Error):
        detail = "the cursor is invalid; pass next_cursor of the previous page, or omit it for the first page"
        raise Invalid.make_at("invalid_cursor", detail, {"parameter": "cursor", "in": "query"}) from None
