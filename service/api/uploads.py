"""A multipart form with one file, written to the data disk as it arrives."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from service.errors import Invalid, Malformed

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE = "file"
TABLE = ("name", "units", "missing")  # fields that may come with a table
MODEL = ("name",)
MAX_FIELD_BYTES = 2**20

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
        try:
            parser = MultipartParser(_boundary(request), receiver.callbacks())
            async for chunk in request.stream():
                await run_in_threadpool(parser.write, chunk)
        except FormParserError as error:
            raise Malformed(
                "malformed_multipart", f"the multipart form cannot be read: {error}; let a library write it"
            ) from None
        yield receiver.form()


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type"))
    if not options.get(b"boundary"):
        raise FormParserError("the Content-Type has no boundary")
    return options[b"boundary"]


class _Receiver:
    """Takes what the parser finds, part by part."""

    def __init__(self, file: BinaryIO, fields: Sequence[str]) -> None:
        self._file = file
        self._fields = fields
        self._filename: str | None = None
        self._parts: dict[str, bytearray] = {}
        self._part = ""
        self._header = bytearray()
        self._value = bytearray()
        self._is_complete = False

    def callbacks(self) -> "MultipartCallbacks":
        """What the parser calls; it limits the size of headers itself."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_end": self._end,
        }

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

    def _begin_part(self) -> None:
        self._part = ""

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._part = options.get(b"name", b"").decode(errors="replace")
            if self._part == FILE and b"filename" in options:
                self._filename = options[b"filename"].decode(errors="replace")
        self._header.clear()
        self._value.clear()

    def _end_headers(self) -> None:
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

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == FILE:
            self._file.write(data[start:end])
            return
        value = self._parts[self._part]
        value += data[start:end]
        if len(value) > MAX_FIELD_BYTES:
            detail = f"the field {self._part!r} is over {MAX_FIELD_BYTES} bytes long; shorten it"
            raise _refusal(self._part, "too_long", detail)

    def _end(self) -> None:
        self._is_complete = True


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
