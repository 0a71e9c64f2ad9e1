"""Times and shares that bound the execution of a job."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ExecutionLimits:
    """Limits of the execution of jobs; times are in seconds.

    Attributes:
        work_time_share: Share of ``max_seconds`` until ``should_stop``; the rest is for evaluating and
            storing the result.
        min_finish_s: Least rest in short jobs: for the fallback formula, for evaluating and storing.
        min_work_time_share: Least share of ``max_seconds`` until ``should_stop``, in the shortest jobs.
        retry_pauses_s: Pauses between attempts to write, while a database restarts.
        max_beat_period_s: Longest time between two beats, and so until a cancellation is noticed.
        poll_period_s: Time between two checks for a reason to beat at once, or for the end of a subtask.
        release_retry_period_s: Time between attempts to release a job.
        cancel_grace_s: Time for a cancelled job to stop.
        overrun_s: Time beyond ``max_seconds``, or after a request to stop with the best result, at which a
            job ends with the best model that it has published. Clients are promised at most 20 seconds, of
            which a busy machine needs some for the transaction.
        min_attempt_s: Time left below which a job does not leave its process to wait for a subtask.
        first_model_s: Further time for a job that has published none, before it fails.
        creep_time_share: Share of the time of a job in which its shown progress goes two thirds of the way to
            the middle of what is left while a stage reports nothing.
        min_eta_fraction: Completed share of a job below which its remaining time is too uncertain to report.
        memory_kill_ratio: Multiple of the memory limit at which the process is ended; above 1, so that
            allocations fail first.
        min_stored_duration_s: A subtask that took less is faster to repeat than to store.
        max_trials: Trials of an attempt in its events; further ones only where they are better than all.
        offer_period_s: Time between two checks for free workers; a job that ends sooner needs no help.
    """

    work_time_share: float = 0.95
    min_finish_s: float = 1.0
    min_work_time_share: float = 0.5
    retry_pauses_s: tuple[float, ...] = (0.1, 0.5, 1, 2, 4, 8, 15, 15)
    max_beat_period_s: float = 1.0
    poll_period_s: float = 0.1
    release_retry_period_s: float = 0.1
    cancel_grace_s: float = 10.0
    overrun_s: float = 12.0
    min_attempt_s: float = 30.0
    first_model_s: float = 120.0
    creep_time_share: float = 0.3
    min_eta_fraction: float = 0.1
    memory_kill_ratio: float = 1.1
    min_stored_duration_s: float = 0.5
    max_trials: int = 1000
    offer_period_s: float = 0.5


DEFAULT_EXECUTION = ExecutionLimits()
