"""Worker processes that were alive a moment ago; readiness counts them."""

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from service.db.session import clock
from service.db.tables import Worker

FORGOTTEN_AFTER = timedelta(hours=1)


class Workers:
    """One row per worker process, renewed every few seconds."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def report(self, worker_id: str, *, host: str, pid: int, slots: int) -> None:
        """Note that this worker is alive, and forget those that died long ago."""
        now = clock(self._session)
        self._session.merge(Worker(id=worker_id, host=host, pid=pid, slots=slots, seen_at=now))
        self._session.execute(delete(Worker).where(Worker.seen_at < now - FORGOTTEN_AFTER))

    def remove(self, worker_id: str) -> None:
        """Note that this worker has stopped."""
        self._session.execute(delete(Worker).where(Worker.id == worker_id))
