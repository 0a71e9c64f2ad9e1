"""The process for short jobs: one more than the slots of a worker, so that they need not wait for long jobs.

A dispatcher claims them in the database, with a broker and without. Nothing is sent through the broker: every
message of a job may be taken by any free process, and all of these may be busy with trainings.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from celery import Celery

from service.db.session import Sessions
from service.settings import Settings
from worker.runtime.dispatcher import Dispatcher
from worker.runtime.limits import RuntimeLimits
from worker.runtime.process_pool import SPAWN_VARIABLE, PoolCall, Slot


class ShortJobs:
    """Claims short jobs, one at a time, and runs them in a process of their own.

    Args:
        app: The Celery app, whose tasks the process imports.
        sessions: Of the worker.
        settings: Of the worker.
        run: A function of a module, which executes a claimed job by its id and token.
        limits: Times of the process and of its jobs.
        short_job_s: Estimated time of the jobs that the process for short jobs takes.
    """

    def __init__(
        self,
        app: Celery,
        sessions: Sessions,
        settings: Settings,
        run: Callable[[str, str], Any],
        limits: RuntimeLimits,
        *,
        short_job_s: float = 10.0,
    ) -> None:
        os.environ[SPAWN_VARIABLE] = "1"
        self._run, self._timeout_s = run, app.conf.task_time_limit
        self._calls: SimpleQueue[PoolCall] = SimpleQueue()
        self._closing = threading.Event()
        self._pid = 0
        self._slot = Slot(
            self._calls,
            self._closing,
            number=settings.worker_slots,
            initargs=(app, f"short@{socket.gethostname()}"),
            maxtasksperchild=limits.jobs_per_process,
        )
        self._dispatcher = Dispatcher(
            sessions, settings, self._send, limits, slots=1, max_seconds=short_job_s
        )

    def start(self) -> None:
        """Start the process."""
        self._slot.start()

    def dispatch(self) -> None:
        """Send the next short job to the process if it is free."""
        self._dispatcher.dispatch()

    def close(self, wait_s: float) -> None:
        """Let the process release its job, and end it after this time in any case."""
        self._closing.set()
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
        self._slot.join(wait_s)
        self._slot.kill()
        self._dispatcher.close()

    def _send(self, _kind: str, job_id: str, token: str) -> None:
        def accept(pid: int, _at: float) -> None:
            self._pid = pid

        def end(*_: Any) -> None:
            self._pid = 0

        self._calls.put(
            PoolCall(
                self._run,
                (job_id, token),
                {},
                accept_callback=accept,
                callback=end,
                error_callback=end,
                timeout_callback=end,
                timeout=self._timeout_s,
            )
        )
