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
from service.db.repositories.workers import LiveWorkers, Workers
from service.db.session import Sessions, clock
from service.db.tables import Job, JobStatus

WAIT_BOUNDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
RUN_BOUNDS = (1, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 7200)
EARLIEST_CREATION = datetime(2000, 1, 1, tzinfo=UTC)

Key = tuple[str, str]  # kind, status
Sums = dict[Key, list[float]]


@dataclass
class DurationHistogram:
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
class JobStatistics:
    """The statistics at one time. Durations and the age of the oldest queued job are by kind."""

    workers: LiveWorkers
    unfinished: dict[Key, int]
    oldest_s: dict[str, float]
    finished: dict[Key, int]
    waits: dict[str, DurationHistogram]
    runs: dict[str, DurationHistogram]


class JobStatisticsReader:
    """Reads the statistics, and keeps the sums that no longer change.

    Args:
        sessions: All jobs.
        max_commit_delay: From a job's creation time to the commit of its row, at most.
    """

    def __init__(self, sessions: Sessions, *, max_commit_delay: timedelta = timedelta(minutes=5)) -> None:
        self._sessions, self._max_commit_delay = sessions, max_commit_delay
        self._settled: Sums = {}
        self._until = EARLIEST_CREATION
        self._lock = Lock()

    def read(self) -> JobStatistics:
        """The statistics now."""
        with self._lock, self._sessions.read() as session:
            now, workers = clock(session), Workers(session).count_live()
            waiting = session.execute(
                select(Job.kind, Job.status, func.count(), func.min(Job.created_at))
                .where(Job.status.in_(UNFINISHED))
                .group_by(Job.kind, Job.status)
            ).all()
            self._extend_final_sums(
                min([now - self._max_commit_delay, *(row[3] for row in waiting)]), session
            )
            sums = _add_sums(self._settled, _query_sums(session, Job.created_at >= self._until))
        kinds = sorted({key[0] for key in sums} | {row[0] for row in waiting})
        counts = {(kind, str(status)): 0 for kind in kinds for status in UNFINISHED}
        oldest_s = dict.fromkeys(kinds, 0.0)
        for kind, status, count, since in waiting:
            counts[kind, status] = count
            if status == JobStatus.QUEUED:
                oldest_s[kind] = max(0.0, (now - since).total_seconds())
        return JobStatistics(workers, counts, oldest_s, *_unpack_sums(sums))

    def _extend_final_sums(self, until: datetime, session: Session) -> None:
        if until > self._until:
            sums = _query_sums(session, Job.created_at >= self._until, Job.created_at < until)
            self._settled, self._until = _add_sums(self._settled, sums), until


def _query_sums(session: Session, *which: ColumnElement[bool]) -> Sums:
    """By kind and status of finished jobs: their number, then the histogram columns of waits and runs."""
    columns = [
        func.count(),
        *_histogram_columns(_duration_seconds(session, Job.created_at, Job.started_at), WAIT_BOUNDS),
        *_histogram_columns(_duration_seconds(session, Job.started_at, Job.finished_at), RUN_BOUNDS),
    ]
    query = select(Job.kind, Job.status, *columns).where(Job.status.in_(FINAL), *which)
    rows = session.execute(query.group_by(Job.kind, Job.status)).all()
    return {(row[0], row[1]): [float(value or 0) for value in row[2:]] for row in rows}


def _duration_seconds(session: Session, since: Any, until: Any) -> ColumnElement[float]:
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(until) - func.julianday(since)) * 86_400
    return cast(extract("epoch", until - since), Float)


def _histogram_columns(seconds: ColumnElement[float], bounds: Sequence[float]) -> list[ColumnElement[Any]]:
    """Number, sum and cumulative counts; the null of a job that never started is not counted."""
    at_most = [func.sum(case((seconds <= limit, 1), else_=0)) for limit in bounds]
    return [func.count(seconds), func.sum(seconds), *at_most]


def _add_sums(sums: Sums, increments: Sums) -> Sums:
    total = dict(sums)
    for key, values in increments.items():
        total[key] = [a + b for a, b in zip(total.get(key, [0.0] * len(values)), values, strict=True)]
    return total


def _unpack_sums(
    sums: Sums,
) -> tuple[dict[Key, int], dict[str, DurationHistogram], dict[str, DurationHistogram]]:
    counts = {key: int(values[0]) for key, values in sums.items()}
    by_kind: Sums = {}
    for (kind, _), values in sums.items():
        by_kind = _add_sums(by_kind, {(kind, ""): values})
    middle = 3 + len(WAIT_BOUNDS)
    waits = {kind: DurationHistogram(v[1], v[2], v[3:middle]) for (kind, _), v in by_kind.items()}
    runs = {
        kind: DurationHistogram(v[middle], v[middle + 1], v[middle + 2 :]) for (kind, _), v in by_kind.items()
    }
    return counts, waits, runs
