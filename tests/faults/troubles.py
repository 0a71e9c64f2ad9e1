"""What a test worker suffers beside sudden death: a read-only database, a clock that jumps, echoes."""

import os
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from service.db import repositories, session
from tests.faults.points import beside_the_notes
from worker.execution import process_identity


@cache
def arm() -> None:
    """Read from ``KAN_TEST_*`` what this process is to suffer."""
    if times := os.environ.get("KAN_TEST_SEND_TIMES"):
        _echo(int(times))
    if name := os.environ.get("KAN_TEST_MACHINE"):
        process_identity.machine_id = lambda: name
    if "KAN_TEST_NOTES" in os.environ:
        _read_only_while(beside_the_notes("read_only"))
        _clock_ahead_by(beside_the_notes("clock"))


def _echo(times: int) -> None:
    """Every message is sent so many times, as a broker may deliver it."""
    send = Celery.send_task

    def send_often(*args: Any, **named: Any) -> Any:
        results = [send(*args, **named) for _ in range(times)]
        return results[0]

    Celery.send_task = send_often


def _read_only_while(flag: Path) -> None:
    """SQLite refuses to write while the file is there, as on a file system that was mounted read-only."""
    begin = session._begin_sqlite

    def begin_as_it_is(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA query_only = {int(flag.exists())}")
        begin(connection)

    session._begin_sqlite = begin_as_it_is


def _clock_ahead_by(file: Path) -> None:
    """The one clock of leases goes ahead by the seconds in the file."""
    true_clock = session.clock

    def clock(of: Session) -> datetime:
        return true_clock(of) + timedelta(seconds=float(file.read_text()) if file.exists() else 0.0)

    repositories.jobs.clock = clock
