"""Requests with large JSON bodies, answered by a separate process with limits on memory and time.

The cost of parsing depends on the content: 60 MiB can become 3 GB of lists, or block this process for half a
minute. A large body is therefore written to disk while it arrives, unless a scan sees that no table has so
many lists or is so deep. A copy of the application then answers the
request (``service.large_requests``) and is terminated if it exceeds its limits or the client leaves.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from types import SimpleNamespace
from typing import BinaryIO, cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.departures import run_for_client
from service.api.http.dependencies import is_json
from service.api.http.json_scan import JsonBounds, JsonScan
from service.api.http.limits import HttpLimits
from service.api.http.problems import problem_response
from service.api.http.slots import Slots
from service.api.telemetry.request_metrics import PredictionCall, RequestMetrics
from service.caller import LOCAL_CALLER, Caller
from service.client_work import ClientWork
from service.errors import Malformed, OutOfSpace, ServiceError, TooLarge, is_disk_full
from service.observability import logs
from service.operations.prediction.open_inference import InferenceStatistics
from service.settings import PREFIX, TEST_PREFIX, Settings

READER_COMMAND = (sys.executable, "-m", "service.large_requests")
TABLE_PATHS = re.compile(r"(/v1)?/(datasets|predict|mcp|models/[^/]+/predict)|/v2/models/.+/infer")
# What the other process imports before it forks, as one import serves many requests. With tools, torch, too.
TOOLS, TORCH, NOTHING = b"t", b"p", b"o"
PRELOADS = {TOOLS: re.compile(r"/mcp\Z"), TORCH: re.compile(r"/(predict|infer)\Z")}
HEADER_LENGTH = "Inference-Header-Content-Length"  # of the JSON in a body of the Open Inference Protocol
MAX_LENGTH_DIGITS = 20


@dataclass(frozen=True)
class LargeRequestOutcome:
    """What the other process reports of a request.

    Attributes:
        route: Path of the route that answered.
        predictions: Calls of a model: kind, rows and seconds.
        inferences: Requests of the Open Inference Protocol: model id, rows (None if it failed), nanoseconds.
    """

    route: str
    error_code: str | None
    predictions: list[tuple[PredictionCall, float, float]]
    inferences: list[tuple[str, int | None, int]]


def accepts_table(path: str) -> bool:
    """Whether bodies sent to this path may hold rows."""
    return TABLE_PATHS.fullmatch(path) is not None


class LargeBodyMiddleware:
    """ASGI middleware that hands large bodies to another process. It comes after the key and size checks.

    Args:
        settings: The folder where bodies and answers are stored temporarily, and the size of tables.
        slots: Limit the number of large bodies that are read at a time.
        reader: The other process.
        meters, statistics: Count the work of the other process.
        limits: Of the bodies that this process parses.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        slots: Slots,
        reader: LargeBodyReader,
        meters: RequestMetrics,
        statistics: InferenceStatistics,
        limits: HttpLimits,
    ) -> None:
        self.app, self._limits = app, limits
        self._settings, self._slots, self._reader = settings, slots, reader
        self._meters, self._statistics = meters, statistics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with a large body, and pass any other on."""
        if scope["type"] != "http" or not _may_be_large(scope, self._limits):
            return await self.app(scope, receive, send)
        try:
            limits, is_table = self._limits, accepts_table(scope["path"])
            limit = limits.max_inline_table_bytes if is_table else limits.max_inline_other_bytes
            beginning, is_whole = await _read_beginning(receive, limit)
            if is_whole and _is_cheap_to_parse(beginning, _find_json_length(scope), limit, limits):
                return await self.app(scope, _replay(beginning, receive), send)
            with self._open_temporary_file() as body, self._open_temporary_file() as answer:
                keep = _BodyWriter(body, JsonScan(self._make_bounds()), _find_json_length(scope))
                await _store_request(scope, beginning, None if is_whole else receive, keep)
                ask = partial(self._reader.answer, body, answer, preload=_choose_preload(scope["path"]))
                async with self._slots.hold(_caller_of(scope).tenant):
                    outcome = await run_for_client(receive, ask)
                self._record_metrics(scope, outcome)
                await _send_answer(answer, send, limits)
        except ServiceError as error:
            await problem_response(error, headers={"Connection": "close"})(scope, receive, send)
        except OSError as error:
            if not is_disk_full(error):
                raise
            detail = "the disk of the service is full; send the body again when there is space"
            await problem_response(OutOfSpace("disk_full", detail))(scope, receive, send)

    def _open_temporary_file(self) -> BinaryIO:
        return cast("BinaryIO", tempfile.TemporaryFile(dir=self._settings.data_dir))

    def _make_bounds(self) -> JsonBounds:
        spare = self._limits.max_inline_containers  # so many take no time
        return JsonBounds(
            max_lists=self._settings.max_predict_rows + self._settings.max_columns + spare,
            max_objects=self._settings.max_rows + spare,
            spare_objects=spare,
        )

    def _record_metrics(self, scope: Scope, outcome: LargeRequestOutcome) -> None:
        """Count the work of the other process as this process's own."""
        scope["route"] = SimpleNamespace(path=outcome.route)
        if outcome.error_code:
            scope["state"]["error_code"] = outcome.error_code
        for call, rows, seconds in outcome.predictions:
            self._meters.count_prediction(call, rows, seconds)
        for inference in outcome.inferences:
            self._statistics.add(*inference)


