"""Upgrade a database to the newest revision, and report its current one.

Several processes may start at once: the first takes a lock, the others wait and find nothing left to do. All
steps run in one transaction on both dialects, so a failed upgrade leaves the old state.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text

from service.db.session import make_engine
from service.settings import Settings

LOCK_ID = 5_317_011  # any number, the same in every process
MAX_LOCK_WAIT_S = 600


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Create or upgrade the database."""
    engine = make_engine(settings)
    try:
        with engine.connect() as connection:
            _prepare_connection(connection)
            with connection.begin():
                _lock_upgrades(connection)
                command.upgrade(_make_config(connection), revision)
                _check_foreign_keys(connection)
    finally:
        engine.dispose()


def current_revision(connection: Connection) -> str | None:
    """The revision of the database; ``None`` for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def read_database_revision(settings: Settings) -> str | None:
    """The revision of the database of the settings; does not create a missing database."""
    if not database_exists(settings):
        return None
    engine = make_engine(settings)
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            return current_revision(connection)
    finally:
        engine.dispose()


def database_exists(settings: Settings) -> bool:
    """Whether the database exists, as far as can be determined without connecting."""
    url = make_url(settings.database_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


@cache
def head_revision() -> str:
    """The revision that this code needs."""
    return str(ScriptDirectory.from_config(_make_config()).get_current_head())


def is_known_revision(revision: str) -> bool:
    """Whether this code can upgrade from a revision; false for revisions of newer versions."""
    return revision in {
        step.revision for step in ScriptDirectory.from_config(_make_config()).walk_revisions()
    }


def _make_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, independent of the working directory and of configuration files."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _prepare_connection(connection: Connection) -> None:
    """Disable foreign keys and timeouts during an upgrade, on this connection only.

    SQLite alters a table by copying it and dropping the old one; with foreign keys on, the drop would delete
    the rows that refer to it. The switch has no effect inside a transaction.
    """
    if connection.dialect.name == "sqlite":
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys=OFF")
        cursor.execute(f"PRAGMA busy_timeout={MAX_LOCK_WAIT_S * 1000}")
        cursor.close()
    else:
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SET statement_timeout = 0"))
        connection.commit()


def _lock_upgrades(connection: Connection) -> None:
    """Let one process upgrade at a time; on SQLite, BEGIN IMMEDIATE already ensures this."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK_ID})


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        violations = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if violations:
            raise RuntimeError(f"the upgrade would leave rows with broken foreign keys: {violations[:10]}")
