"""Backup and restore: the database is the only state, so a copy of it is complete.

A backup is a consistent snapshot, taken while jobs run and clients write: on SQLite by ``VACUUM INTO``, on
PostgreSQL by ``pg_dump``. After a restore, workers treat the jobs that were running as after a crash.
"""

import os
import tempfile
from pathlib import Path
from types import ModuleType

from sqlalchemy import Engine, inspect, literal, make_url, select

from service.db.backup import postgres, sqlite
from service.db.backup.errors import BackupError
from service.db.migrate import (
    database_exists,
    head_revision,
    is_known_revision,
    read_database_revision,
    upgrade,
)
from service.db.repositories.workers import Workers
from service.db.session import make_engine, make_sessions
from service.db.tables import TableBase, Worker
from service.settings import Settings

TOOLS: dict[str, ModuleType] = {"sqlite": sqlite, "postgresql": postgres}


def back_up(settings: Settings, file: Path) -> str:
    """Write a backup that only its owner can read; return the revision of the database.

    Raises:
        BackupError: It cannot be written; no partial file is left.
    """
    if file.exists():
        raise BackupError(f"{file} already exists; choose another file")
    revision = read_database_revision(settings)
    if revision is None:
        raise BackupError("there is nothing to back up: the database has no tables yet")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.absolute().parent)
    except OSError as error:
        raise BackupError(f"cannot write to {file.absolute().parent}: {error.strerror}") from None
    part = Path(name)
    try:
        _select_tool(settings).dump(settings.database_url, part)
        os.fsync(handle)
        part.rename(file)
    finally:
        os.close(handle)
        part.unlink(missing_ok=True)
    return revision


def restore(settings: Settings, file: Path, *, force: bool = False) -> str:
    """Replace the database by a backup, and upgrade it; return its revision.

    Args:
        force: Replace a database that is not empty.

    Raises:
        BackupError: The file is no backup for this database, or the database is in use or not empty.
    """
    tool = _select_tool(settings)
    with file.open("rb") as stream:
        if not stream.read(len(tool.MAGIC)).startswith(tool.MAGIC):
            raise BackupError(f"{file} is no backup of a {tool.NAME} database, which KAN_DATABASE_URL names")
    revision = tool.revision_in(file)
    if revision is None or not is_known_revision(revision):
        fault = (
            "was made by a newer version of the service" if revision else "holds no database of the service"
        )
        raise BackupError(f"{file} {fault}; this version supports revisions up to {head_revision()}")
    _refuse_to_overwrite(settings, force=force)
    tool.load(settings.database_url, file)
    upgrade(settings)
    return head_revision()


def _select_tool(settings: Settings) -> ModuleType:
    return TOOLS[make_url(settings.database_url).get_backend_name()]


def _refuse_to_overwrite(settings: Settings, *, force: bool) -> None:
    if not database_exists(settings):
        return
    engine = make_engine(settings)
    try:
        tables = _find_nonempty_tables(engine)
        if Worker.__tablename__ in tables:
            _refuse_while_in_use(engine)
    finally:
        engine.dispose()
    tables.discard(Worker.__tablename__)
    if tables and not force:
        names = ", ".join(sorted(tables))
        raise BackupError(f"the database is not empty: it has rows in {names}; --force replaces them all")


def _find_nonempty_tables(engine: Engine) -> set[str]:
    present = set(inspect(engine).get_table_names())
    with engine.connect().execution_options(read_only=True) as connection:
        return {
            table.name
            for table in TableBase.metadata.sorted_tables
            if table.name in present
            and connection.execute(select(literal(1)).select_from(table).limit(1)).first()
        }


def _refuse_while_in_use(engine: Engine) -> None:
    with make_sessions(engine).read() as session:
        if Workers(session).count_live().count:
            raise BackupError("a worker is using this database; stop the service first")
