"""Times and numbers that bound the processes of a worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RuntimeLimits:
    """Limits of a worker and its processes; times are in seconds.

    Attributes:
        jobs_per_process: Jobs until a process is replaced, which bounds memory leaks of libraries.
        start_timeout_s: For a process to start: importing torch is slow on a busy machine.
        end_timeout_s: For a process to end after it was asked to.
        poll_period_s: Between two checks of processes: whether an idle one is alive, whether a stopping
            worker is idle.
        min_idle_polls: Consecutive checks until a stopping worker counts as idle: messages may be in transit.
        first_restart_pause_s: Half the pause before the next start of a process after one has failed.
        max_restart_pause_s: Longest such pause; it doubles with every failure.
        stuck_after_s: A worker is stuck if no process has adopted a job for so long.
        adoption_timeout_s: For a process to adopt a job: it may first have to start, or to end a job that it
            has lost.
        report_period_s: Between two registrations of the worker.
        cleanup_period_s: Between two deletions of data that are not needed any more.
        republish_period_s: Between two checks for jobs that no message announces.
        republish_after_s: Age of a message before it is repeated; a shorter time floods the queue with
            messages about jobs that wait their turn.
        pause_after_failure_s: Least pause of a periodic task that failed.
        short_job_s: Estimated time of the jobs that the process for short jobs takes.
        max_short_job_s: Time after which such a job goes back to the queue and waits for another process.
        max_short_job_bytes: Memory of such a job, besides the limit of all jobs.
        retention_batch_rows: Rows per kind and round of retention, so that a backlog does not delay other
            periodic tasks.
    """

    jobs_per_process: int = 8
    start_timeout_s: float = 120.0
    end_timeout_s: float = 5.0
    poll_period_s: float = 0.1
    min_idle_polls: int = 3
    first_restart_pause_s: float = 0.1
    max_restart_pause_s: float = 30.0
    stuck_after_s: float = 30.0
    adoption_timeout_s: float = 120.0
    report_period_s: float = 5.0
    cleanup_period_s: float = 60.0
    republish_period_s: float = 1.0
    republish_after_s: float = 60.0
    pause_after_failure_s: float = 2.0
    short_job_s: float = 10.0
    max_short_job_s: float = 30.0
    max_short_job_bytes: int = 2**30
    retention_batch_rows: int = 100


DEFAULT_RUNTIME = RuntimeLimits()
