"""Filters, orders and pages of lists, the same for datasets, jobs and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, literal, or_, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.db.tables import Dataset, Job, Model
from service.schemas.common import NamedOrder

Row = TypeVar("Row", Dataset, Job, Model)


@dataclass(frozen=True, kw_only=True)
class ListFilter:
    """What rows of a list have in common.

    Attributes:
        search: Text that one of the searched columns contains, in upper or lower case.
        tags: Tags that the rows have: ``key``, or ``key=value``.
        since, until: First time of creation, and the first one that is too late.
        order: By time of creation, or by name.
        after_name: In a list by name, that of the last row of the page before.
    """

    search: str | None = None
    tags: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    order: NamedOrder = "newest"
    after_name: str = ""


ALL = ListFilter()


def select_page(
    session: Session,
    query: Select[Row],
    table: type[Row],
    wanted: ListFilter,
    *,
    searched: Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]],
    tags: Any,
    limit: int,
    after: str | None,
) -> Sequence[Row]:
    """Return up to ``limit + 1`` rows of a list, in its order, that come after the row with the id ``after``.

    Ids sort by time of creation.

    Args:
        session: The transaction.
        query: The list with its own filters.
        table: Of the rows.
        wanted: Filters and order.
        searched: Columns that a search looks into.
        tags: The column, or the member of one, that holds the tags.
        limit: Rows of a page.
        after: Id of the last row of the page before; None for the first page.
    """
    if wanted.search is not None:
        found = [column.icontains(wanted.search, autoescape=True) for column in searched]
        query = query.where(or_(*found))
    for tag in wanted.tags:
        key, equals, value = tag.partition("=")
        own = tags[key].as_string()
        query = query.where(own == value if equals else own.is_not(None))
    if wanted.since is not None:
        query = query.where(table.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(table.created_at < wanted.until)
    if wanted.order == "name":
        name: Any = getattr(table, "name")  # noqa: B009 - jobs have none, and no such order
        query = query.order_by(name, table.id)
        if after is not None:
            query = query.where(tuple_(name, table.id) > tuple_(literal(wanted.after_name), literal(after)))
    elif wanted.order == "oldest":
        query = query.order_by(table.id)
        query = query if after is None else query.where(table.id > after)
    else:
        query = query.order_by(table.id.desc())
        query = query if after is None else query.where(table.id < after)
    return session.scalars(query.limit(limit + 1)).all()
