"""Singletons of a child process of the worker: settings, connections, logging, and the SIGTERM handler."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import FrameType
from typing import Any

from celery import signals

from service.db.session import UNAVAILABLE_ERRORS, Sessions, make_engine, make_sessions
from service.observability import logs
from service.queue import EMBEDDED_BROKER_URL, TaskQueue, make_queue
from service.settings import Settings, load_settings
from worker.execution.heartbeat import Termination
from worker.runtime.housekeeping import republish_jobs


@cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return load_settings()


@cache
def sessions() -> Sessions:
    """Return the database sessions of this process, opened after its start."""
    return make_sessions(make_engine(settings()))


def notify_workers() -> None:
    """Announce queued jobs that have no message. Without a broker nothing is needed: the dispatcher polls."""
    if settings().broker_url != EMBEDDED_BROKER_URL:
        with suppress(*UNAVAILABLE_ERRORS):  # the housekeeping of a worker repeats it
            republish_jobs(sessions(), _queue())


@cache
def _queue() -> TaskQueue:
    return make_queue(settings())


@contextmanager
def handle_termination() -> Iterator[Termination]:
    """Handle SIGTERM inside the block: the first signal releases the job, the second ends the process."""
    termination = Termination()

    def request_termination(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before)
        termination.request()

    before = signal.signal(signal.SIGTERM, request_termination)
    try:
        yield termination
    finally:
        signal.signal(signal.SIGTERM, before)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: Any) -> None:
    """Configure logging in the parent and its children; with this signal connected, Celery does not."""
    logs.configure(as_json=settings().log_format == "json")
