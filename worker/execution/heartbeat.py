"""The link between a process that trains and its job row: a thread that beats while the training works.

Each beat renews the lease, stores the progress, and learns whether the job was cancelled or taken
away. A new stage of the job does not wait for the next beat. When the worker has to stop, the beat gives
the job back instead.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from service.db.repositories import TrainingJobs
from service.db.session import Sessions
from service.settings import Settings
from worker.execution.memory_limit import LOOKS_OFTEN, MemoryLimit
from worker.execution.outcome import Progress, Stopped

log = logging.getLogger(__name__)

BEAT_S = 1.0  # at most; a cancellation is noticed within this time
LOOK_S = 0.1  # for news worth a beat of their own
AGAIN_S = 0.1  # between tries to give the job back
CANCEL_S = 10.0  # for a cancelled job to notice
GRACE_SHARE, GRACE_S = 0.13, 4.0  # of max_seconds and beyond: from the deadline to the end of the process
ETA_FROM = 0.1  # below this share of the work, the time left is a guess that helps nobody


end_process = os._exit


@dataclass
class Termination:
    """Whether this process was told to end. ``wake`` interrupts the heartbeat's pause."""

    requested: bool = False
    wake: threading.Event = field(default_factory=threading.Event)

    def request(self) -> None:
        """Called by a signal handler."""
        self.requested = True
        self.wake.set()


