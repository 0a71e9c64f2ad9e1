"""The text by which rows of lists are found, the same on both databases.

Neither folds the letters of every script by itself: SQLite folds ASCII,
PostgreSQL what its locale has.
"""

from collections.abc import Iterable
from typing import Any
from unicodedata import normalize

from sqlalchemy.orm import Session

from service.db.tables import SearchMixin


def fold_text(text: str) -> str:
    """The text without differences of case and of spelling in Unicode: ``GRÖSSE`` and ``größe`` are equal."""
    return normalize("NFKC", normalize("NFKC", text).casefold())


def set_search_texts(session: Session, *_: Any) -> None:
    """Before a flush, write the search texts of rows that are new or have changed."""
    for row in (*session.new, *session.dirty):
        if isinstance(row, SearchMixin):
            row.search_text = _join_folded(row.list_searched_texts())


def _join_folded(texts: Iterable[str | None]) -> str:
    return "\n".join(fold_text(text) for text in texts if text)
