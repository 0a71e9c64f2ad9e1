"""Keyset pagination: newest first, each page after the last item seen, so that new items shift nothing."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from service.db.repositories.lists import ListFilter
from service.errors import Invalid
from service.schemas.common import NamedOrder, Order

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
TAG_PATTERN = r'^[^"\\=\x00]+(=[^\x00]*)?$'  # of a key without characters that mean something in a JSON path
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
# Documented here, checked by `_decode_cursor`
CURSOR_SCHEMA: dict[str, Any] = {"pattern": "^[A-Za-z0-9_-]{22}(\\.([0-9a-f]{2})*)?$"}


class HasId(Protocol):
    """A row whose ids sort by time of creation."""

    id: str


Row = TypeVar("Row", bound=HasId)


@dataclass(frozen=True)
class PageWindow:
    """The requested part of a list; repositories take ``limit`` and ``after``."""

    limit: int
    after: str | None
    after_name: str = ""

    def place(self, list_filter: ListFilter) -> ListFilter:
        """The filter of a list by name that goes on behind the last row of the page before."""
        return replace(list_filter, after_name=self.after_name)

    def take_page(self, rows: Sequence[Row], order: NamedOrder = "newest") -> tuple[list[Row], str | None]:
        """The page and the cursor of the next page (None at the end), from up to ``limit + 1`` rows."""
        page = list(rows[: self.limit])
        if len(rows) <= self.limit:
            return page, None
        final_row: Any = page[-1]
        return page, _encode_cursor(final_row.id, final_row.name if order == "name" else None)


def _parse_window(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the previous page", json_schema_extra=CURSOR_SCHEMA)
    ] = None,
) -> PageWindow:
    return PageWindow(limit, None) if cursor is None else PageWindow(limit, *_decode_cursor(cursor))


Paging = Annotated[PageWindow, Depends(_parse_window)]


def _require_date(text: str) -> str:
    """Refuse a number, which Pydantic reads as seconds since 1970."""
    if DATE.match(text) is None:
        raise ValueError("write a time with its zone, such as 2026-01-31T12:00:00Z")
    return text


def _to_utc(time: datetime) -> datetime:
    """The time in UTC, which the database compares; within a day of the ends of time there may be none."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC this time is not within the years 1 to 9999; give one that is") from None


Time = Annotated[AwareDatetime, BeforeValidator(_require_date), AfterValidator(_to_utc)]


def _parse_filter(
    search: Annotated[
        str | None,
        Query(min_length=1, max_length=200, description="Text in a name, target, column or tag."),
    ] = None,
    tag: Annotated[
        list[Annotated[str, Field(pattern=TAG_PATTERN, max_length=1200)]],
        Query(description="`key` or `key=value`; of several all must be there.", max_length=10),
    ] = [],  # noqa: B006 - FastAPI copies it
    since: Annotated[Time | None, Query(description="Created at this time or later.")] = None,
    until: Annotated[Time | None, Query(description="Created before this time.")] = None,
) -> ListFilter:
    return ListFilter(search=search, tags=tag, since=since, until=until)


def _order_filter(
    wanted: Annotated[ListFilter, Depends(_parse_filter)],
    sort: Annotated[Order, Query(description="By time of creation.")] = "newest",
) -> ListFilter:
    return replace(wanted, order=sort)


def _order_named_filter(
    wanted: Annotated[ListFilter, Depends(_parse_filter)],
    sort: Annotated[NamedOrder, Query(description="By time of creation, or by name.")] = "newest",
) -> ListFilter:
    return replace(wanted, order=sort)


Wanted = Annotated[ListFilter, Depends(_order_filter)]
WantedNamed = Annotated[ListFilter, Depends(_order_named_filter)]


def _encode_cursor(row_id: str, name: str | None) -> str:
    """The id of the last row, and its name in a list by name: the row may be deleted before the next page."""
    place = base64.urlsafe_b64encode(UUID(row_id).bytes).decode().rstrip("=")
    return place if name is None else f"{place}.{name.encode().hex()}"


def _decode_cursor(cursor: str) -> tuple[str, str]:
    place, _, name = cursor.partition(".")
    try:
        row_id = str(UUID(bytes=base64.b64decode(place + "==", altchars=b"-_", validate=True)))
        return row_id, bytes.fromhex(name).decode(errors="replace").replace("\0", "")
    except (ValueError, binascii.Error):
        detail = "the cursor is invalid; pass next_cursor of the previous page, or omit it for the first page"
        raise Invalid.make_at("invalid_cursor", detail, {"parameter": "cursor", "in": "query"}) from None
