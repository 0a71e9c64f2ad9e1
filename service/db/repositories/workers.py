"""Worker processes that were alive a moment ago; readiness counts them."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from service.db.session import clock
from service.db.tables import Worker

FORGOTTEN_AFTER = timedelta(hours=1)
SEEN_WITHIN = timedelta(seconds=15)  # three reports: who is silent for longer is taken to be gone


@dataclass(frozen=True)
class Presence:
    """The workers that are there.

    Attributes:
        slots: Jobs that they can do side by side.
        newest: Time since any worker reported last, were it gone now; None if none is known.
    """

    count: int
    slots: int
    newest: timedelta | None


class Workers:
    """One row per worker process, renewed every few seconds."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def report(self, worker_id: str, *, host: str, pid: int, slots: int) -> None:
        """Note that this worker is alive, and forget those that died long ago."""
        now = clock(self._session)
        self._session.merge(Worker(id=worker_id, host=host, pid=pid, slots=slots, seen_at=now))
        self._session.execute(delete(Worker).where(Worker.seen_at < now - FORGOTTEN_AFTER))

    def presence(self) -> Presence:
        """Who was seen a moment ago."""
        now = clock(self._session)
        is_there = Worker.seen_at >= now - SEEN_WITHIN
        count, slots, seen_at = self._session.execute(
            select(
                func.coalesce(func.sum(case((is_there, 1), else_=0)), 0),
                func.coalesce(func.sum(case((is_there, Worker.slots), else_=0)), 0),
                func.max(Worker.seen_at),
            )
        ).one()
        return Presence(count, slots, None if seen_at is None else max(timedelta(), now - seen_at))

    def remove(self, worker_id: str) -> None:
        """Note that this worker has stopped."""
        self._session.execute(delete(Worker).where(Worker.id == worker_id))
