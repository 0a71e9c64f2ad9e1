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
        retry_pauses_s: Pauses between attempts to write, while a database restarts.
        max_beat_period_s: Longest time between two beats, and so until a cancellation is noticed.
        poll_period_s: Time between two checks for a reason to beat at once, or for the end of a subtask.
        release_retry_period_s: Time between attempts to release a job.
        cancel_grace_s: Time for a cancelled job to stop.
        overrun_s: Time beyond ``max_seconds``, or after a request to stop with the best result, at which a
            job ends with the best model that it has published. Clients are promised at most 20 seconds, of
            which a busy machine needs some for the transaction.
        first_model_s: Further time for a job that has published none, before it fails.
        memory_kill_ratio: Multiple of the memory limit at which the process is ended; above 1, so that
            allocations fail first.
        min_stored_duration_s: A subtask that took less is faster to repeat than to store.
        max_trials: Trials of an attempt in its events; further ones only where they are better than all.
        offer_period_s: Time between two checks for free workers; a job that ends sooner needs no help.
    """

    work_time_share: float = 0.95
    min_finish_s: float = 1.0
    retry_pauses_s: tuple[float, ...] = (0.1, 0.5, 1, 2, 4, 8, 15, 15)
    max_beat_period_s: float = 1.0
    poll_period_s: float = 0.1
    release_retry_period_s: float = 0.1
    cancel_grace_s: float = 10.0
    overrun_s: float = 12.0
    first_model_s: float = 120.0
    memory_kill_ratio: float = 1.1
    min_stored_duration_s: float = 0.5
    max_trials: int = 1000
    offer_period_s: float = 0.5


DEFAULT_EXECUTION = ExecutionLimits()
