"""Subtasks of a job as rows of the database.

Other workers can execute them in advance, and the job's next attempt can reuse their results.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

from sqlalchemy.orm import Session

from kan_engine.search.subtasks import Subtask, T
from service.db.repositories.subtasks import JobSubtasks, count_free_slots
from service.db.session import UNAVAILABLE_ERRORS, Sessions
from service.db.tables import Job, JobStatus
from service.schemas.job_requests import SubtaskRequest
from service.schemas.training import TrainRequest
from service.storage.blobs import put_bytes, read_bytes
from worker.execution.limits import ExecutionLimits
from worker.execution.outcome import READ_ERRORS, JobWaiting

log = logging.getLogger(__name__)


class DistributedSubtasks:
    """The subtasks of a job that this process holds.

    Args:
        sessions: Opens transactions on behalf of the job's owner.
        hold: Returns the locked row of the job; raises ``JobStopped`` if another process holds it.
        training: The training that the subtasks belong to.
        seconds_left: Returns the remaining time of the job.
        should_stop: Whether the job has to stop.
        ring: Notifies workers that subtasks were queued.
        limits: When results are stored and subtasks are offered.
    """

    def __init__(
        self,
        sessions: Sessions,
        hold: Callable[[Session], Job],
        training: TrainRequest,
        *,
        seconds_left: Callable[[], float],
        should_stop: Callable[[], bool],
        ring: Callable[[], None],
        limits: ExecutionLimits,
    ) -> None:
        self._sessions, self._hold, self._training = sessions, hold, training
        self._seconds_left, self._should_stop = seconds_left, should_stop
        self._ring, self._limits = ring, limits
        self._probable: list[Callable[[], Sequence[Subtask]]] = []
        self._looked_at = self._started = time.monotonic()
        self._kept_s = 0.0  # of this process's time, what it spent on stored results
        self._here = set[str]()  # keys of subtasks that this process has started
        with sessions.begin() as session:
            self._job = hold(session)
            parts = JobSubtasks(session, self._job).all()
        self._done = {part.request_sha256: part.result_sha256 for part in parts if part.result_sha256}
        self._offered = {part.request_sha256 for part in parts if not JobStatus(part.status).is_final}

    def get_or_compute(
        self, part: Subtask, work: Callable[[], T], *, write: Callable[[T], bytes], read: Callable[[bytes], T]
    ) -> T:
        """See ``SubtaskCache``.

        A result cut short by the time limit is not stored: with more time it would be different. One that
        cannot be read, because another version of the service has written it, is computed again.
        """
        content = self._reclaim(part) if part.key in self._offered else self.peek(part)
        try:
            if content is not None:
                return read(content)
        except READ_ERRORS as error:
            facts = {"job_id": self._job.id, "part": part.name, "reason": f"{type(error).__name__}: {error}"}
            log.warning("result of a subtask cannot be read", extra=facts)
        start = time.monotonic()
        self._here.add(part.key)
        result = work()
        if time.monotonic() - start >= self._limits.min_stored_duration_s and self._seconds_left() > 0:
            self._store_result(part, write(result))
            self._kept_s += time.monotonic() - start
        return result

    def peek(self, part: Subtask) -> bytes | None:
        """See ``SubtaskCache``."""
        sha256 = self._done.get(part.key)
        if sha256 is None:
            return None
        with self._sessions.read() as session:
            return read_bytes(session, sha256)

    def select_features(self, names: Sequence[str]) -> None:
        """See ``SubtaskCache``."""
        self._training = self._training.model_copy(update={"features": list(names)})

    @contextmanager
    def prefetch(self, probable: Callable[[], Sequence[Subtask]]) -> Iterator[None]:
        """See ``SubtaskCache``."""
        self._probable.append(probable)
        try:
            yield
        finally:
            self._probable.pop()

    def offer_if_due(self) -> None:
        """Offer the next probable subtasks to idle workers, at most once in ``offer_period_s``.

        It may be called often.
        """
        if time.monotonic() - self._looked_at >= self._limits.offer_period_s:
            self._looked_at = math.inf  # what predicts a part may ask whether to stop, and so come here again
            self._offer_subtasks()
            self._looked_at = time.monotonic()

    def _offer_subtasks(self, ending_count: int = 0) -> None:
        """Offer one subtask for each process that is free, or is one of ``ending_count`` about to become so.

        While others do subtasks and this process works, too, a further one is queued for the first of them
        that ends.
        """
        try:
            self._load_results()
            with self._sessions.read() as session:
                free = count_free_slots(session) + ending_count
                if not ending_count and self._offered and JobSubtasks(session, self._job).are_all_taken():
                    free += 1
            if free > 0 or self._offered:
                self._queue_subtasks(free)
        except UNAVAILABLE_ERRORS as error:
            log.warning("parts not offered", extra={"reason": str(error.orig)})

    def _queue_subtasks(self, count: int) -> None:
        """Offer the most probable subtasks that are new, in place of those that are improbable by now."""
        keys = self._done.keys() | self._offered | self._here
        probable = list(chain.from_iterable(parts() for parts in reversed(self._probable)))
        stale = self._offered - {part.key for part in probable}
        candidates = islice((part for part in probable if part.key not in keys), max(0, count) + len(stale))
        requests = {part.key: self._make_request(part) for part in candidates}
        if not requests:
            return
        with self._sessions.begin() as session:
            parts = JobSubtasks(session, self._hold(session))
            for key in stale:
                parts.drop(key)
            parts.offer(requests)
        self._offered = (self._offered - stale) | requests.keys()
        self._ring()

    def _load_results(self) -> None:
        """Load the results of subtasks that others have finished.

        No lock is needed, because a finished subtask stays finished.
        """
        if not self._offered:
            return
        with self._sessions.read() as session:
            results = JobSubtasks(session, self._job).results(self._offered)
        self._done |= results
        self._offered -= results.keys()

    def _reclaim(self, part: Subtask) -> bytes | None:
        """Return the result of an offered subtask, or withdraw it and return None: then compute it here.

        Once the time is up nobody waits for it: what can be computed here without time is enough.

        Raises:
            JobWaiting: Another worker executes the subtask. This process is then free for another subtask.
        """
        self._wait_for_end(part)
        with self._sessions.begin() as session:
            parts = JobSubtasks(session, self._hold(session))
            is_elsewhere = not parts.withdraw(part.key) and self._seconds_left() > 0
            is_elsewhere = is_elsewhere and parts.wait_for(part.key)
            self._done |= parts.results({part.key})
        if is_elsewhere:
            self._offer_subtasks(ending_count=1)
            raise JobWaiting(f"waiting for another worker to finish the subtask {part.name}")
        self._offered.discard(part.key)
        return self.peek(part)

    def _wait_for_end(self, part: Subtask, *, min_attempt_s: float = 30.0) -> None:
        """Wait while another worker executes a subtask, at most as long as the next attempt would repeat.

        To wait that long costs at most twice the time of the better choice, whichever that is. A job with
        little time left waits until its time is up: it would have none for another attempt.

        Args:
            min_attempt_s: Time left below which a job does not leave its process to wait for a subtask.
        """
        now = time.monotonic()
        longest_s = now - self._started - self._kept_s
        if self._seconds_left() < min_attempt_s:
            longest_s = self._seconds_left()
        while time.monotonic() - now < longest_s and not self._should_stop():
            with self._sessions.read() as session:
                if not JobSubtasks(session, self._job).is_running(part.key):
                    return
            time.sleep(self._limits.poll_period_s)

    def _store_result(self, part: Subtask, result: bytes) -> None:
        try:
            with self._sessions.begin() as session:
                parts = JobSubtasks(session, self._hold(session))
                parts.record(part.key, self._make_request(part), put_bytes(session, result))
        except UNAVAILABLE_ERRORS as error:
            log.warning("part not kept", extra={"job_id": self._job.id, "reason": str(error.orig)})

    def _make_request(self, part: Subtask) -> dict[str, Any]:
        request = SubtaskRequest(
            name=part.name, input=part.input, training=self._training, max_seconds=self._seconds_left()
        )
        return request.model_dump(mode="json")
