"""Requests with large bodies of JSON, answered by a process of their own, with limits.

What is in a body decides what reading it takes: 60 MiB can stand for 3 GB of lists, or for half a minute in
which this process would answer nobody. So a body that is large is kept on the disk while it arrives, and a
copy of the application reads it (``service.large_requests``), which ends when it takes too much.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.dependencies import is_json
from service.api.http.problems import problem
from service.api.http.slots import Slots
from service.api.telemetry.request_metrics import Meters
from service.caller import LOCAL, Caller
from service.errors import Malformed, OutOfSpace, ServiceError, TooLarge, is_disk_full
from service.observability import logs
from service.operations.prediction.open_inference import Statistics
from service.settings import PREFIX, TEST_PREFIX, MiB, Settings

COMMAND = (sys.executable, "-m", "service.large_requests")
BRINGS_TABLE = re.compile(r"(/v1)?/(datasets|predict|models/[^/]+/predict)|/v2/models/.+/infer")
PREDICTS = re.compile(r"/(predict|infer)\Z")
LARGE_TABLE = MiB
"""Of a body that brings a table. Its schema stops at the first mistake, so that this much is read in less
than a tenth of a second, and the other process would take as long to begin."""
MAX_CONTAINERS = 20_000
"""Lists and objects of a body that is read here: they take twenty times as long as numbers and texts do."""
LARGE_OTHER = 64 * 1024  # of any other body, whose every mistake is told
CHUNK_BYTES = MiB


def brings_table(path: str) -> bool:
    """Whether a body sent to this path may hold rows, and so be large."""
    return BRINGS_TABLE.fullmatch(path) is not None


class LargeBodies:
    """ASGI middleware next to the routes: whoever has no key, or sends too much, never comes this far.

    Args:
        slots: How many large bodies are read at a time.
        reader: Reads them.
        meters, statistics: Where what the other process did is counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        folder: Path,
        slots: Slots,
        reader: Reader,
        meters: Meters,
        statistics: Statistics,
    ) -> None:
        self.app = app
        self._folder, self._slots, self._reader = folder, slots, reader
        self._meters, self._statistics = meters, statistics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with a large body, and pass any other on."""
        if scope["type"] != "http" or not _may_be_large(scope):
            return await self.app(scope, receive, send)
        try:
            limit = LARGE_TABLE if brings_table(scope["path"]) else LARGE_OTHER
            beginning, is_whole = await _beginning(receive, limit)
            if is_whole and _is_light(beginning, limit):
                return await self.app(scope, _replay(beginning, receive), send)
            with self._file() as body, self._file() as answer:
                await _keep(scope, beginning, None if is_whole else receive, body)
                async with self._slots.one(_caller_of(scope).tenant):
                    done = await run_in_threadpool(
                        self._reader.answer, body, answer, predicts=PREDICTS.search(scope["path"]) is not None
                    )
                self._note(scope, done)
                await _pass_on(answer, send)
        except ServiceError as error:
            await problem(error, headers={"Connection": "close"})(scope, receive, send)
        except OSError as error:
            if not is_disk_full(error):
                raise
            detail = "the service has no room left on its disk for the body; try again when there is room"
            await problem(OutOfSpace("disk_full", detail))(scope, receive, send)

    def _file(self) -> BinaryIO:
        return cast("BinaryIO", tempfile.TemporaryFile(dir=self._folder))

    def _note(self, scope: Scope, done: dict[str, Any]) -> None:
        """Count as if this process had done it."""
        scope["route"] = SimpleNamespace(path=done["route"])
        if done["error_code"]:
            scope["state"]["error_code"] = done["error_code"]
        for call, rows, seconds in done["predictions"]:
            self._meters.note_prediction(call, rows, seconds)
        for model_id, rows, nanoseconds in done["inferences"]:
            self._statistics.add(model_id, rows, nanoseconds)


def _caller_of(scope: Scope) -> Caller:
    caller: Caller = scope["state"].get("caller", LOCAL)
    return caller


def _may_be_large(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    is_read_as_json = is_json(headers.get("content-type", "")) or scope["path"].startswith("/v2")
    length = headers.get("content-length")
    is_small = length is not None and length.isdecimal() and int(length[:20]) <= LARGE_OTHER
    return is_read_as_json and not is_small and (length is not None or "transfer-encoding" in headers)


async def _beginning(receive: Receive, limit: int) -> tuple[list[Message], bool]:
    """What came until it was over the limit, or whole."""
    messages, received = [], 0
    while received <= limit:
        messages.append(await receive())
        received += len(messages[-1].get("body", b""))
        if not messages[-1].get("more_body", False):
            return messages, True
    return messages, False


def _is_light(messages: list[Message], limit: int) -> bool:
    """Whether a body is read in little time."""
    bodies = [message.get("body", b"") for message in messages]
    containers = sum(body.count(b"[") + body.count(b"{") for body in bodies)
    return sum(map(len, bodies)) <= limit and containers <= MAX_CONTAINERS


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def receive_again() -> Message:
        return next(waiting, None) or await receive()

    return receive_again


async def _keep(scope: Scope, beginning: list[Message], receive: Receive | None, file: BinaryIO) -> None:
    """Write down a line about the request, and its body, of which there is more if there is ``receive``."""
    caller = _caller_of(scope)
    told = {
        "scope": {name: scope[name] for name in ("method", "path", "root_path", "scheme", "http_version")},
        "query_string": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "caller": asdict(caller) | {"scopes": sorted(caller.scopes)},
        "facts": logs.known(),
    }
    file.write(json.dumps(told).encode() + b"\n")
    for message in beginning:
        file.write(message.get("body", b""))
    while receive is not None:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("incomplete_body", "the request ended before its body did; send it again")
        await run_in_threadpool(file.write, message.get("body", b""))
        if not message.get("more_body", False):
            break
    await run_in_threadpool(file.flush)


async def _pass_on(answer: BinaryIO, send: Send) -> None:
    answer.seek(0)
    start = json.loads(answer.readline())
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in start["headers"]]
    await send({"type": "http.response.start", "status": start["status"], "headers": headers})
    while chunk := await run_in_threadpool(answer.read, CHUNK_BYTES):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class Reader:
    """The other process. It starts when it is first needed, and goes after a while in which nobody does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def answer(self, body: BinaryIO, answer: BinaryIO, *, predicts: bool) -> dict[str, Any]:
        """Have a kept request answered, perhaps by a model; blocks meanwhile.

        Raises:
            TooLarge: Reading it took more memory or time than a body may.
        """
        for _ in range(2):  # the process may have gone in this moment
            told = self._ask(body, answer, predicts=predicts)
            if told:
                break
        if not told.endswith(b"\n"):
            raise TooLarge(
                "body_too_costly",
                "reading the body took more memory or time than a body may; "
                "send fewer rows, or upload a file",
            )
        return cast("dict[str, Any]", json.loads(told[1:]))

    def close(self) -> None:
        """Let it go."""
        with self._lock:
            self._hang_up()

    def _ask(self, body: BinaryIO, answer: BinaryIO, *, predicts: bool) -> bytes:
        """What it said before it ended: nothing if it never began, a line if it came to the end."""
        ours, theirs = os.pipe()
        with os.fdopen(ours, "rb") as told:
            try:
                with self._lock:
                    self._send(b"p" if predicts else b"o", [body.fileno(), answer.fileno(), theirs])
            finally:
                os.close(theirs)
            return told.read()

    def _send(self, word: bytes, descriptors: list[int]) -> None:
        for _ in range(2):
            self._line = self._line or self._start()
            with suppress(OSError):
                socket.send_fds(self._line, [word], descriptors)
                return
            self._hang_up()
        raise RuntimeError("the process that reads large bodies does not start")

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        others = {name: value for name, value in os.environ.items() if _is_no_setting(name)}
        with theirs:
            environment = others | _list_variables(self._settings)
            self._process = subprocess.Popen(COMMAND, env=environment, stdin=theirs.fileno())  # noqa: S603  # our own
        return ours

    def _hang_up(self) -> None:
        """It ends when nobody is at the other end of the line."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.wait()
            self._process = None


def _is_no_setting(name: str) -> bool:
    return not name.startswith(PREFIX) or name.startswith(TEST_PREFIX)


def _list_variables(settings: Settings) -> dict[str, str]:
    """Not as arguments, which everybody on the machine can read."""
    given = settings.model_dump(mode="json")
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()}
