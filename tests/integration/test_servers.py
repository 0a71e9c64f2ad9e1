"""The servers that the other tests stand on."""

import psycopg
import redis
from sqlalchemy import create_engine, inspect

from tests.servers import ValkeyServer, libpq_url, wait_until


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
