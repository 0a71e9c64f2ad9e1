"""The queue as the service sees it: a doorbell.

The job row is the job. A message only says that one waits, and who gets it takes the next in turn, so losing
one loses time, not work: workers sweep for queued rows that nobody rang for. Each kind of job has its queue,
so that there can be workers for short jobs that no training holds up. With ``memory://`` there is no bell;
the worker's dispatcher looks into the database several times a second.
"""

import logging
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any, Protocol

from service.settings import Settings

log = logging.getLogger(__name__)

JOB_TASK = "kan.job"
QUEUE_OF: Mapping[str, str] = {  # by kind of job
    "train": "train",
    "part": "train",
    "solve": "train",
    "symbolic": "short",
    "study": "short",
    "predict": "batch",
}
EMBEDDED = "memory://"
REDIS_TRANSPORT = "kombu.transport.redis"

JSON_ONLY: Mapping[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_ignore_result": True,
    "task_default_queue": QUEUE_OF["train"],
}
REDIS_OPTIONS: Mapping[str, Any] = {"global_keyprefix": "kan:", "socket_keepalive": True}
PUBLISH_OPTIONS: Mapping[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 1, "max_retries": 0}


def kinds_in(queues: Collection[str]) -> tuple[str, ...]:
    """The kinds of jobs that go to these queues."""
    return tuple(kind for kind, queue in QUEUE_OF.items() if queue in queues)


def kinds_beside(kind: str | None) -> tuple[str, ...]:
    """The kinds of jobs that go to the same queue as this one."""
    return () if kind is None else kinds_in((QUEUE_OF[kind],))


class BrokenTransport(Exception):
    """This installation lacks what it needs to talk to the broker."""


class TaskQueue(Protocol):
    """Where operations ring after they have committed a job."""

    def ring(self, job_id: str, kind: str) -> bool:
        """Tell workers of a queued job; false if nobody could be told. Never raises, never waits long."""
        ...


class NoBell:
    """The queue of one machine: workers look by themselves."""

    def ring(self, job_id: str, kind: str) -> bool:  # noqa: ARG002
        """There is nobody to tell."""
        return False


class RedisBell:
    """Sends the id of a job to the Celery queue of its kind."""

    def __init__(self, broker_url: str) -> None:
        from celery import Celery  # noqa: PLC0415  # takes half a second that a single machine need not spend

        self._app = Celery("kan-service", broker=broker_url, set_as_current=False)
        self._app.conf.update(JSON_ONLY, broker_transport_options={**REDIS_OPTIONS, **PUBLISH_OPTIONS})

    def ring(self, job_id: str, kind: str) -> bool:
        """Send the message, once: a sweeper rings again for what did not get through.

        Whatever is wrong with the broker or its driver, the job is stored, and its client must learn so.
        """
        try:
            self._app.send_task(JOB_TASK, (job_id,), queue=QUEUE_OF[kind], retry=False)
        except Exception as error:  # beside lost connections: a driver that is not there, a refused command
            reason = f"{type(error).__name__}: {error}"
            log.warning("broker cannot be used", extra={"job_id": job_id, "reason": reason})
            return False
        return True


def load_transport() -> None:
    """Import what Celery imports to talk to Redis; it does so with the first message, which is late to fail.

    Raises:
        BrokenTransport: It cannot be imported.
    """
    try:
        import_module(REDIS_TRANSPORT)
    except Exception as error:  # a broken package may raise anything
        raise BrokenTransport(f"the driver cannot be loaded ({type(error).__name__}: {error})") from error


def make_queue(settings: Settings) -> TaskQueue:
    """The queue that the settings name; nothing is connected before the first ring."""
    return NoBell() if settings.broker_url == EMBEDDED else RedisBell(settings.broker_url)
