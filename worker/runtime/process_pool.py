"""The processes that work on jobs: one for each slot, each behind a pipe of its own.

In Celery's prefork pool without an event loop all processes wait at one queue, under one lock. A process
that is killed while it waits takes the lock along, and none that comes later ever gets a message. Here
nothing is shared: a thread looks after a process, gives it one call at a time, and starts another one when
it has ended, however and whenever that was. A call that the process had not begun goes to the next one; what
became of one that it had begun is for the job's row to say.
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

log = logging.getLogger(__name__)

LOOK_S = 0.1  # between looks at whether an idle process is still there
END_S = 5.0  # for a process that was told to end
FIRST_PAUSE_S, LONGEST_PAUSE_S = (
    0.1,
    30.0,
)  # before the next start, when one process after the other does not start
READY, BEGUN = "ready", "begun"
GONE = (EOFError, OSError)  # what a pipe raises when nobody is at its other end
SPAWNED = "FORKED_BY_MULTIPROCESSING"  # tells Celery in a process that it shares no memory with its parent

spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Call:
    """What Celery wants to be called in a process, and whom it wants to be told of it."""

    target: Callable[..., Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    accept_callback: Callable[..., Any]
    callback: Callable[..., Any]
    error_callback: Callable[..., Any]
    timeout_callback: Callable[..., Any]
    timeout: float | None


class SlotPool(BasePool):  # type: ignore[misc]  # celery has no types
    """The pool of a Celery worker, by its setting ``worker_pool``."""

    def on_start(self) -> None:
        """Start as many processes as there are slots."""
        os.environ[SPAWNED] = "1"
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self._closing = threading.Event()
        self._slots = [
            Slot(self._calls, self._closing, number=number, **self.options) for number in range(self.limit)
        ]
        for slot in self._slots:
            slot.start()

    def on_apply(self, target: Callable[..., Any], args: Any, kwargs: Any, **options: Any) -> Call:
        """Have a call made by the next process that is free."""
        names = ("accept_callback", "callback", "error_callback", "timeout_callback")
        timeout = options["timeout"] or self.options["timeout"]
        call = Call(target, args, kwargs, **{name: options[name] for name in names}, timeout=timeout)
        self._calls.put(call)
        return call

    def on_close(self) -> None:
        """Make no further calls."""
        self._closing.set()

    def on_stop(self) -> None:
        """Wait for the calls that are being made."""
        self._closing.set()
        for slot in self._slots:
            slot.join()

    def on_terminate(self) -> None:
        """End all processes, whatever they do."""
        self._closing.set()
        for slot in self._slots:
            slot.kill()


class Slot(threading.Thread):
    """Looks after one process at a time.

    The thread lives as long as the pool: Linux ends a process when the thread that started it has ended.

    Args:
        initargs: Of ``process_initializer``: the app and the name of the worker.
        maxtasksperchild: Calls after which a process is replaced.
        proc_alive_timeout: Seconds in which a process has to start.
    """

    def __init__(
        self,
        calls: SimpleQueue[Call],
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
        self._process: Process | None = None

    def run(self) -> None:
        """Keep a process running until the pool closes."""
        pause_s = FIRST_PAUSE_S
        while not self._closing.is_set():
            try:
                self._process = Process(self._initargs)
                if self._process.is_ready(self._start_s):
                    pause_s = FIRST_PAUSE_S
                    self._use(self._process)
                    continue
                log.error("process did not start", extra={"exit_code": self._process.exit_code})
            except Exception:
                log.exception("slot failed")
            finally:
                self._end()
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            self._closing.wait(pause_s)

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()

    def _use(self, process: Process) -> None:
        """Give calls to a process, until it has had its share or is gone."""
        for _ in range(self._calls_per_process):
            call = self._next(process)
            if call is None:
                return
            if not process.begin(call, self._start_s):
                log.warning("process ended before it began a job", extra={"exit_code": process.exit_code})
                self._calls.put(call)
                return
            if not _finish(process, call):
                return

    def _next(self, process: Process) -> Call | None:
        """The next call; None if there is nobody to give it to, or none is to be made any more."""
        while not self._closing.is_set():
            if not process.is_alive:
                log.warning("idle process ended", extra={"exit_code": process.exit_code})
                return None
            with suppress(Empty):
                return self._calls.get(timeout=LOOK_S)
        return None

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


class Process:
    """A process, and this side of its pipe."""

    def __init__(self, initargs: tuple[Any, ...]) -> None:
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, *initargs), daemon=True)
        try:
            self._process.start()
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Its number."""
        return int(self._process.pid or 0)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """How it ended; negative for a signal."""
        self._process.join(END_S)
        return self._process.exitcode

    def is_ready(self, within_s: float) -> bool:
        """Wait until it has started; false if it has not, and will not."""
        with suppress(*GONE):
            return bool(self.receive(within_s) == READY)
        self.kill()
        return False

    def begin(self, call: Call, within_s: float) -> bool:
        """Have a call made; false if the process has not even begun it, and will not."""
        with suppress(*GONE):
            self._pipe.send((call.target, call.args, call.kwargs))
            return bool(self.receive(within_s) == BEGUN)
        self.kill()
        return False

    def receive(self, within_s: float | None) -> Any:
        """What it says next.

        Raises:
            TimeoutError: It has said nothing.
            EOFError, OSError: It has ended.
        """
        if not self._pipe.poll(within_s):
            raise TimeoutError
        return self._pipe.recv()

    def kill(self) -> None:
        """End it, whatever it does."""
        with suppress(ValueError):  # it has ended, and nobody knows its number any more
            self._process.kill()

    def end(self) -> None:
        """Let it end by itself, which it does when it finds its pipe closed; then see that it has."""
        self._pipe.close()
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _finish(process: Process, call: Call) -> bool:
    """Wait for a call to end and tell Celery how; false if the process is gone with it."""
    call.accept_callback(process.pid, time.monotonic())
    try:
        has_failed, text, seconds = process.receive(call.timeout)
    except TimeoutError:
        process.kill()
        call.timeout_callback(False, call.timeout)
    except GONE:
        call.error_callback(_failure(WorkerLostError(f"process ended with {process.exit_code}")))
    else:
        call.callback((has_failed, _failure(RuntimeError(text)) if has_failed else text, seconds))
        return True
    return False


def _failure(error: Exception) -> ExceptionInfo:
    """An error as Celery takes it."""
    try:
        raise error  # noqa: TRY301  # its traceback is wanted, too
    except Exception:
        return ExceptionInfo()


def _serve(pipe: Connection, *initargs: Any) -> None:
    """What a process does: one call after the other, until the other side of the pipe is closed."""
    process_initializer(*initargs)
    with suppress(*GONE):
        pipe.send(READY)
        while True:
            target, args, kwargs = pipe.recv()
            pipe.send(BEGUN)
            pipe.send(_result(target, args, kwargs))


def _result(target: Callable[..., Any], args: Any, kwargs: Any) -> tuple[bool, str, float]:
    """What came of a call, in words: an error may be of a kind that cannot be sent."""
    try:
        has_failed, value, seconds = target(*args, **kwargs)
    except Exception as error:
        log.exception("call failed")
        return True, repr(error), 0.0
    return bool(has_failed), repr(value.exception) if has_failed else str(value), seconds
