"""Singletons of a child process of the worker: settings, connections, logging, and the SIGTERM handler."""

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
    """Return the settings of this process, read once."""
    return load_settings()


@cache
def sessions() -> Sessions:
    """Return the database sessions of this process, opened after its start."""
    return make_sessions(make_engine(settings()))


def ring() -> None:
    """Announce queued jobs that have no message. Without a broker nothing is needed: the dispatcher polls."""
    if settings().broker_url != EMBEDDED:
        with suppress(*UNUSABLE):  # the housekeeping of a worker repeats it
            ring_again(sessions(), _queue())


@cache
def _queue() -> TaskQueue:
    return make_queue(settings())


@contextmanager
def until_terminated() -> Iterator[Termination]:
    """Handle SIGTERM inside the block: the first signal releases the job, the second ends the process."""
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
    """Configure logging in the parent and its children; with this signal connected, Celery does not."""
    logs.configure(as_json=settings().log_format == "json")
