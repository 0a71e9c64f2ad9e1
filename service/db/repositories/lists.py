"""Filters, orders and pages of lists, the same for datasets, jobs and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.db.search import fold_text
from service.db.tables import Dataset, Job, Model
from service.schemas.common import NamedOrder

Row = TypeVar("Row", Dataset, Job, Model)


@dataclass(frozen=True, kw_only=True)
class ListFilter:
    """What rows of a list have in common.

    Attributes:
        search: Text that the search text of a row contains, in upper or lower case of any script.
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
    filters: ListFilter,
    *,
    tags: Any,
    limit: int,
    after: str | None,
    parents: Sequence[InstrumentedAttribute[str | None]] = (),
) -> Sequence[Row]:
    """Return up to ``limit + 1`` rows of a list, in its order, that come after the row with the id ``after``.

    Ids sort by time of creation.

    Args:
        session: The transaction.
        query: The list with its own filters.
        table: Of the rows.
        filters: Filters and order.
        tags: The column, or the member of one, that holds the tags.
        limit: Rows of a page.
        after: Id of the last row of the page before; None for the first page.
        parents: Columns with ids of datasets, whose search texts count as well.
    """
    if filters.search is not None:
        text = fold_text(filters.search)
        is_match = Dataset.search_text.contains(text, autoescape=True)
        of_parents = (select(Dataset.id).where(Dataset.id == parent, is_match).exists() for parent in parents)
        query = query.where(or_(table.search_text.contains(text, autoescape=True), *of_parents))
    for tag in filters.tags:
        key, equals, value = tag.partition("=")
        tag_value = tags[key].as_string()
        query = query.where(tag_value == value if equals else tag_value.is_not(None))
    if filters.since is not None:
        query = query.where(table.created_at >= filters.since)
    if filters.until is not None:
        query = query.where(table.created_at < filters.until)
    if filters.order == "name":
        name: Any = getattr(table, "name")  # noqa: B009 - jobs have none, and no such order
        query = query.order_by(name, table.id)
        if after is not None:
            query = query.where(tuple_(name, table.id) > tuple_(literal(filters.after_name), literal(after)))
    elif filters.order == "oldest":
        query = query.order_by(table.id)
        query = query if after is None else query.where(table.id > after)
    else:
        query = query.order_by(table.id.desc())
        query = query if after is None else query.where(table.id < after)
    return session.scalars(query.limit(limit + 1)).all()
