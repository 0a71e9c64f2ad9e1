"""A multipart form with one file, written to the data disk as it arrives."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool

from service.errors import Invalid, Malformed

FILE = "file"
TABLE = ("name", "units", "missing")  # fields that may come with a table
MODEL = ("name",)
MAX_FIELD_BYTES = 2**20
MAX_BOUNDARY = 200  # RFC 2046 allows 70
MAX_PADDING = 64  # blanks behind a boundary
MAX_PREAMBLE = 64 * 1024
MAX_HEADER_BYTES = 8 * 1024  # of a part
MAX_HEADERS = 16
HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

T = TypeVar("T", bound=BaseModel)


@dataclass
class Form:
    """What a form brought: its file, the name that the client gave it, and the text fields."""

    file: BinaryIO
    filename: str | None = None
    fields: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def received(request: Request, folder: Path, fields: Sequence[str]) -> AsyncIterator[Form]:
    """Receive a form with the field ``file`` and perhaps some of ``fields``.

    The file has no name on disk, so nothing of it is left behind, whatever happens.

    Raises:
        Malformed: The body is no multipart form.
        Invalid: The file is missing, or there are other fields.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        receiver = _Receiver(cast("BinaryIO", file), fields)
        form = _Splitter(_boundary(request), receiver)
        async for chunk in request.stream():
            await run_in_threadpool(form.write, chunk)
        yield receiver.form()


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= MAX_BOUNDARY:
        raise _form_error(f"the Content-Type has no boundary of 1 to {MAX_BOUNDARY} characters")
    return boundary


def _form_error(reason: str) -> Malformed:
    return Malformed(
        "malformed_multipart", f"the multipart form cannot be read: {reason}; let a library write it"
    )


class _Splitter:
    """Finds parts by searching for the whole line between them, at the speed of memory.

    A parser that compares character by character takes half a second for each MiB that is full of beginnings
    of such a line.
    """

    def __init__(self, boundary: bytes, receiver: _Receiver) -> None:
        self._line = re.compile(rb"\r\n--%s(--|[ \t]{0,%d}\r\n)" % (re.escape(boundary), MAX_PADDING))
        self._longest = len(boundary) + MAX_PADDING + 6
        self._pending = bytearray(b"\r\n")  # the first line may begin the body
        self._lead = 0  # bytes before the data of a part
        self._receiver = receiver
        self._step = self._skip_preamble

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._pending += chunk
        while self._step():
            pass

    def _skip_preamble(self) -> bool:
        return self._find_line(lambda _: None, at_most=MAX_PREAMBLE)

    def _read_data(self) -> bool:
        return self._find_line(self._receiver.add_data)

    def _skip_rest(self) -> bool:
        self._pending.clear()
        return False

    def _find_line(self, give: Callable[[bytes], None], at_most: int | None = None) -> bool:
        """Give what stands before the next line, as far as that is certain; whether the line has come."""
        found = self._line.search(self._pending)
        end = found.start() if found else max(0, len(self._pending) - self._longest)
        if at_most is not None and end > at_most:
            raise _form_error("its first boundary does not come")
        length, is_last = (len(found[0]), found[1] == b"--") if found else (0, False)
        if end > self._lead and (found or at_most is None):
            give(bytes(self._pending[self._lead : end]))
            self._lead = 0
            del self._pending[:end]
            end = 0
        if found is None:
            return False
        del self._pending[: end + length - (0 if is_last else 2)]
        if is_last:
            self._receiver.end()
        self._step = self._skip_rest if is_last else self._read_headers
        return True

    def _read_headers(self) -> bool:
        end = self._pending.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES)
        if end < 0:
            if len(self._pending) >= MAX_HEADER_BYTES:
                raise _form_error(f"the headers of a part are over {MAX_HEADER_BYTES} bytes long")
            return False
        lines = bytes(self._pending[2:end]).split(b"\r\n") if end else []
        if len(lines) > MAX_HEADERS:
            raise _form_error(f"a part has over {MAX_HEADERS} headers")
        del self._pending[: end + 2]  # which leaves a line's end: a part without data has no other
        self._receiver.begin_part([_header(line) for line in lines])
        self._step, self._lead = self._read_data, 2
        return True


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not HEADER_NAME.fullmatch(name):
        raise _form_error("a part has a header that is none")
    return name.lower(), value.strip()


class _Receiver:
    """Takes what the parser finds, part by part."""

    def __init__(self, file: BinaryIO, fields: Sequence[str]) -> None:
        self._file = file
        self._fields = fields
        self._filename: str | None = None
        self._parts: dict[str, bytearray] = {}
        self._part = ""
        self._is_complete = False

    def form(self) -> Form:
        """The whole form."""
        if not self._is_complete:
            raise Malformed(
                "malformed_multipart", "the multipart form ends before its last boundary; send it again"
            )
        if FILE not in self._parts:
            raise _refusal(FILE, "missing", "the form needs the field 'file' with the file in it")
        self._file.seek(0)
        fields = {name: _text(name, value) for name, value in self._parts.items() if name != FILE}
        return Form(self._file, self._filename, fields)

    def begin_part(self, headers: list[tuple[bytes, bytes]]) -> None:
        """A part with these headers; its data follow."""
        options = next((_options(value) for name, value in headers if name == b"content-disposition"), {})
        self._part = options.get(b"name", b"").decode(errors="replace")
        if self._part == FILE and b"filename" in options:
            self._filename = options[b"filename"].decode(errors="replace")
        if self._part not in (FILE, *self._fields):
            known = ", ".join((FILE, *self._fields))
            raise _refusal(
                self._part, "extra_forbidden", f"unknown field {self._part[:100]!r}; known are {known}"
            )
        if self._part in self._parts:
            raise _refusal(
                self._part, "duplicate_field", f"the field {self._part!r} is given twice; keep one"
            )
        self._parts[self._part] = bytearray()

    def add_data(self, data: bytes) -> None:
        """More of the part."""
        if self._part == FILE:
            self._file.write(data)
            return
        value = self._parts[self._part]
        value += data
        if len(value) > MAX_FIELD_BYTES:
            detail = f"the field {self._part!r} is over {MAX_FIELD_BYTES} bytes long; shorten it"
            raise _refusal(self._part, "too_long", detail)

    def end(self) -> None:
        """The form has come to its end."""
        self._is_complete = True


def _options(value: bytes) -> dict[bytes, bytes]:
    return parse_options_header(value)[1]


def _text(name: str, value: bytearray) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _refusal(name, "not_utf8", f"the field {name!r} is not UTF-8; send it as UTF-8") from None
    if "\0" in text:
        raise _refusal(name, "nul_character", f"the field {name!r} contains the character NUL; remove it")
    return text


def _refusal(name: str, code: str, detail: str) -> Invalid:
    return Invalid(
        "validation_failed", detail, errors=[{"field": name[:100], "code": code, "detail": detail}]
    )


def validated(schema: type[T], body: Any, *, source: str = "body") -> T:
    """A body that FastAPI did not read itself, checked in the same way."""
    try:
        return schema.model_validate(body)
    except ValidationError as error:
        errors = [{**entry, "loc": (source, *entry["loc"])} for entry in error.errors(include_context=False)]
        raise RequestValidationError(errors, body=body) from None
