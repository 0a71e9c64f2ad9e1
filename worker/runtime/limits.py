"""Times and numbers that bound the processes of a worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RuntimeLimits:
    """Limits of a worker and its processes; times are in seconds.

    Attributes:
        jobs_per_process: Jobs until a process is replaced, which bounds memory leaks of libraries.
        start_timeout_s: For a process to start: importing torch is slow on a busy machine.
        poll_period_s: Between two checks of processes: whether an idle one is alive, whether a stopping
            worker is idle.
        first_restart_pause_s: Half the pause before the next start of a process after one has failed.
        stuck_after_s: A worker is stuck if no process has adopted a job for so long.
        adoption_timeout_s: For a process to adopt a job: it may first have to start, or to end a job that it
            has lost.
        cleanup_period_s: Between two deletions of data that are not needed any more.
        pause_after_failure_s: Least pause of a periodic task that failed.
        retention_batch_rows: Rows per kind and round of retention, so that a backlog does not delay other
            periodic tasks.
    """

    jobs_per_process: int = 8
    start_timeout_s: float = 120.0
    poll_period_s: float = 0.1
    first_restart_pause_s: float = 0.1
    stuck_after_s: float = 30.0
    adoption_timeout_s: float = 120.0
    cleanup_period_s: float = 60.0
    pause_after_failure_s: float = 2.0
    retention_batch_rows: int = 100


DEFAULT_RUNTIME = RuntimeLimits()
