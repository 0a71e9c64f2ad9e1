"""Statistics of all jobs and workers, for monitoring.

Jobs are counted in SQL, so that every process reports the same numbers, also after a restart. The sums over
jobs so old that all jobs before them have finished never change and are kept. Each reading adds only the
later jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Float, case, cast, extract, func, select
from sqlalchemy.orm import Session

from service.db.repositories.job_queries import FINAL, UNFINISHED
from service.db.repositories.workers import Presence, Workers
from service.db.session import Sessions, clock
from service.db.tables import Job, JobStatus

WAIT_BOUNDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
RUN_BOUNDS = (1, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 7200)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
COMMITTED_WITHIN = timedelta(minutes=5)  # from a job's creation time to the commit of its row, at most

Key = tuple[str, str]  # kind, status
Sums = dict[Key, list[float]]


@dataclass
class Spread:
    """A cumulative histogram of durations.

    Attributes:
        count: Number of durations.
        total: Their sum in seconds.
        at_most: Number of durations up to each bound.
    """

    count: float
    total: float
    at_most: list[float]


@dataclass(frozen=True)
class Figures:
    """The statistics at one time. Durations and the age of the oldest queued job are by kind."""

    workers: Presence
    unfinished: dict[Key, int]
    oldest_s: dict[str, float]
    finished: dict[Key, int]
    waits: dict[str, Spread]
    runs: dict[str, Spread]


class JobFigures:
    """Reads the statistics, and keeps the sums that no longer change."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._settled: Sums = {}
        self._until = BEGINNING
        self._lock = Lock()

    def read(self) -> Figures:
        """The statistics now."""
        with self._lock, self._sessions.read() as session:
            now, workers = clock(session), Workers(session).presence()
            waiting = session.execute(
                select(Job.kind, Job.status, func.count(), func.min(Job.created_at))
                .where(Job.status.in_(UNFINISHED))
                .group_by(Job.kind, Job.status)
            ).all()
            self._settle(min([now - COMMITTED_WITHIN, *(row[3] for row in waiting)]), session)
            sums = _added(self._settled, _sums(session, Job.created_at >= self._until))
        kinds = sorted({key[0] for key in sums} | {row[0] for row in waiting})
        unfinished = {(kind, str(status)): 0 for kind in kinds for status in UNFINISHED}
        oldest_s = dict.fromkeys(kinds, 0.0)
        for kind, status, count, since in waiting:
            unfinished[kind, status] = count
            if status == JobStatus.QUEUED:
                oldest_s[kind] = max(0.0, (now - since).total_seconds())
        return Figures(workers, unfinished, oldest_s, *_read(sums))

    def _settle(self, until: datetime, session: Session) -> None:
        if until > self._until:
            settled = _sums(session, Job.created_at >= self._until, Job.created_at < until)
            self._settled, self._until = _added(self._settled, settled), until


def _sums(session: Session, *which: ColumnElement[bool]) -> Sums:
    """By kind and status of finished jobs: their number, then the histogram columns of waits and runs."""
    columns = [
        func.count(),
        *_spread_columns(_seconds(session, Job.created_at, Job.started_at), WAIT_BOUNDS),
        *_spread_columns(_seconds(session, Job.started_at, Job.finished_at), RUN_BOUNDS),
    ]
    grouped = select(Job.kind, Job.status, *columns).where(Job.status.in_(FINAL), *which)
    rows = session.execute(grouped.group_by(Job.kind, Job.status)).all()
    return {(row[0], row[1]): [float(value or 0) for value in row[2:]] for row in rows}


def _seconds(session: Session, since: Any, until: Any) -> ColumnElement[float]:
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(until) - func.julianday(since)) * 86_400
    return cast(extract("epoch", until - since), Float)


def _spread_columns(seconds: ColumnElement[float], bounds: Sequence[float]) -> list[ColumnElement[Any]]:
    """Number, sum and cumulative counts; the null of a job that never started is not counted."""
    at_most = [func.sum(case((seconds <= bound, 1), else_=0)) for bound in bounds]
    return [func.count(seconds), func.sum(seconds), *at_most]


def _added(one: Sums, other: Sums) -> Sums:
    both = dict(one)
    for key, values in other.items():
        both[key] = [a + b for a, b in zip(both.get(key, [0.0] * len(values)), values, strict=True)]
    return both


def _read(sums: Sums) -> tuple[dict[Key, int], dict[str, Spread], dict[str, Spread]]:
    finished = {key: int(values[0]) for key, values in sums.items()}
    by_kind: Sums = {}
    for (kind, _), values in sums.items():
        by_kind = _added(by_kind, {(kind, ""): values})
    middle = 3 + len(WAIT_BOUNDS)
    waits = {kind: Spread(v[1], v[2], v[3:middle]) for (kind, _), v in by_kind.items()}
    runs = {kind: Spread(v[middle], v[middle + 1], v[middle + 2 :]) for (kind, _), v in by_kind.items()}
    return finished, waits, runs
