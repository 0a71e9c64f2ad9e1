"""The servers that the other tests stand on."""

from typing import LiteralString

import psycopg
import pytest
import redis
from sqlalchemy import create_engine, inspect

from tests.support.databases import MigratedDatabases
from tests.support.servers import ValkeyServer, libpq_url, wait_until


def test_a_test_database_has_the_tables_of_the_migrations(database_url: str) -> None:
    engine = create_engine(database_url)
    tables = inspect(engine).get_table_names()
    engine.dispose()

    assert {"job", "dataset", "model", "alembic_version"} <= set(tables)


def test_an_empty_test_database_has_no_tables(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    tables = inspect(engine).get_table_names()
    engine.dispose()

    assert tables == []


def test_postgresql_is_real(postgres_url: str) -> None:
    with psycopg.connect(libpq_url(postgres_url)) as connection:
        row = connection.execute("SELECT version()").fetchone()

    assert row is not None
    assert row[0].startswith("PostgreSQL")


def test_a_database_that_was_used_has_no_rows_and_no_readers_for_the_next_test(
    migrated_databases: MigratedDatabases,
) -> None:
    with migrated_databases.one() as url:
        reader = psycopg.connect(libpq_url(url))
        reader.execute("INSERT INTO blob VALUES ('a', 1, now())")
        reader.commit()
        reader.execute("SELECT * FROM blob")  # and holds it
    with migrated_databases.one() as again, psycopg.connect(libpq_url(again)) as connection:
        assert connection.execute("SELECT count(*) FROM blob").fetchone() == (0,)
    assert again == url
    with pytest.raises(psycopg.OperationalError):
        reader.execute("SELECT 1")
    reader.close()


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE audit_entry",
        "ALTER TABLE model ADD COLUMN more INT",
        "ALTER TABLE job ALTER COLUMN kind DROP NOT NULL",
        "UPDATE alembic_version SET version_num = '0001'",
        "DROP TABLE alembic_version",
    ],
)
def test_a_database_whose_tables_were_changed_is_not_used_again(
    migrated_databases: MigratedDatabases, change: LiteralString
) -> None:
    with migrated_databases.one() as url, psycopg.connect(libpq_url(url)) as connection:
        connection.execute(change)
    with migrated_databases.one() as another:
        assert another != url


def test_redis_starts_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_a_killed_broker_comes_back_with_its_data(valkey: ValkeyServer) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.rpush("doorbell", "ring")
        wait_until(lambda: "ok" in str(client.info("persistence")["aof_last_write_status"]))
    valkey.kill()
    valkey.start()

    with redis.Redis.from_url(valkey.url) as client:
        assert client.lrange("doorbell", 0, -1) == [b"ring"]