class Heartbeat:
    """Beats for one job while the ``with`` block runs.

    Args:
        deadline: Time of ``time.monotonic()`` at which the job has to come to an end by itself.
        max_seconds: That the job may take; somewhat beyond them its process is ended.
        memory: That the job may take; beyond it its process is ended.
    """

    def __init__(
        self,
        job_id: str,
        token: str,
        sessions: Sessions,
        settings: Settings,
        *,
        deadline: float,
        termination: Termination,
        max_seconds: float = math.inf,
        memory: MemoryLimit | None = None,
    ) -> None:
        self._job_id, self._token = job_id, token
        self._sessions, self._settings = sessions, settings
        self._began, self._deadline = time.monotonic(), deadline
        self._max_seconds, self._memory = max_seconds, memory
        self._ends_at = deadline + GRACE_SHARE * max_seconds + GRACE_S
        self._cancelled_at = math.inf
        self._termination = termination
        self._pending: list[dict[str, Any]] = []
        self._latest: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._has_ended = self._has_news = False
        self._is_lost = self._is_cancelled = self._winds_down = False
        self._thread = threading.Thread(target=self._run, name=f"heartbeat {job_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended = True
        self._termination.wake.set()
        self._thread.join()

    @contextmanager
    def pausing_clock(self) -> Iterator[None]:
        """The time of the job does not run, while what its work needs is imported."""
        since, ends_at, self._ends_at = time.monotonic(), self._ends_at, math.inf
        yield
        pause = time.monotonic() - since
        self._deadline += pause
        self._ends_at = ends_at + pause

    @property
    def is_interrupted(self) -> bool:
        """Whether someone, not the clock, wants the job to end."""
        return self._is_lost or self._is_cancelled or self._winds_down or self._termination.requested

    @property
    def pending(self) -> list[dict[str, Any]]:
        """Progress that no beat has stored yet."""
        with self._lock:
            return list(self._pending)

    def report(self, progress: Progress) -> None:
        """Note progress for the next beat; within a stage the latest word and the lowest error count."""
        with self._lock:
            self._has_news |= progress.stage != self._latest.get("stage")
            error = progress.error
            if self._pending and self._pending[-1]["stage"] == progress.stage:
                error = _lower(error, self._pending.pop()["error"])
            eta_seconds = self._eta_seconds(progress.fraction)
            self._latest = {**asdict(progress), "error": error, "eta_seconds": eta_seconds}
            self._pending.append(self._latest)

    def should_stop(self) -> bool:
        """Whether to come to an end with the best network so far.

        Raises:
            Stopped: Nothing of this run will be kept.
        """
        if self._is_lost or self._is_cancelled or self._termination.requested:
            raise Stopped
        return self.seconds_left() <= 0

    def seconds_left(self) -> float:
        """Time until the job has to come to an end; none if its best is wanted at once."""
        return 0.0 if self._winds_down else max(0.0, self._deadline - time.monotonic())

    def beat(self) -> None:
        """One beat; says by ``should_stop`` what it learnt."""
        with self._lock:
            batch, self._pending, latest = self._pending, [], dict(self._latest)
            self._has_news = False
        try:
            self._write(batch, latest)
        except SQLAlchemyError as error:
            log.warning("heartbeat failed", extra={"job_id": self._job_id, "reason": type(error).__name__})
            with self._lock:
                self._pending = batch + self._pending

    def _run(self) -> None:
        while not (self._has_ended or self._is_lost):
            try:
                self.beat()
                self._pause()
            except MemoryError:  # the training has taken it, and is about to learn so, too
                time.sleep(AGAIN_S)
            if self._termination.requested:
                time.sleep(AGAIN_S)

    def _pause(self) -> None:
        """Until the next beat is due, or a new stage, a termination or the end of the job calls for it."""
        self._enforce()
        due_at = time.monotonic() + min(BEAT_S, self._settings.heartbeat_s)
        while not self._has_news and (left_s := due_at - time.monotonic()) > 0:
            if LOOKS_OFTEN and self._memory is not None and self._memory.is_exceeded:
                self._enforce()
            if self._termination.wake.wait(min(LOOK_S, left_s)):
                return

    def _enforce(self) -> None:
        """End the process of a job that has gone beyond its limits, whatever it is at."""
        now = time.monotonic()
        if self._memory is not None and self._memory.is_exceeded:
            self._end_process(code="out_of_memory", detail=self._memory.words())
        elif now > self._ends_at:
            detail = f"the job did not end within max_seconds = {self._max_seconds:g}; allow more time"
            self._end_process(code="time_limit", detail=detail)
        elif now > self._cancelled_at + CANCEL_S:
            self._end_process(code="time_limit", detail="the job did not notice that it was cancelled")

    def _end_process(self, *, code: str, detail: str) -> None:
        """Give the verdict, and end: what the job computes with may not ask anything for hours."""
        if self._has_ended:
            return
        with suppress(SQLAlchemyError), self._sessions.begin() as session:
            TrainingJobs(session).fail(self._job_id, self._token, code=code, detail=detail)
        log.error("process of a job ended", extra={"job_id": self._job_id, "code": code, "reason": detail})
        end_process(1)

    def _write(self, batch: list[dict[str, Any]], latest: dict[str, Any]) -> None:
        with self._sessions.begin() as session:
            jobs = TrainingJobs(session)
            if self._termination.requested:
                jobs.release(self._job_id, self._token)
                self._is_lost = True
                return
            # Errors are for a curve, which events make; the row tells how the job is now.
            now = {name: value for name, value in latest.items() if name != "error"}
            job = jobs.heartbeat(self._job_id, self._token, lease_s=self._settings.lease_s, **now)
            if job is None:
                self._is_lost = True
                return
            for progress in batch:
                jobs.record_progress(job, **progress)
            if job.cancel_requested_at is not None:
                self._winds_down, self._is_cancelled = job.keep_best, not job.keep_best
                if self._is_cancelled:
                    self._cancelled_at = min(self._cancelled_at, time.monotonic())

    def _eta_seconds(self, fraction: float) -> float | None:
        if fraction < ETA_FROM:
            return None
        elapsed = time.monotonic() - self._began
        left = max(0.0, self._deadline - time.monotonic())
        return round(min(left, elapsed * (1 - fraction) / fraction), 1)


def _lower(*errors: float | None) -> float | None:
    return min((error for error in errors if error is not None), default=None)
