"""The process that handles requests with large bodies: ``python -m service.large_requests``.

It loads the application once and forks for every request. A request arrives over standard input as three
open files: the request, a file for the response, and a pipe for the outcome. The fork has its own limits of
memory and processor time, so a body that exceeds them ends only the fork.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, BinaryIO

from fastapi import FastAPI
from starlette.types import Message

from service.api.http.large_bodies import TOOLS, TORCH, LargeRequestOutcome
from service.api.http.problems import is_v2
from service.api.telemetry.request_metrics import PredictionCall
from service.caller import Caller
from service.caller import Scope as Allowed
from service.main import make_application
from service.observability import logs
from service.operations.prediction.open_inference import InferenceStatistics
from service.operations.prediction.predict import use_one_torch_thread
from service.process_limits import limit_process
from service.settings import Settings, load_settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReaderLimits:
    """The limits of the process and of its forks.

    Attributes:
        idle_timeout_s: Without a request, after which the process ends.
        cpu_timeout_s: Processor time of a fork.
        wall_time_factor: Wall-clock time per processor time: other processes may share the processor.
        chunk_bytes: Of a body that are read at once.
        memory_per_body_byte: Of the largest body: a table takes about ten, empty lists thirty.
        base_memory_bytes: For the stacks of threads and the response.
    """

    idle_timeout_s: float = 600.0
    cpu_timeout_s: int = 60
    wall_time_factor: int = 5
    chunk_bytes: int = 2**20
    memory_per_body_byte: int = 24
    base_memory_bytes: int = 128 * 2**20


DEFAULT_LIMITS = ReaderLimits()


def main(limits: ReaderLimits = DEFAULT_LIMITS) -> None:
    """Handle requests until the service ends, or sends none for a while."""
    settings = load_settings()
    logs.configure(as_json=settings.log_format == "json")
    line = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    line.settimeout(limits.idle_timeout_s)
    application = make_application(settings)
    # A terminal sends it to all processes; the service ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no one waits for the exit status of a fork
    while True:
        try:
            preload, files, *_ = socket.recv_fds(line, 1, 3)
        except TimeoutError:
            return
        if not preload:
            return
        _preload(preload)
        if not os.fork():
            _handle_and_exit(application, settings, limits, files)
        for file in files:
            os.close(file)


def _preload(preload: bytes) -> None:
    """Import once here instead of in every fork."""
    if preload in (TOOLS, TORCH):
        use_one_torch_thread()
    if preload == TOOLS:
        import_module("service.api.mcp.server")


def _handle_and_exit(
    application: FastAPI, settings: Settings, limits: ReaderLimits, files: list[int]
) -> None:
    """Handle one request in the fork, and exit; never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(limits.wall_time_factor * limits.cpu_timeout_s)
        gc.disable()  # JSON has no cycles; the collector would traverse millions of lists
        os.write(files[2], b"%d\n" % os.getpid())
        body_bytes = limits.memory_per_body_byte * settings.max_json_bytes
        limit_process(limits.base_memory_bytes + body_bytes, limits.cpu_timeout_s)
        with os.fdopen(files[0], "rb") as request, os.fdopen(files[1], "wb") as answer:
            request.seek(0)
            outcome = asyncio.run(_handle_request(application, request, answer, limits.chunk_bytes))
        os.write(files[2], json.dumps(asdict(outcome)).encode() + b"\n")
        os._exit(0)
    except MemoryError:
        pass
    except BaseException:
        log.exception("a large request failed")
    finally:
        os._exit(1)


async def _handle_request(
    application: FastAPI, request: BinaryIO, answer: BinaryIO, chunk_bytes: int
) -> LargeRequestOutcome:
    head = json.loads(request.readline())
    recorder = _CountRecorder()
    application.state.meters = application.state.statistics = recorder
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        **head["scope"],
        "raw_path": head["scope"]["path"].encode(),
        "query_string": head["query_string"].encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head["headers"]],
        "state": {
            "caller": Caller(**head["caller"] | {"scopes": frozenset(map(Allowed, head["caller"]["scopes"]))})
        },
    }
    size = os.fstat(request.fileno()).st_size
    is_asked_for_more = asyncio.Event()  # never set: the client does not disconnect

    async def receive() -> Message:
        if request.tell() == size:
            await is_asked_for_more.wait()
        return {
            "type": "http.request",
            "body": request.read(chunk_bytes),
            "more_body": request.tell() < size,
        }

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                [name.decode("latin-1"), value.decode("latin-1")] for name, value in message["headers"]
            ]
            start = {"status": message["status"], "headers": headers}
            answer.write(json.dumps(start).encode() + b"\n")
        else:
            answer.write(message.get("body", b""))

    is_v2.set(head["scope"]["path"].startswith("/v2"))
    with logs.bind_facts(**head["facts"]):
        try:
            await application(scope, receive, send)
        except Exception as error:  # the application has responded and logged, and raises it again
            if _is_out_of_memory(error):
                raise
    return LargeRequestOutcome(
        route=getattr(scope.get("route"), "path", "other"),
        error_code=scope["state"].get("error_code"),
        predictions=recorder.predictions,
        inferences=recorder.inferences,
    )


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether a ``MemoryError`` is in the chain: libraries raise other errors from it."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


class _CountRecorder(InferenceStatistics):
    """Records counts for the service, in place of its meters and its statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.predictions: list[tuple[PredictionCall, float, float]] = []
        self.inferences: list[tuple[str, int | None, int]] = []

    @contextmanager
    def time_prediction(self, call: PredictionCall) -> Iterator[Any]:
        since, row_counts = time.perf_counter(), list[float]()
        yield row_counts.append
        self.predictions.append((call, sum(row_counts), time.perf_counter() - since))

    def add(self, model_id: str, rows: int | None, nanoseconds: int) -> None:
        self.inferences.append((model_id, rows, nanoseconds))


if __name__ == "__main__":
    main()
