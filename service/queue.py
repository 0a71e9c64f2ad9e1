"""The task queue: it notifies workers of jobs that wait in the database.

The row in the database is the job. A message only says that a job waits; the worker that receives it takes
the next job in turn. A lost message costs time, not work: workers sweep for queued rows without a message.
Each kind of job has its queue, so that workers for short jobs need not wait for trainings. With
``memory://`` there are no messages; the worker's dispatcher polls the database several times a second.
"""

import logging
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any, Protocol

from service.schemas.job_kinds import JOB_KINDS
from service.settings import Settings

log = logging.getLogger(__name__)

JOB_TASK = "kan.job"
QUEUE_BY_KIND: Mapping[str, str] = {kind.name: kind.queue for kind in JOB_KINDS.values()} | {"part": "train"}
EMBEDDED_BROKER_URL = "memory://"
REDIS_TRANSPORT = "kombu.transport.redis"

JSON_ONLY: Mapping[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_ignore_result": True,
    "task_default_queue": QUEUE_BY_KIND["train"],
}
REDIS_OPTIONS: Mapping[str, Any] = {"global_keyprefix": "kan:", "socket_keepalive": True}
PUBLISH_OPTIONS: Mapping[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 1, "max_retries": 0}


def list_kinds(queues: Collection[str]) -> tuple[str, ...]:
    """The kinds of jobs in these queues."""
    return tuple(kind for kind, queue in QUEUE_BY_KIND.items() if queue in queues)


def list_kinds_in_same_queue(kind: str | None) -> tuple[str, ...]:
    """The kinds of jobs in the queue of this kind; none for None."""
    return () if kind is None else list_kinds((QUEUE_BY_KIND[kind],))


class BrokenTransport(Exception):
    """The driver of the broker cannot be imported."""


class TaskQueue(Protocol):
    """Notifies workers after an operation has committed a job."""

    def notify(self, job_id: str, kind: str) -> bool:
        """Notify workers of a queued job; false if no message was sent. Never raises, never waits long."""
        ...


class EmbeddedQueue:
    """The queue of a single machine: the worker polls the database."""

    def notify(self, job_id: str, kind: str) -> bool:  # noqa: ARG002
        """Send nothing; always false."""
        return False


class RedisQueue:
    """Sends the id of a job to the Celery queue of its kind."""

    def __init__(self, broker_url: str) -> None:
        from celery import Celery  # noqa: PLC0415  # takes half a second that a single machine need not spend

        self._app = Celery("kan-service", broker=broker_url, set_as_current=False)
        self._app.conf.update(JSON_ONLY, broker_transport_options={**REDIS_OPTIONS, **PUBLISH_OPTIONS})

    def notify(self, job_id: str, kind: str) -> bool:
        """Send the message once; false if that fails: a sweeper sends lost messages again.

        No error of the broker or its driver is raised: the job is stored, and its client must learn so.
        """
        try:
            self._app.send_task(JOB_TASK, (job_id,), queue=QUEUE_BY_KIND[kind], retry=False)
        except Exception as error:  # lost connections, a missing driver, a refused command
            reason = f"{type(error).__name__}: {error}"
            log.warning("broker cannot be used", extra={"job_id": job_id, "reason": reason})
            return False
        return True


def load_transport() -> None:
    """Import the Redis transport, so that a missing driver fails at start and not with the first message.

    Raises:
        BrokenTransport: The transport cannot be imported.
    """
    try:
        import_module(REDIS_TRANSPORT)
    except Exception as error:  # a broken package may raise anything
        raise BrokenTransport(f"the driver cannot be loaded ({type(error).__name__}: {error})") from error


def make_queue(settings: Settings) -> TaskQueue:
    """The queue of the configured broker; it connects with the first message."""
    return EmbeddedQueue() if settings.broker_url == EMBEDDED_BROKER_URL else RedisQueue(settings.broker_url)
