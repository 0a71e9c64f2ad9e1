"""Waiting for new events of jobs: one query for all waiting requests, several times a second.

Event streams and long-polling requests wait here. Processes share only the database, so it is polled; without
waiting requests there are no queries.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from service.api.live.limits import LiveLimits
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.errors import TooMany

log = logging.getLogger(__name__)


class JobWatch:
    """Polls for new events of jobs. All methods run on the event loop of the process."""

    def __init__(self, sessions: Sessions, limits: LiveLimits) -> None:
        self._sessions, self.limits = sessions, limits
        self._watched = Counter[str]()
        self._newest: dict[str, int] = {}
        self._next_look = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._streams = Counter[str]()
        self.is_closed = False

    @contextmanager
    def hold_stream(self, tenant: str) -> Iterator[None]:
        """Count a stream of a tenant within the block.

        Raises:
            TooMany: The tenant has as many open streams as it may.
        """
        max_streams = self.limits.max_streams_per_tenant
        if self._streams[tenant] >= max_streams:
            detail = f"{max_streams} event streams are open already; close some, or request events in pages"
            raise TooMany("too_many_streams", detail, limit=max_streams)
        self._streams[tenant] += 1
        try:
            yield
        finally:
            self._streams[tenant] -= 1

    async def wait_for_events(self, job_id: str, number: int, *, within_s: float) -> bool:
        """Wait until a job has events after this number; false on timeout or shutdown."""
        ends_at = time.monotonic() + within_s
        with self._watch_job(job_id):
            while self._newest.get(job_id, 0) <= number:
                left_s = ends_at - time.monotonic()
                if left_s <= 0 or self.is_closed:
                    return False
                try:
                    await asyncio.wait_for(self._next_look.wait(), left_s)
                except TimeoutError:
                    return False
        return True

    def close(self) -> None:
        """End all waits: the process is about to stop."""
        self.is_closed = True
        self._next_look.set()

    @contextmanager
    def _watch_job(self, job_id: str) -> Iterator[None]:
        self._watched[job_id] += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._poll_while_watched())
        try:
            yield
        finally:
            self._watched[job_id] -= 1
            if not self._watched[job_id]:
                del self._watched[job_id]
                self._newest.pop(job_id, None)

    async def _poll_while_watched(self) -> None:
        try:
            while self._watched and not self.is_closed:
                await self._poll()
                await asyncio.sleep(self.limits.poll_interval_s)
        finally:
            self._looking = None

    async def _poll(self) -> None:
        try:
            self._newest |= await run_in_threadpool(self._read_newest_events, list(self._watched))
        except SQLAlchemyError as error:
            log.warning("events cannot be read", extra={"reason": type(error).__name__})
        look, self._next_look = self._next_look, asyncio.Event()
        look.set()

    def _read_newest_events(self, job_ids: list[str]) -> dict[str, int]:
        with self._sessions.read() as session:
            return Jobs(session).newest_events(job_ids)
