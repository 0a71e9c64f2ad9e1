"""Lists in pages: newest first, continued after the last item seen, so that new items shift nothing."""

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
CURSOR: dict[str, Any] = {"pattern": "^[A-Za-z0-9_-]{22}$"}  # told, and checked below


class HasId(Protocol):
    """A row with an id that sorts by creation."""

    id: str


Row = TypeVar("Row", bound=HasId)


@dataclass(frozen=True)
class Window:
    """Which part of a list is asked for. Repositories get ``limit`` and ``after``."""

    limit: int
    after: str | None

    def cut(self, rows: Sequence[Row]) -> tuple[list[Row], str | None]:
        """The page and the cursor of the next one, from up to ``limit + 1`` rows."""
        page = list(rows[: self.limit])
        return page, _encode(page[-1].id) if len(rows) > self.limit else None


def _window(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before", json_schema_extra=CURSOR)
    ] = None,
) -> Window:
    return Window(limit, None if cursor is None else _decode(cursor))


Paging = Annotated[Window, Depends(_window)]


def _encode(row_id: str) -> str:
    return base64.urlsafe_b64encode(UUID(row_id).bytes).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return str(UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True)))
    except (ValueError, binascii.Error):
        detail = "the cursor is not one of this service; pass on next_cursor, or leave it out to start anew"
        entry = {"parameter": "cursor", "in": "query", "code": "invalid_cursor", "detail": detail}
        raise Invalid("invalid_cursor", detail, errors=[entry]) from None
