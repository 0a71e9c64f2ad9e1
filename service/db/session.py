"""Engine and sessions, shared by the API, the worker, the command line and the tests.

On SQLite a transaction that will write takes the write lock when it begins (``BEGIN IMMEDIATE``). One that
begins by reading and writes later fails at once if another writer was quicker, regardless of
``busy_timeout``. Therefore there are two kinds of transactions, and the caller chooses one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria
from sqlalchemy.pool import ConnectionPoolEntry

from service.caller import LOCAL_CALLER, Caller
from service.db.search import set_search_texts
from service.db.tables import TenantMixin
from service.settings import Settings

SessionFactory = sessionmaker[Session]

SQLITE_PRAGMAS = (
    "busy_timeout=30000",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
)
MAX_JOURNAL_WAIT_S = 30
# Raised by drivers while a database is unreachable, full, locked, or a read-only standby.
UNAVAILABLE_ERRORS = (OperationalError, InternalError)

DISK_FULL_CODES = (sqlite3.SQLITE_FULL, "53100")  # SQLite's code, and PostgreSQL's SQLSTATE disk_full

CALLER_KEY = "caller"  # key of a session's info
# Row lock for a change or a deletion. Before PostgreSQL deletes a blob it locks the rows that refer to it.
# Under a stronger lock, two deletions of the last such rows would deadlock.
LOCK_FOR_CHANGE: Any = {"key_share": True}
POSTGRES_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"
)


@dataclass(frozen=True)
class Sessions:
    """Factory of transactions; one ``with`` is one transaction.

    Attributes:
        caller: The client of the transactions. They cannot read, change or delete rows of other tenants, and
            new rows belong to the caller's tenant. None for processes of the service, which act for all.
    """

    writing: SessionFactory
    reading: SessionFactory
    caller: Caller | None = None

    @property
    def tenant(self) -> str:
        """The tenant of the rows; without a caller, the tenant of a service without keys."""
        return (self.caller or LOCAL_CALLER).tenant

    def restrict_to(self, caller: Caller) -> Sessions:
        """The same transactions, restricted to a caller's tenant."""
        return replace(self, caller=caller)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end of the block, rolled back on an error."""
        with self.writing(info={CALLER_KEY: self.caller}) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads, from one consistent snapshot on SQLite."""
        with self.reading(info={CALLER_KEY: self.caller}) as session:
            yield session


def get_caller(session: Session) -> Caller | None:
    """The caller of a transaction; None for the service itself."""
    caller: Caller | None = session.info.get(CALLER_KEY)
    return caller


def make_sessions(engine: Engine) -> Sessions:
    """Both kinds of sessions on one pool. Objects stay readable after their transaction ends."""
    reader = engine.execution_options(read_only=True, postgresql_readonly=True)
    makers = [sessionmaker(of, expire_on_commit=False) for of in (engine, reader)]
    for maker in makers:
        event.listen(maker, "do_orm_execute", _filter_by_tenant)
        event.listen(maker, "before_flush", _set_tenant)
        event.listen(maker, "before_flush", set_search_texts)
    writing, reading = makers
    return Sessions(writing, reading)


def _filter_by_tenant(state: ORMExecuteState) -> None:
    """Restrict every query to the caller's tenant, so that no query can omit the filter."""
    caller = get_caller(state.session)
    if caller is None or state.is_column_load or not (state.is_select or state.is_update or state.is_delete):
        return
    tenant = caller.tenant
    criteria = with_loader_criteria(TenantMixin, lambda table: table.tenant == tenant, include_aliases=True)
    state.statement = state.statement.options(criteria)


def _set_tenant(session: Session, *_: Any) -> None:
    caller = get_caller(session)
    for row in session.new:
        if isinstance(row, TenantMixin) and row.tenant is None and caller is not None:
            row.tenant = caller.tenant


def make_engine(settings: Settings) -> Engine:
    """An engine for the database of the settings; it connects on first use."""
    if make_url(settings.database_url).get_backend_name() == "sqlite":
        return _make_sqlite_engine(settings.database_url)
    return create_engine(
        settings.database_url,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        connect_args={"options": POSTGRES_OPTIONS, "application_name": "kan-service", "connect_timeout": 5},
    )


def _make_sqlite_engine(url: str) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        make_private(Path(path))
    engine = create_engine(url, pool_size=10, max_overflow=60)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def make_private(path: Path) -> None:
    """Let only the owner access the database file; SQLite gives its other files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Disable the driver's own BEGIN, which comes late and is always deferred."""
    sqlite: Any = connection
    sqlite.isolation_level = None
    for pragma in SQLITE_PRAGMAS:
        sqlite.execute(f"PRAGMA {pragma}")
    _set_write_ahead_log(sqlite)


def _set_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Set the journal mode, which the file keeps from then on.

    Of several processes that change it at once, SQLite refuses all but one without waiting: each has a read
    lock that the others wait for. The next attempt finds the mode changed.
    """
    deadline = time.monotonic() + MAX_JOURNAL_WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # The low byte of a code is the same in all its variants.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def is_full(error: DBAPIError) -> bool:
    """Whether the database's disk was full."""
    code = getattr(error.orig, "sqlite_errorcode", None) or getattr(error.orig, "sqlstate", None)
    return code in DISK_FULL_CODES


def clock(session: Session) -> datetime:
    """Current time of the database server: leases must not depend on the clocks of workers."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now.astimezone(UTC)
