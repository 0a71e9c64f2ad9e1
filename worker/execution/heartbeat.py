"""The heartbeat of a job: a thread that updates the job's row while the process executes the job.

Each beat renews the lease, stores the progress, and reads whether the job was cancelled or lost to another
process. A new stage of the job triggers a beat at once. If the worker has to stop, the beat releases the job
to the queue instead.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from kan_engine.formulas.callbacks import TrialReport
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.settings import Settings
from worker.execution.best_model import end_with_best_model
from worker.execution.limits import ExecutionLimits
from worker.execution.memory_limit import CAN_POLL_MEMORY, MemoryLimit
from worker.execution.outcome import JobProgress, JobStopped
from worker.execution.search_recorder import SearchRecorder

log = logging.getLogger(__name__)

end_process = os._exit


@dataclass(frozen=True)
class BufferedProgress(JobProgress):
    """Progress with an estimate of the remaining time, None while it is too uncertain.

    Attributes:
        trials: Networks that were tried, each with the time of ``time.monotonic()`` of its end.
    """

    eta_seconds: float | None = None
    trials: tuple[tuple[TrialReport, float], ...] = ()

    def to_event(self) -> dict[str, Any]:
        """The data of an event; of its trials the fields that are known, and their ages at that time."""
        data, now = asdict(self), time.monotonic()
        if trials := data.pop("trials"):
            data["trials"] = [
                {name: value for name, value in trial.items() if value is not None}
                | {"age_seconds": round(now - at, 2)}
                for trial, at in trials
            ]
        return data


@dataclass
class Termination:
    """Whether this process has been asked to end. ``wake`` interrupts the heartbeat's pause."""

    requested: bool = False
    wake: threading.Event = field(default_factory=threading.Event)

    def request(self) -> None:
        """Request the end of the process, from a signal handler."""
        self.requested = True
        self.wake.set()


