"""The Celery task of a job. Imports torch only in child processes, not in the one that starts them."""

import threading
from importlib import import_module
from typing import Any

from celery import shared_task, signals

from service.observability.tracing import job_span
from service.queue import JOB_TASK
from worker.execution.attempt import Work
from worker.execution.runner import run_job
from worker.runtime.child_process import ring, sessions, settings, until_terminated


@shared_task(name=JOB_TASK)  # type: ignore[untyped-decorator]
def work(job_id: str, token: str | None = None) -> None:
    """Execute a job. ``token`` is that of the dispatcher that claimed it; without one, claim the job here."""
    with until_terminated() as termination, job_span(job_id):
        run_job(job_id, token, sessions(), settings(), work_of=work_of, termination=termination, ring=ring)


def work_of(kind: str) -> Work:
    """Return the handler of a kind of job."""
    from worker.jobs.registry import WORKS  # noqa: PLC0415

    return WORKS[kind]


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _warm_up(**_: Any) -> None:
    """Import torch while the process is idle, so that its first job starts at once."""
    warm_up = threading.Thread(
        target=import_module, args=("worker.jobs.registry",), name="warm-up", daemon=True
    )
    warm_up.start()
