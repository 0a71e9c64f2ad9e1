"""Parts of a job as rows, which other workers see: done ahead by them, kept for the job's next attempt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

from sqlalchemy.orm import Session

from service.db.repositories.subtasks import JobParts, free_slots
from service.db.session import UNUSABLE, Sessions
from service.db.tables import Job, JobStatus
from service.schemas.jobs import PartRequest
from service.schemas.training import TrainRequest
from service.storage.blobs import put_bytes, read_bytes
from worker.execution.outcome import Waiting
from worker.execution.subtasks import Part, T

log = logging.getLogger(__name__)

KEPT_FROM_S = 1.0  # what took less is quicker done again than stored
LOOK_S = 2.0  # between looks for free workers; a job that ends sooner needs none


class SharedParts:
    """The parts of a job that this process has.

    Args:
        sessions: On behalf of the job's owner.
        hold: The job, locked, if this process still has it; else it raises.
        seconds_left: What the job may still take.
        ring: Tells workers that there is something to do.
    """

    def __init__(
        self,
        sessions: Sessions,
        hold: Callable[[Session], Job],
        training: TrainRequest,
        *,
        seconds_left: Callable[[], float],
        ring: Callable[[], None],
    ) -> None:
        self._sessions, self._hold, self._training = sessions, hold, training
        self._seconds_left, self._ring = seconds_left, ring
        self._probable: list[Callable[[], Sequence[Part]]] = []
        self._looked_at = time.monotonic()
        self._here = set[str]()  # what this process has done or is at
        with sessions.begin() as session:
            self._job = hold(session)
            parts = JobParts(session, self._job).all()
        self._done = {part.request_sha256: part.result_sha256 for part in parts if part.result_sha256}
        self._offered = {part.request_sha256 for part in parts if not JobStatus(part.status).is_final}

    def result(
        self, part: Part, work: Callable[[], T], *, write: Callable[[T], bytes], read: Callable[[bytes], T]
    ) -> T:
        """See ``Parts``. What was cut short is not kept: more time would give something else."""
        known = self._taken_back(part) if part.key in self._offered else self.peek(part)
        if known is not None:
            return read(known)
        started = time.monotonic()
        self._here.add(part.key)
        found = work()
        if time.monotonic() - started >= KEPT_FROM_S and self._seconds_left() > 0:
            self._keep(part, write(found))
        return found

    def peek(self, part: Part) -> bytes | None:
        """See ``Parts``."""
        sha256 = self._done.get(part.key)
        if sha256 is None:
            return None
        with self._sessions.read() as session:
            return read_bytes(session, sha256)

    @contextmanager
    def ahead(self, probable: Callable[[], Sequence[Part]]) -> Iterator[None]:
        """See ``Parts``."""
        self._probable.append(probable)
        try:
            yield
        finally:
            self._probable.pop()

    def look(self) -> None:
        """Called often: now and then, offer what is probably wanted next to workers with nothing to do."""
        if time.monotonic() - self._looked_at >= LOOK_S:
            self._looked_at = time.monotonic()
            self._offer()

    def _offer(self, own: int = 0) -> None:
        """Offer as many parts as there are processes for them, and for ``own`` that are about to be free."""
        try:
            with self._sessions.read() as session:
                free = free_slots(session) + own
            if free > 0:
                self._refresh()
                self._add(free)
        except UNUSABLE as error:
            log.warning("parts not offered", extra={"reason": str(error.orig)})

    def _add(self, count: int) -> None:
        known = self._done.keys() | self._offered | self._here
        probable = chain.from_iterable(parts() for parts in reversed(self._probable))
        wanted = islice((part for part in probable if part.key not in known), count)
        requests = {part.key: self._request(part) for part in wanted}
        if requests:
            with self._sessions.begin() as session:
                JobParts(session, self._hold(session)).offer(requests)
            self._offered |= requests.keys()
            self._ring()

    def _refresh(self) -> None:
        """Learn what others have done; without a lock, since a part that is done stays so."""
        if not self._offered:
            return
        with self._sessions.read() as session:
            results = JobParts(session, self._job).results(self._offered)
        self._done |= results
        self._offered -= results.keys()

    def _taken_back(self, part: Part) -> bytes | None:
        """The result of a part that was offered; None if this process has to do it itself.

        Raises:
            Waiting: Another worker is at it. This one leaves, and its process may do a further part.
        """
        with self._sessions.begin() as session:
            parts = JobParts(session, self._hold(session))
            is_elsewhere = not parts.withdraw(part.key) and parts.wait_for(part.key)
            self._done |= parts.results({part.key})
        if is_elsewhere:
            self._offer(own=1)
            raise Waiting(f"another worker is at the next part: {part.name}")
        self._offered.discard(part.key)
        return self.peek(part)

    def _keep(self, part: Part, result: bytes) -> None:
        try:
            with self._sessions.begin() as session:
                parts = JobParts(session, self._hold(session))
                parts.record(part.key, self._request(part), put_bytes(session, result))
        except UNUSABLE as error:
            log.warning("part not kept", extra={"job_id": self._job.id, "reason": str(error.orig)})

    def _request(self, part: Part) -> dict[str, Any]:
        request = PartRequest(
            name=part.name, input=part.input, training=self._training, max_seconds=self._seconds_left()
        )
        return request.model_dump(mode="json")
