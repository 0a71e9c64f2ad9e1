"""One chain of migrations for both dialects, safe to run by several processes at once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import DateTime, Engine, MetaData, Table, inspect, select, text
from sqlalchemy.orm import Session

from service.caller import DEFAULT_TENANT
from service.db.migrate import _make_config, current_revision, head_revision, upgrade
from service.db.session import make_engine
from service.db.tables import TableBase, TenantMixin
from service.settings import Settings


@pytest.fixture
def settings(empty_database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=empty_database_url, data_dir=tmp_path)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings)
    yield engine
    engine.dispose()


def revision_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return current_revision(connection)


def test_an_empty_database_has_no_revision(engine: Engine) -> None:
    assert revision_of(engine) is None


def test_upgrading_brings_an_empty_database_to_the_newest_revision(
    settings: Settings, engine: Engine
) -> None:
    upgrade(settings)
    assert revision_of(engine) == head_revision()


def test_upgrading_twice_changes_nothing(settings: Settings, engine: Engine) -> None:
    upgrade(settings)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO blob VALUES ('a', 1, '2026-01-01 00:00:00')"))
    upgrade(settings)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM blob")) == 1


def test_the_migrations_make_exactly_the_tables_of_the_code(settings: Settings, engine: Engine) -> None:
    upgrade(settings)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, TableBase.metadata) == []


EARLIER = [step.revision for step in ScriptDirectory.from_config(_make_config()).walk_revisions()][1:]
TENANTS_SINCE = "0002"  # rows of before belong to the tenant of a service without keys
VALUES: dict[type, Any] = {str: "queued", int: 1, float: 0.5, bool: False, bytes: b"bytes"}


def a_row_in_every_table(engine: Engine) -> dict[str, int]:
    """Whatever tables there are; equal texts everywhere make every reference good."""
    schema = MetaData()
    schema.reflect(engine)
    tables = [table for table in schema.sorted_tables if table.name != "alembic_version"]
    with engine.begin() as connection:
        for table in tables:
            times = {c.name: datetime.now(UTC) for c in table.columns if isinstance(c.type, DateTime)}
            others = {
                c.name: VALUES.get(c.type.python_type, {}) for c in table.columns if c.name not in times
            }
            own = {"status": "pending"} if table.name == "webhook_delivery" else {}  # not that of a job
            connection.execute(table.insert().values(**others | times | own))
    return {table.name: 1 for table in tables}


@pytest.mark.parametrize("revision", EARLIER)
def test_a_database_of_every_earlier_revision_is_upgraded_with_all_its_rows(
    settings: Settings, engine: Engine, revision: str
) -> None:
    upgrade(settings, revision)
    before = a_row_in_every_table(engine)
    upgrade(settings)
    with engine.connect() as connection:
        after = {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in before}
    assert after == before
    owner = DEFAULT_TENANT if revision < TENANTS_SINCE else VALUES[str]
    with Session(engine) as session:
        for mapper in TableBase.registry.mappers:
            if mapper.local_table.name in before:  # type: ignore[union-attr]
                (row,) = session.scalars(select(mapper.class_)).all()
                assert not isinstance(row, TenantMixin) or row.tenant == owner


def test_rows_of_earlier_versions_are_found_by_their_names(settings: Settings, engine: Engine) -> None:
    from alembic import command

    from service.db import migrate

    with engine.begin() as connection:
        command.upgrade(migrate._make_config(connection), "0012")
        table = Table("dataset", MetaData(), autoload_with=connection)
        blob = {"sha256": "a", "size": 1, "created_at": datetime.now(UTC)}
        connection.execute(Table("blob", MetaData(), autoload_with=connection).insert(), blob)
        row = {
            **{"tenant": DEFAULT_TENANT, "name": "ГРУНТ", "rows": 1, "units": {}, "types": {}},
            **{
                "warnings": [],
                "columns": [{"name": "Größe", "std": None}],
                "tags": {"lab": "Nord"},
                "blob_sha256": "a",
            },
            "created_at": datetime.now(UTC),
        }
        connection.execute(table.insert(), [{**row, "id": f"{number:036}"} for number in range(501)])
    upgrade(settings)
    with engine.connect() as connection:
        texts = connection.execute(text("SELECT DISTINCT search_text FROM dataset")).scalars().all()
    assert texts == ["грунт\ngrösse\nlab\nnord"]


def test_every_step_can_be_undone(settings: Settings, engine: Engine) -> None:
    from alembic import command

    from service.db import migrate

    upgrade(settings)
    with engine.begin() as connection:
        command.downgrade(migrate._make_config(connection), "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}


def test_processes_that_start_together_migrate_once(settings: Settings, engine: Engine) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            upgrade(settings)
        except BaseException as error:
            failures.append(error)

    starting = [Thread(target=start) for _ in range(4)]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert failures == []
    assert revision_of(engine) == head_revision()


def test_a_failed_upgrade_leaves_the_database_as_it_was(settings: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE model (id TEXT)"))  # in the way of the migration
    with pytest.raises(Exception, match="already exists"):
        upgrade(settings)
    assert set(inspect(engine).get_table_names()) == {"model"}


def test_an_upgrade_that_orphans_rows_is_rolled_back(empty_sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=empty_sqlite_url, data_dir=tmp_path)
    engine = make_engine(settings)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE child (parent_id INTEGER REFERENCES parent (id))"))
    with engine.connect() as connection:
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            connection.execute(text("INSERT INTO child VALUES (1)"))
        connection.connection.cursor().execute("PRAGMA foreign_keys=ON")
    with pytest.raises(RuntimeError, match="rows with broken foreign keys"):
        upgrade(settings)
    assert revision_of(engine) is None
    engine.dispose()
