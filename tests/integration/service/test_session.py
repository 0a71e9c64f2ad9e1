"""Transactions: writers wait for each other, readers see one state, times are the server's."""

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread, Timer

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from service.db.session import Sessions, clock, make_engine, make_sessions
from service.db.tables import Worker
from service.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def worker(number: int) -> Worker:
    return Worker(id=f"w{number}", host="h", pid=1, slots=1, seen_at=NOW)


def test_a_transaction_is_committed_at_the_end_of_its_block(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.add(worker(1))
    with sessions.read() as session:
        assert session.get_one(Worker, "w1").seen_at == NOW


def add_then_fail(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.add(worker(1))
        session.flush()
        raise ZeroDivisionError


def test_an_error_rolls_the_whole_block_back(sessions: Sessions) -> None:
    with pytest.raises(ZeroDivisionError):
        add_then_fail(sessions)
    with sessions.read() as session:
        assert session.get(Worker, "w1") is None


def test_rows_stay_readable_after_their_transaction(sessions: Sessions) -> None:
    with sessions.begin() as session:
        row = worker(1)
        session.add(row)
    assert row.host == "h"


def test_a_reading_transaction_cannot_write_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    engine = make_engine(Settings(database_url=postgres_url, data_dir=tmp_path))
    with pytest.raises(DBAPIError, match="read-only"), make_sessions(engine).read() as session:
        session.execute(text("DELETE FROM worker"))
    engine.dispose()


def test_many_writers_take_turns_and_none_is_turned_away(sessions: Sessions) -> None:
    failures: list[BaseException] = []

    def read_then_write(number: int) -> None:
        try:
            for step in range(5):
                with sessions.begin() as session:
                    session.scalars(select(Worker)).all()
                    time.sleep(0.001)
                    session.add(worker(100 * number + step))
        except BaseException as error:
            failures.append(error)

    writers = [Thread(target=read_then_write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    with sessions.read() as session:
        assert len(session.scalars(select(Worker)).all()) == 40


def test_a_reader_is_not_held_up_by_a_writer(sessions: Sessions) -> None:
    with sessions.begin() as writing:
        writing.add(worker(1))
        writing.flush()
        with sessions.read() as reading:
            assert reading.get(Worker, "w1") is None


def test_the_clock_is_now_in_utc(sessions: Sessions) -> None:
    with sessions.read() as session:
        now = clock(session)
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_goes_on_within_a_transaction(sessions: Sessions) -> None:
    with sessions.read() as session:
        first = clock(session)
        time.sleep(0.01)
        assert clock(session) > first


def test_foreign_keys_hold_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    engine = make_engine(Settings(database_url=sqlite_url, data_dir=tmp_path))
    with pytest.raises(DBAPIError, match="FOREIGN KEY"), make_sessions(engine).begin() as session:
        session.execute(text("INSERT INTO blob_chunk VALUES ('nothing', 0, 'x')"))
    engine.dispose()


def test_a_database_that_another_process_is_creating_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # in the old journal mode: SQLite does not wait for its end
    ending = Timer(0.3, lambda: other.execute("COMMIT"))
    ending.start()
    engine = make_engine(Settings(database_url=f"sqlite:///{tmp_path}/new.db", data_dir=tmp_path))
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    ending.join()
    other.close()
    engine.dispose()
