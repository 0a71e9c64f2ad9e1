"""Backups of SQLite: a compact copy of the file, checked after writing and before reading."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from service.db.backup.errors import BackupError
from service.db.session import make_private

NAME = "SQLite"
MAGIC = b"SQLite format 3\0"


def dump(url: str, target: Path) -> None:
    """Copy the database into an empty file without blocking writers."""
    try:
        with closing(sqlite3.connect(f"{_get_path(url).as_uri()}?mode=ro", uri=True)) as source:
            source.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise BackupError(f"SQLite cannot write the backup: {error}") from None
    revision_in(target)


def revision_in(file: Path) -> str | None:
    """The revision of an intact backup; None if it is not of this service.

    Raises:
        BackupError: The file is damaged.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            results = [str(row[0]) for row in copy.execute("PRAGMA integrity_check")]
            if results != ["ok"] or copy.execute("PRAGMA foreign_key_check").fetchall():
                raise BackupError(f"{file} is damaged: {results[0]}; take another backup")
            if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
                return None
            row = copy.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{file} is damaged: {error}; take another backup") from None
    return str(row[0]) if row else None


def load(url: str, file: Path) -> None:
    """Replace all pages of the database in one transaction; others see the old or the new content."""
    path = _get_path(url)
    make_private(path)
    with (
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(path)) as target,
    ):
        source.backup(target)


def _get_path(url: str) -> Path:
    path = make_url(url).database
    if not path:
        raise BackupError("a database in memory cannot be backed up or restored")
    return Path(path).absolute()
