"""One thin task per message: unpack, call."""

from celery import shared_task

from service.queue import TRAIN_TASK
from worker.process import sessions, settings, until_terminated


@shared_task(name=TRAIN_TASK)  # type: ignore[untyped-decorator]
def train(job_id: str, token: str | None = None) -> None:
    """Do a training job. ``token`` comes from a dispatcher that has claimed it; without one, claim it."""
    from worker.training import run_training  # noqa: PLC0415  # torch, which the parent process can do without

    with until_terminated() as termination:
        run_training(job_id, token, sessions(), settings(), termination=termination)