def _choose_preload(path: str) -> bytes:
    return next((word for word, pattern in PRELOADS.items() if pattern.search(path)), NOTHING)


def _caller_of(scope: Scope) -> Caller:
    caller: Caller = scope["state"].get("caller", LOCAL_CALLER)
    return caller


def _may_be_large(scope: Scope, limits: HttpLimits) -> bool:
    headers = Headers(scope=scope)
    is_read_as_json = is_json(headers.get("content-type", "")) or scope["path"].startswith("/v2")
    length = headers.get("content-length")
    is_small = length is not None and length.isdecimal() and int(length[:20]) <= limits.max_inline_other_bytes
    return is_read_as_json and not is_small and (length is not None or "transfer-encoding" in headers)


async def _read_beginning(receive: Receive, limit: int) -> tuple[list[Message], bool]:
    """The first messages of a body, up to its end or just over the limit; and whether that is the end."""
    messages, byte_count = [], 0
    while byte_count <= limit:
        messages.append(await receive())
        byte_count += len(messages[-1].get("body", b""))
        if not messages[-1].get("more_body", False):
            return messages, True
    return messages, False


def _find_json_length(scope: Scope) -> int | None:
    """Length of the JSON before binary tensors; None if the whole body is JSON."""
    text = Headers(scope=scope).get(HEADER_LENGTH, "") if scope["path"].startswith("/v2") else ""
    return int(text) if text.isdecimal() and len(text) <= MAX_LENGTH_DIGITS else None


def _is_cheap_to_parse(
    messages: list[Message], json_length: int | None, limit: int, limits: HttpLimits
) -> bool:
    """Whether a body is small enough, and its JSON has few enough lists and objects, to parse it here."""
    body = b"".join([message.get("body", b"") for message in messages])
    header = body[:json_length]
    return len(body) <= limit and header.count(b"[") + header.count(b"{") <= limits.max_inline_containers


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def receive_again() -> Message:
        return next(waiting, None) or await receive()

    return receive_again


class _BodyWriter:
    """Writes a body to a file, and scans its JSON.

    Args:
        json_length: Length of the JSON before binary tensors; None if the whole body is JSON.
    """

    def __init__(self, file: BinaryIO, scan: JsonScan, json_length: int | None) -> None:
        self.file, self._scan, self._json_left = file, scan, json_length

    def add(self, chunk: bytes) -> None:
        """Write the next bytes, or refuse them; see `JsonScan`."""
        json_part = chunk[: self._json_left]
        if self._json_left is not None:
            self._json_left -= len(json_part)
        self._scan.feed(json_part)
        self.file.write(chunk)


