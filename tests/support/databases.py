"""PostgreSQL databases for tests: new ones, and migrated ones that serve one test after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import LiteralString, cast
from uuid import uuid4

import psycopg
import pytest

from tests.support.servers import libpq_url

# For tests in which SQL decides nothing.
ON_ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# Whatever a migration makes, and which one was the last.
SHAPE = """
SELECT array_agg(line ORDER BY line) FROM (
    SELECT format('%s %s %s %s', attrelid::regclass, attname, atttypid::regtype, attnotnull)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT version_num FROM alembic_version
) AS shape(line)
"""
HANG_UP = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Without a look at what refers to what; files of tables that are truncated take far longer.
TO_EMPTY = """
SELECT 'SET session_replication_role = replica;' || string_agg(format('DELETE FROM %I', tablename), ';')
FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """URL of an empty database that is there for so long."""
    name = _make(server_url)
    try:
        yield _url_of(server_url, name)
    finally:
        _drop(server_url, name)


class MigratedDatabases:
    """Databases with tables and no rows. To make one takes longer than most tests, so they are used again.

    Each is emptied through one connection, since a new one would have to read the catalogs first.
    """

    def __init__(self, server_url: str, migrate: Callable[[str], None]) -> None:
        self._server_url, self._migrate = server_url, migrate
        self._free: list[str] = []
        self._connections: dict[str, psycopg.Connection] = {}
        self._shape: object = None

    @contextmanager
    def one(self) -> Iterator[str]:
        """URL of a database for one test."""
        name = self._free.pop() if self._free else self._made()
        yield _url_of(self._server_url, name)
        if self._is_as_made(name):
            self._free.append(name)
        else:
            self._drop(name)

    def close(self) -> None:
        """Drop them."""
        for name in self._free:
            self._drop(name)

    def _made(self) -> str:
        name = _make(self._server_url)
        url = _url_of(self._server_url, name)
        self._migrate(url)
        self._connections[name] = _connected(url)
        self._shape = _first(self._connections[name], SHAPE)
        return name

    def _is_as_made(self, name: str) -> bool:
        """Whether it is, once its rows, its settings and whoever else is still connected are gone."""
        connection = self._connections[name]
        try:
            connection.execute(cast("LiteralString", f"ALTER DATABASE {name} RESET ALL"))
            connection.execute(HANG_UP)
            connection.execute(cast("LiteralString", _first(connection, TO_EMPTY)))
            return _first(connection, SHAPE) == self._shape
        except psycopg.Error:
            return False

    def _drop(self, name: str) -> None:
        self._connections.pop(name).close()
        _drop(self._server_url, name)


def _make(server_url: str) -> str:
    name = f"kan_test_{uuid4().hex}"
    _execute(server_url, f"CREATE DATABASE {name}")
    return name


def _drop(server_url: str, name: str) -> None:
    _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def _url_of(server_url: str, name: str) -> str:
    path, _, query = server_url.partition("?")
    return path.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")


def _execute(server_url: str, statement: str) -> None:
    with _connected(server_url) as connection:
        connection.execute(cast("LiteralString", statement))


def _first(connection: psycopg.Connection, query: LiteralString) -> object:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(libpq_url(url), autocommit=True)
