"""Worker processes that are alive, as counted by the readiness check."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from service.db.session import clock
from service.db.tables import Worker


@dataclass(frozen=True)
class LiveWorkers:
    """The live workers.

    Attributes:
        slots: Number of jobs that they can run at the same time.
        newest: Time since the last report of any worker, live or not; None if none is known.
    """

    count: int
    slots: int
    newest: timedelta | None


class Workers:
    """One row per worker process, renewed every few seconds.

    Args:
        session: The transaction.
        max_silence: After which a worker counts as dead: three missed reports.
        forget_after: After which its row is deleted.
    """

    def __init__(
        self,
        session: Session,
        *,
        max_silence: timedelta = timedelta(seconds=15),
        forget_after: timedelta = timedelta(hours=1),
    ) -> None:
        self._session, self.max_silence, self._forget_after = session, max_silence, forget_after

    def report(self, worker_id: str, *, host: str, pid: int, slots: int) -> None:
        """Record that this worker is alive, and delete workers that died long ago."""
        now = clock(self._session)
        self._session.merge(Worker(id=worker_id, host=host, pid=pid, slots=slots, seen_at=now))
        self._session.execute(delete(Worker).where(Worker.seen_at < now - self._forget_after))

    def count_live(self) -> LiveWorkers:
        """The workers that reported within ``max_silence``."""
        now = clock(self._session)
        is_there = Worker.seen_at >= now - self.max_silence
        count, slots, seen_at = self._session.execute(
            select(
                func.coalesce(func.sum(case((is_there, 1), else_=0)), 0),
                func.coalesce(func.sum(case((is_there, Worker.slots), else_=0)), 0),
                func.max(Worker.seen_at),
            )
        ).one()
        return LiveWorkers(count, slots, None if seen_at is None else max(timedelta(), now - seen_at))

    def remove(self, worker_id: str) -> None:
        """Record that this worker has stopped."""
        self._session.execute(delete(Worker).where(Worker.id == worker_id))