async def _store_request(
    scope: Scope, beginning: list[Message], receive: Receive | None, keep: _BodyWriter
) -> None:
    """Write a JSON line that describes the request, then its body.

    Args:
        beginning: Messages that have arrived already.
        receive: Source of the rest of the body; None if ``beginning`` is the whole.
    """
    caller = _caller_of(scope)
    head = {
        "scope": {name: scope[name] for name in ("method", "path", "root_path", "scheme", "http_version")},
        "query_string": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "caller": asdict(caller) | {"scopes": sorted(caller.scopes)},
        "facts": logs.current_facts(),
    }
    keep.file.write(json.dumps(head).encode() + b"\n")
    await run_in_threadpool(keep.add, b"".join([message.get("body", b"") for message in beginning]))
    while receive is not None:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("incomplete_body", "the request ended before its body did; send it again")
        await run_in_threadpool(keep.add, message.get("body", b""))
        if not message.get("more_body", False):
            break
    await run_in_threadpool(keep.file.flush)


async def _send_answer(answer: BinaryIO, send: Send, limits: HttpLimits) -> None:
    answer.seek(0)
    start = json.loads(answer.readline())
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in start["headers"]]
    await send({"type": "http.response.start", "status": start["status"], "headers": headers})
    while chunk := await run_in_threadpool(answer.read, limits.chunk_bytes):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class LargeBodyReader:
    """The process that answers large requests. It starts on demand and ends when idle."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def answer(
        self, body: BinaryIO, answer: BinaryIO, work: ClientWork, *, preload: bytes
    ) -> LargeRequestOutcome:
        """Have a stored request answered; blocks until then.

        Args:
            work: Of the client, which ends when it leaves.
            preload: What the other process imports for this and for later requests.

        Raises:
            TooLarge: Parsing the body exceeded the limits on memory or time, or the client has left.
        """
        for _ in range(2):  # the process may have ended just now
            report = self._ask(body, answer, work, preload=preload)
            if report is not None:
                break
        if not report:
            raise TooLarge(
                "body_too_costly",
                "parsing the body took more memory or time than the limits allow; "
                "send fewer rows, or upload a file",
            )
        return LargeRequestOutcome(**json.loads(report))

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _ask(self, body: BinaryIO, answer: BinaryIO, work: ClientWork, *, preload: bytes) -> bytes | None:
        """The report of the fork: empty if it was terminated, None if it did not start."""
        ours, theirs = os.pipe()
        with os.fdopen(ours, "rb") as pipe:
            try:
                with self._lock:
                    self._send(preload, [body.fileno(), answer.fileno(), theirs])
            finally:
                os.close(theirs)
            number = pipe.readline()
            if not number:
                return None
            with work.kill_on_departure(partial(_kill, int(number))):
                return pipe.readline()

    def _send(self, word: bytes, descriptors: list[int]) -> None:
        for _ in range(2):
            self._line = self._line or self._start()
            with suppress(OSError):
                socket.send_fds(self._line, [word], descriptors)
                return
            self._stop()
        raise RuntimeError("the process that reads large bodies does not start")

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        base_environment = {name: value for name, value in os.environ.items() if _is_not_setting(name)}
        with theirs:
            environment = base_environment | _make_environment(self._settings)
            self._process = subprocess.Popen(READER_COMMAND, env=environment, stdin=theirs.fileno())  # noqa: S603  # our own
        return ours

    def _stop(self) -> None:
        """Close the socket, which ends the process, and wait for it."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.wait()
            self._process = None


def _kill(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def _is_not_setting(name: str) -> bool:
    return not name.startswith(PREFIX) or name.startswith(TEST_PREFIX)


def _make_environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables; all users of the machine can read command-line arguments."""
    values = settings.model_dump(mode="json")
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}
