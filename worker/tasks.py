"""The Celery task of a job. Imports torch only in child processes, not in the one that starts them."""

import threading
from importlib import import_module
from typing import Any

from celery import shared_task, signals

from service.observability.tracing import trace_job
from service.queue import JOB_TASK
from worker.execution.attempt import JobHandler
from worker.execution.runner import run_job
from worker.runtime.child_process import handle_termination, notify_workers, sessions, settings


@shared_task(name=JOB_TASK)  # type: ignore[untyped-decorator]
def work(job_id: str, token: str | None = None) -> None:
    """Execute a job. ``token`` is that of the dispatcher that claimed it; without one, claim the job here."""
    with handle_termination() as termination, trace_job(job_id):
        run_job(
            job_id,
            token,
            sessions(),
            settings(),
            work_of=find_handler,
            termination=termination,
            ring=notify_workers,
        )


def work_shortly(
    job_id: str, token: str, *, max_short_job_s: float = 30.0, max_short_job_bytes: int = 2**30
) -> tuple[bool, None, float]:
    """Execute a job that is expected to be short; returns what the pool expects of a call: no failure.

    Args:
        max_short_job_s: Time after which such a job goes back to the queue and waits for another process.
        max_short_job_bytes: Memory of such a job, besides the limit of all jobs.
    """
    base_settings = settings()
    job_settings = base_settings.model_copy(
        update={"max_memory_bytes": min(base_settings.max_memory_bytes, max_short_job_bytes)}
    )
    with handle_termination() as termination, trace_job(job_id):
        run_job(
            job_id,
            token,
            sessions(),
            job_settings,
            work_of=find_handler,
            termination=termination,
            ring=notify_workers,
            max_run_s=max_short_job_s,
        )
    return False, None, 0.0


def find_handler(kind: str) -> JobHandler:
    """Return the handler of a kind of job."""
    from worker.jobs.registry import HANDLERS  # noqa: PLC0415

    return HANDLERS[kind]


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _warm_up(**_: Any) -> None:
    """Import torch while the process is idle, so that its first job starts at once."""
    warm_up = threading.Thread(
        target=import_module, args=("worker.jobs.registry",), name="warm-up", daemon=True
    )
    warm_up.start()
