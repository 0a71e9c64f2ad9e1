"""The queue as the service sees it: a doorbell.

The job row is the job. A message only says "look at this job now", so losing one loses time, not
work: workers sweep for queued rows that nobody rang for. With ``memory://`` there is no bell at all;
the worker's dispatcher looks into the database several times a second.
"""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from service.settings import Settings

log = logging.getLogger(__name__)

TRAIN_TASK = "kan.train"
TRAIN_QUEUE = "train"
EMBEDDED = "memory://"

JSON_ONLY: Mapping[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_ignore_result": True,
    "task_default_queue": TRAIN_QUEUE,
}
REDIS_OPTIONS: Mapping[str, Any] = {"global_keyprefix": "kan:", "socket_keepalive": True}
PUBLISH_OPTIONS: Mapping[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 1, "max_retries": 0}


class TaskQueue(Protocol):
    """Where operations ring after they have committed a job."""

    def ring(self, job_id: str) -> bool:
        """Tell workers of a queued job; false if nobody could be told. Never raises, never waits long."""
        ...


class NoBell:
    """The queue of one machine: workers look by themselves."""

    def ring(self, job_id: str) -> bool:  # noqa: ARG002
        """There is nobody to tell."""
        return False


class RedisBell:
    """Sends the id of a job to the workers' Celery queue."""

    def __init__(self, broker_url: str) -> None:
        from celery import Celery  # noqa: PLC0415  # takes half a second that a single machine need not spend

        self._app = Celery("kan-service", broker=broker_url, set_as_current=False)
        self._app.conf.update(JSON_ONLY, broker_transport_options={**REDIS_OPTIONS, **PUBLISH_OPTIONS})

    def ring(self, job_id: str) -> bool:
        """Send the message, once: a sweeper rings again for what did not get through."""
        from kombu.exceptions import OperationalError  # noqa: PLC0415

        try:
            self._app.send_task(TRAIN_TASK, (job_id,), retry=False)
        except OperationalError as error:
            log.warning("broker cannot be reached", extra={"job_id": job_id, "reason": str(error)})
            return False
        return True


def make_queue(settings: Settings) -> TaskQueue:
    """The queue that the settings name; nothing is connected before the first ring."""
    return NoBell() if settings.broker_url == EMBEDDED else RedisBell(settings.broker_url)
