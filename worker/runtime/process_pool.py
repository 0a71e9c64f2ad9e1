"""A Celery pool of spawned processes: one process per slot, each with its own pipe.

In Celery's prefork pool without an event loop all processes wait on one queue under one lock. A process that
is killed while it waits never releases the lock, and later processes get no messages. This pool shares
nothing. A thread manages each process: it sends one call at a time, and replaces the process when that ends
for any reason. A call that the process had not begun goes to the next process. The state of a call that it
had begun is in the job's row.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Any

from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from celery.concurrency.base import BasePool
from celery.concurrency.prefork import process_initializer

from worker.runtime.limits import RuntimeLimits

log = logging.getLogger(__name__)

READY, BEGUN = "ready", "begun"
PIPE_CLOSED_ERRORS = (EOFError, OSError)  # raised by a pipe whose other end is closed
# Environment variable: this process shares no memory with its parent
SPAWN_VARIABLE = "FORKED_BY_MULTIPROCESSING"

spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class PoolCall:
    """A call that Celery requests in a process, and the callbacks for its outcome."""

    target: Callable[..., Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    accept_callback: Callable[..., Any]
    callback: Callable[..., Any]
    error_callback: Callable[..., Any]
    timeout_callback: Callable[..., Any]
    timeout: float | None


class SlotPool(BasePool):  # type: ignore[misc]  # celery has no types
    """The pool of a Celery worker, named by its setting ``worker_pool``."""

    def on_start(self) -> None:
        """Start one process per slot."""
        os.environ[SPAWN_VARIABLE] = "1"
        self._calls: SimpleQueue[PoolCall] = SimpleQueue()
        self._closing = threading.Event()
        self._slots = [
            Slot(self._calls, self._closing, number=number, **self.options) for number in range(self.limit)
        ]
        for slot in self._slots:
            slot.start()

    def on_apply(self, target: Callable[..., Any], args: Any, kwargs: Any, **options: Any) -> PoolCall:
        """Queue a call for the next free process."""
        names = ("accept_callback", "callback", "error_callback", "timeout_callback")
        timeout = options["timeout"] or self.options["timeout"]
        call = PoolCall(target, args, kwargs, **{name: options[name] for name in names}, timeout=timeout)
        self._calls.put(call)
        return call

    def on_close(self) -> None:
        """Accept no further calls."""
        self._closing.set()

    def on_stop(self) -> None:
        """Wait for the running calls."""
        self._closing.set()
        for slot in self._slots:
            slot.join()

    def on_terminate(self) -> None:
        """Kill all processes."""
        self._closing.set()
        for slot in self._slots:
            slot.kill()


class Slot(threading.Thread):
    """A thread that manages one process at a time.

    The thread lives as long as the pool, because Linux ends a process when the thread that started it ends.

    Args:
        initargs: Arguments of ``process_initializer``: the app and the name of the worker. The app's setting
            ``worker_proc_alive_timeout`` is the time in seconds in which a process has to start, its setting
            ``runtime_limits`` has the other times.
        maxtasksperchild: Number of calls after which a process is replaced. The next process starts while
            the last call runs, since its imports take seconds.
    """

    def __init__(
        self,
        calls: SimpleQueue[PoolCall],
        closing: threading.Event,
        *,
        number: int,
        initargs: tuple[Any, ...],
        maxtasksperchild: int,
        **_: Any,
    ) -> None:
        super().__init__(name=f"slot {number}", daemon=True)
        self._calls, self._closing = calls, closing
        self._initargs, self._calls_per_process = initargs, maxtasksperchild
        self._start_s = float(initargs[0].conf.worker_proc_alive_timeout)
        self._limits: RuntimeLimits = initargs[0].conf.runtime_limits
        self._process: PoolProcess | None = None
        self._next: PoolProcess | None = None

    def run(self, *, max_restart_pause_s: float = 30.0) -> None:
        """Keep a process running until the pool closes.

        Args:
            max_restart_pause_s: Longest pause before a failed process starts again; the pause doubles with
                every failure.
        """
        pause_s = self._limits.first_restart_pause_s
        while not self._closing.is_set():
            try:
                self._process, self._next = self._next or self._start_process(), None
                if self._process.wait_until_ready(self._start_s):
                    pause_s = self._limits.first_restart_pause_s
                    self._serve_calls(self._process)
                    continue
                log.error("process did not start", extra={"exit_code": self._process.exit_code})
            except Exception:
                log.exception("slot failed")
            finally:
                self._end_process()
            pause_s = min(2 * pause_s, max_restart_pause_s)
            self._closing.wait(pause_s)
        if self._next is not None:
            self._next.end()

    def kill(self) -> None:
        """Kill the process, if there is one, and the next one."""
        for process in (self._process, self._next):
            if process is not None:
                process.kill()

    def _start_process(self, *, end_timeout_s: float = 5.0) -> PoolProcess:
        """Start a process of the pool.

        Args:
            end_timeout_s: For a process to end after it was asked to.
        """
        return PoolProcess(self._initargs, end_timeout_s)

    def _serve_calls(self, process: PoolProcess) -> None:
        """Send calls to a process until it ends or has had ``maxtasksperchild`` calls."""
        for remaining_calls in reversed(range(self._calls_per_process)):
            call = self._take_call(process)
            if call is None:
                return
            if not process.begin(call, self._start_s):
                log.warning("process ended before it began a job", extra={"exit_code": process.exit_code})
                self._calls.put(call)
                return
            if not remaining_calls:
                self._next = self._start_process()
            if not _await_result(process, call):
                return

    def _take_call(self, process: PoolProcess) -> PoolCall | None:
        """Return the next call; None if the process has ended or the pool is closing."""
        while not self._closing.is_set():
            if not process.is_alive:
                log.warning("idle process ended", extra={"exit_code": process.exit_code})
                return None
            with suppress(Empty):
                return self._calls.get(timeout=self._limits.poll_period_s)
        return None

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


class PoolProcess:
    """A child process, and this end of its pipe.

    Args:
        end_timeout_s: Time for the process to end after it was asked to.
    """

    def __init__(self, initargs: tuple[Any, ...], end_timeout_s: float) -> None:
        self._end_timeout_s = end_timeout_s
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_execute_calls, args=(theirs, *initargs), daemon=True)
        try:
            self._process.start()
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Process id; 0 before the start."""
        return int(self._process.pid or 0)

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative for a signal; None if the process does not end in time."""
        self._process.join(self._end_timeout_s)
        return self._process.exitcode

    def wait_until_ready(self, within_s: float) -> bool:
        """Wait until the process has started; if it does not in time, kill it and return false."""
        with suppress(*PIPE_CLOSED_ERRORS):
            return bool(self.receive(within_s) == READY)
        self.kill()
        return False

    def begin(self, call: PoolCall, within_s: float) -> bool:
        """Send a call and wait until it begins; if it does not in time, kill the process and return false."""
        with suppress(*PIPE_CLOSED_ERRORS):
            self._pipe.send((call.target, call.args, call.kwargs))
            return bool(self.receive(within_s) == BEGUN)
        self.kill()
        return False

    def receive(self, within_s: float | None) -> Any:
        """Receive the next message of the process.

        Raises:
            TimeoutError: There was no message in time.
            EOFError, OSError: The process has ended.
        """
        if not self._pipe.poll(within_s):
            raise TimeoutError
        return self._pipe.recv()

    def kill(self) -> None:
        """Kill the process."""
        with suppress(ValueError):  # the process has ended and was closed
            self._process.kill()

    def end(self) -> None:
        """Close the pipe, on which the process ends; kill it if it does not in time."""
        self._pipe.close()
        self._process.join(self._end_timeout_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _await_result(process: PoolProcess, call: PoolCall) -> bool:
    """Wait for a call to end and report it to Celery; false if the process ended, too."""
    call.accept_callback(process.pid, time.monotonic())
    try:
        has_failed, text, seconds = process.receive(call.timeout)
    except TimeoutError:
        process.kill()
        call.timeout_callback(False, call.timeout)
    except PIPE_CLOSED_ERRORS:
        call.error_callback(_wrap_error(WorkerLostError(f"process ended with {process.exit_code}")))
    else:
        call.callback((has_failed, _wrap_error(RuntimeError(text)) if has_failed else text, seconds))
        return True
    return False


def _wrap_error(error: Exception) -> ExceptionInfo:
    """Wrap an error, with a traceback, in the form that Celery expects."""
    try:
        raise error  # noqa: TRY301  # raised to get a traceback
    except Exception:
        return ExceptionInfo()


def _execute_calls(pipe: Connection, *initargs: Any) -> None:
    """Execute calls in the child process until the other end of the pipe is closed."""
    process_initializer(*initargs)
    with suppress(*PIPE_CLOSED_ERRORS):
        pipe.send(READY)
        while True:
            target, args, kwargs = pipe.recv()
            pipe.send(BEGUN)
            pipe.send(_execute_call(target, args, kwargs))


def _execute_call(target: Callable[..., Any], args: Any, kwargs: Any) -> tuple[bool, str, float]:
    """Execute a call; return whether it failed, its value or error as text, and its seconds.

    Errors are sent as text, because not every exception can be pickled.
    """
    try:
        has_failed, value, seconds = target(*args, **kwargs)
    except Exception as error:
        log.exception("call failed")
        return True, repr(error), 0.0
    return bool(has_failed), repr(value.exception) if has_failed else str(value), seconds