class Heartbeat:
    """Runs the heartbeat of a job during a ``with`` block.

    Args:
        deadline: Time of ``time.monotonic()`` from which ``should_stop`` returns true.
        ends_at: Time at which the job ends with the model that it has published so far.
        first_model_s: Time after it at which a job fails that has published none.
        max_seconds: Time limit of the job.
        max_run_s: Time after which the job goes back to the queue, for another process.
        recorder: Has the trace of the job, which is stored if the process has to be ended.
        memory: Memory limit of the job. A process that exceeds it is ended.
        limits: Periods and times of grace.
    """

    def __init__(
        self,
        job_id: str,
        token: str,
        sessions: Sessions,
        settings: Settings,
        *,
        deadline: float,
        ends_at: float = math.inf,
        first_model_s: float = 0.0,
        termination: Termination,
        max_seconds: float = math.inf,
        max_run_s: float = math.inf,
        recorder: SearchRecorder | None = None,
        memory: MemoryLimit | None = None,
        limits: ExecutionLimits,
    ) -> None:
        self._job_id, self._token = job_id, token
        self._sessions, self._settings = sessions, settings
        self._began, self._deadline = time.monotonic(), deadline
        self._max_seconds, self._memory, self._limits = max_seconds, memory, limits
        self._recorder = recorder or SearchRecorder()
        self._leaves_at = self._began + max_run_s
        self._ends_at, self._first_model_s, self._cancelled_at = ends_at, first_model_s, math.inf
        self._termination = termination
        self._pending: list[BufferedProgress] = []
        self._latest: BufferedProgress | None = None
        self._trial_count, self._lowest_error = 0, math.inf
        self._shown = self._reached = 0.0
        self._reached_at = self._began
        self._lock = threading.Lock()
        self._has_ended = self._has_news = False
        self._is_lost = self._has_left = self._is_cancelled = self._winds_down = False
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
    def pause_clock(self) -> Iterator[None]:
        """Stop the clock of the job during the block, while its modules are imported.

        The end of the job does not move: the client waits for it, whatever the process does.
        """
        since = time.monotonic()
        yield
        self._deadline += time.monotonic() - since

    def restart_clock(self, *, deadline: float, ends_at: float) -> None:
        """Give the job another deadline and end, since it begins anew."""
        self._deadline, self._ends_at = deadline, ends_at

    @property
    def is_interrupted(self) -> bool:
        """Whether the job has to end for another reason than the time limit."""
        return self._is_lost or self._is_cancelled or self._winds_down or self._termination.requested

    @property
    def is_short(self) -> bool:
        """Whether the job was expected to be short, and goes back to the queue if it is not."""
        return self._leaves_at < math.inf

    @property
    def stage(self) -> str | None:
        """The stage that was reported last; None if there was none."""
        return None if self._latest is None else self._latest.stage

    @property
    def progress_buffer(self) -> list[BufferedProgress]:
        """Progress that no beat has stored."""
        with self._lock:
            return list(self._pending)

    def report(self, progress: JobProgress) -> None:
        """Buffer progress for the next beat; of each stage only the latest report with the lowest error."""
        with self._lock:
            self._has_news |= self._latest is None or progress.stage != self._latest.stage
            latest = BufferedProgress(
                progress.stage,
                max(progress.fraction, self._shown),
                progress.message,
                progress.error,
                self._eta_seconds(progress.fraction),
            )
            if self._pending and self._pending[-1].stage == progress.stage:
                before = self._pending.pop()
                error = _lowest_error(progress.error, before.error)
                latest = replace(latest, error=error, trials=before.trials)
            self._latest = latest
            self._pending.append(self._latest)

    def record_trial(self, trial: TrialReport) -> None:
        """Buffer a network that was tried; after ``max_trials`` of them only a better one than all."""
        with self._lock:
            is_better = trial.error < self._lowest_error
            self._lowest_error = min(trial.error, self._lowest_error)
            if self._latest is None or (self._trial_count >= self._limits.max_trials and not is_better):
                return
            self._trial_count += 1
            progress = self._pending.pop() if self._pending else replace(self._latest, error=None, trials=())
            self._pending.append(replace(progress, trials=(*progress.trials, (trial, time.monotonic()))))

    def should_stop(self) -> bool:
        """Return whether to finish with the best network so far.

        Raises:
            JobStopped: The result of this run would be discarded.
        """
        if self._is_lost or self._is_cancelled or self._termination.requested:
            raise JobStopped
        return self.seconds_left() <= 0

    def seconds_left(self) -> float:
        """Return the time until the job has to finish; 0 if the client asked for the best result so far."""
        return 0.0 if self._winds_down else max(0.0, self._deadline - time.monotonic())

    def beat(self) -> None:
        """Write one beat; ``should_stop`` then reflects a cancellation or the loss of the job."""
        with self._lock:
            batch, self._pending = self._pending, []
            latest = None if self._latest is None else replace(self._latest, fraction=self._advance())
            self._has_news = False
        try:
            self._write(batch, latest)
        except SQLAlchemyError as error:
            log.warning("heartbeat failed", extra={"job_id": self._job_id, "reason": type(error).__name__})
            with self._lock:
                self._pending = batch + self._pending

    def _advance(self, *, creep_time_share: float = 0.3) -> float:
        """Return the fraction of the job to show: it grows with the time while a stage reports nothing.

        Between two reports it approaches the middle of what was left, so that a later report seldom finds it
        too high; it never falls.

        Args:
            creep_time_share: Share of the time of a job in which its shown progress goes two thirds of the
                way to the middle of what is left while a stage reports nothing.
        """
        now, fraction = time.monotonic(), 0.0 if self._latest is None else self._latest.fraction
        if fraction > self._shown:
            self._shown = self._reached = fraction
            self._reached_at = now
        usual_s = creep_time_share * max(1.0, self._deadline - self._began)
        share = 1 - math.exp(-(now - self._reached_at) / usual_s)
        self._shown = max(self._shown, self._reached + (1 - self._reached) / 2 * share)
        return self._shown

    def _run(self) -> None:
        while not (self._has_ended or self._is_lost):
            try:
                self.beat()
                self._pause()
            except MemoryError:  # the job has used the memory, and its own next allocation fails, too
                time.sleep(self._limits.release_retry_period_s)
            if self._termination.requested:
                time.sleep(self._limits.release_retry_period_s)
        if self._has_left and not self._has_ended:  # the process has to be free for the next short job
            self._termination.wake.wait(self._limits.cancel_grace_s)
            if not self._has_ended:
                end_process(1)

    def _pause(self) -> None:
        """Wait until the next beat is due, or until a new stage, a termination or the end of the job."""
        self._enforce_limits()
        due_at = time.monotonic() + min(self._limits.max_beat_period_s, self._settings.heartbeat_s)
        while not self._has_news and (left_s := due_at - time.monotonic()) > 0:
            if CAN_POLL_MEMORY and self._memory is not None and self._memory.is_exceeded:
                self._enforce_limits()
            if self._termination.wake.wait(min(self._limits.poll_period_s, left_s)):
                return

    def _enforce_limits(self) -> None:
        """End this process if the job exceeds its limits."""
        now = time.monotonic()
        if self._memory is not None and self._memory.is_exceeded:
            self._end_process(code="out_of_memory", detail=self._memory.describe_excess())
        elif now > self._ends_at:
            self._end_in_time(now)
        elif now > self._cancelled_at + self._limits.cancel_grace_s:
            self._end_process(code="time_limit", detail="the job did not stop after it was cancelled")

    def _end_in_time(self, now: float) -> None:
        """End the job with its best model so far, and this process; without a model, fail a little later."""
        if self._has_ended:
            return
        with suppress(SQLAlchemyError):
            with self._sessions.begin() as session:
                job = end_with_best_model(session, self._job_id, self._token, self.stage)
                self._recorder.store(session, job)
            if job is not None:
                facts = {"job_id": self._job_id, "cut_by": job.cut_by}
                log.warning("job ended with its best model so far", extra=facts)
                end_process(1)
        if now > self._ends_at + self._first_model_s:
            detail = f"the job did not end within max_seconds = {self._max_seconds:g}; raise max_seconds"
            self._end_process(code="time_limit", detail=detail)

    def _end_process(self, *, code: str, detail: str) -> None:
        """Record the failure and end this process: a library may not call ``should_stop`` for hours."""
        if self._has_ended:
            return
        with suppress(SQLAlchemyError), self._sessions.begin() as session:
            jobs = Jobs(session)
            if self.is_short and code == "out_of_memory":  # elsewhere it may use more
                jobs.requeue_as_long(self._job_id, self._token)
            else:
                job = jobs.fail(self._job_id, self._token, code=code, detail=detail)
                self._recorder.store(session, job)
        log.error("process of a job ended", extra={"job_id": self._job_id, "code": code, "reason": detail})
        end_process(1)

    def _write(self, batch: list[BufferedProgress], latest: BufferedProgress | None) -> None:
        with self._sessions.begin() as session:
            jobs = Jobs(session)
            if self._termination.requested:
                self._recorder.store(session, jobs.release(self._job_id, self._token))
                self._is_lost = True
                return
            if time.monotonic() > self._leaves_at:
                jobs.requeue_as_long(self._job_id, self._token)
                self._is_lost = self._has_left = True
                return
            # The row has the current state of the job; errors are only in its events, which form a curve.
            now = {} if latest is None else asdict(latest)
            for name in ("error", "trials"):
                now.pop(name, None)
            job = jobs.heartbeat(self._job_id, self._token, lease_s=self._settings.lease_s, **now)
            if job is None:
                self._is_lost = True
                return
            for progress in batch:
                jobs.record_progress(job, **progress.to_event())
            if job.cancel_requested_at is not None:
                self._winds_down, self._is_cancelled = job.keep_best, not job.keep_best
                now_s = time.monotonic()
                if self._is_cancelled:
                    self._cancelled_at = min(self._cancelled_at, now_s)
                else:
                    self._ends_at = min(self._ends_at, now_s + self._limits.overrun_s)

    def _eta_seconds(self, fraction: float, *, min_eta_fraction: float = 0.1) -> float | None:
        """Estimate the seconds left from the progress.

        Args:
            min_eta_fraction: Completed share of a job below which its remaining time is too uncertain to
                report.
        """
        if fraction < min_eta_fraction:
            return None
        elapsed_s = time.monotonic() - self._began
        remaining_s = max(0.0, self._deadline - time.monotonic())
        return round(min(remaining_s, elapsed_s * (1 - fraction) / fraction), 1)


def _lowest_error(*errors: float | None) -> float | None:
    return min((error for error in errors if error is not None), default=None)
