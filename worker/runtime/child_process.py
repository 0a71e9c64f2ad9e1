"""What a process of the worker has for itself: settings, connections, logs, and an ear for SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import FrameType
from typing import Any

from celery import signals

from service.db.session import UNUSABLE, Sessions, make_engine, make_sessions
from service.observability import logs
from service.queue import EMBEDDED, TaskQueue, make_queue
from service.settings import Settings, load_settings
from worker.execution.heartbeat import Termination
from worker.runtime.housekeeping import ring_again


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()


@cache
def sessions() -> Sessions:
    """The connections of this process, made after it was started."""
    return make_sessions(make_engine(settings()))


def ring() -> None:
    """Tell workers of queued jobs that nobody was told of; workers without a broker look by themselves."""
    if settings().broker_url != EMBEDDED:
        with suppress(*UNUSABLE):  # the upkeep of a worker will do it
            ring_again(sessions(), _queue())


@cache
def _queue() -> TaskQueue:
    return make_queue(settings())


@contextmanager
def until_terminated() -> Iterator[Termination]:
    """A first SIGTERM asks the job to be given back, a second one ends the process."""
    termination = Termination()

    def on_signal(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before)
        termination.request()

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield termination
    finally:
        signal.signal(signal.SIGTERM, before)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _log(**_: Any) -> None:
    """Celery then leaves logging alone, in the parent and in its children."""
    logs.configure(as_json=settings().log_format == "json")
