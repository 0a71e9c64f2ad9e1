"""Multipart forms with one file, which is written to the data disk as it arrives."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from service.api.http.limits import HttpLimits
from service.errors import ErrorEntry, Invalid, Malformed

FILE_FIELD = "file"
TABLE_FIELDS = (
    "name",
    "units",
    "missing",
    "repeated_rows",
    "swap_day_and_month",
    "encoding",
)  # optional fields beside a table
MODEL_FIELDS = ("name",)

T = TypeVar("T", bound=BaseModel)


@dataclass
class UploadForm:
    """A received form: its file, the client's name for the file, and the text fields."""

    file: BinaryIO
    filename: str | None = None
    fields: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def receive_upload(
    request: Request,
    folder: Path,
    fields: Sequence[str],
    limits: HttpLimits,
    *,
    max_part_header_bytes: int = 8 * 1024,
    max_part_headers: int = 16,
) -> AsyncIterator[UploadForm]:
    """Receive a form with the field ``file`` and optionally some of ``fields``.

    The temporary file has no name on disk, so the system frees it even if the process dies.

    Args:
        max_part_header_bytes: Per header of a part of a form.
        max_part_headers: Of a part of a form.

    Raises:
        Malformed: The body is not a multipart form.
        Invalid: The file is missing, or a field is unknown, repeated, too long or not a text.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        receiver = _FormReceiver(cast("BinaryIO", file), fields, limits)
        try:
            with PushMultipartParser(
                _parse_boundary(request),
                max_header_size=max_part_header_bytes,
                max_header_count=max_part_headers,
            ) as parser:
                async for chunk in request.stream():
                    if chunk and not parser.closed:  # RFC 2046: ignore what follows the last boundary
                        await run_in_threadpool(receiver.take, parser.parse(chunk))
        except MultipartError as error:
            raise _form_error(str(error)) from None
        yield receiver.build_form()


def _parse_boundary(request: Request, *, max_boundary_characters: int = 200) -> str:
    """Read the boundary of a multipart body.

    Args:
        max_boundary_characters: Of the boundary of a form; RFC 2046 allows 70.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary: str = options.get("boundary", "")
    if not 1 <= len(boundary) <= max_boundary_characters:
        raise _form_error(f"the Content-Type has no boundary of 1 to {max_boundary_characters} characters")
    return boundary


def _form_error(reason: str) -> Malformed:
    return Malformed(
        "malformed_multipart", f"the multipart form cannot be read: {reason}; create it with a library"
    )


class _FormReceiver:
    """Collects the parts that the parser finds."""

    def __init__(self, file: BinaryIO, fields: Sequence[str], limits: HttpLimits) -> None:
        self._file, self._fields, self._limits = file, fields, limits
        self._filename: str | None = None
        self._parts: dict[str, bytearray] = {}
        self._part = ""

    def take(self, events: Iterable[MultipartSegment | bytearray | bytes | None]) -> None:
        """Process events of the parser: the beginning of a part, some of its data, or its end (None)."""
        for event in events:
            if isinstance(event, MultipartSegment):
                self._begin_part(event)
            elif event is not None:
                self._add_data(event)

    def build_form(self) -> UploadForm:
        """The complete form.

        Raises:
            Invalid: The file is missing, or a text field is not UTF-8 or contains NUL.
        """
        if FILE_FIELD not in self._parts:
            raise _field_error(FILE_FIELD, "missing", "the form needs a field 'file' that holds the file")
        self._file.seek(0)
        fields = {
            name: _decode_text(name, value) for name, value in self._parts.items() if name != FILE_FIELD
        }
        return UploadForm(self._file, self._filename, fields)

    def _begin_part(self, part: MultipartSegment) -> None:
        self._part = part.name or ""
        if self._part == FILE_FIELD:
            self._filename = part.filename
        if self._part not in (FILE_FIELD, *self._fields):
            field_names = ", ".join((FILE_FIELD, *self._fields))
            raise _field_error(
                self._part, "extra_forbidden", f"unknown field {self._part[:100]!r}; known are {field_names}"
            )
        if self._part in self._parts:
            raise _field_error(
                self._part, "duplicate_field", f"the field {self._part!r} is given twice; keep one"
            )
        self._parts[self._part] = bytearray()

    def _add_data(self, data: bytearray | bytes, *, max_field_bytes: int = 2**20) -> None:
        """Add bytes of a part, refusing what exceeds the limits.

        Args:
            max_field_bytes: Of a text field of a form.
        """
        if self._part == FILE_FIELD:
            self._file.write(data)
            return
        value = self._parts[self._part]
        value += data
        if len(value) > max_field_bytes:
            detail = f"the field {self._part!r} is over {max_field_bytes} bytes long; shorten it"
            raise _field_error(self._part, "too_long", detail)


def _decode_text(name: str, value: bytearray) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _field_error(name, "not_utf8", f"the field {name!r} is not UTF-8; send it as UTF-8") from None
    if "\0" in text:
        raise _field_error(name, "nul_character", f"the field {name!r} contains the character NUL; remove it")
    return text


def _field_error(name: str, code: str, detail: str) -> Invalid:
    return Invalid("validation_failed", detail, errors=[ErrorEntry(code, detail, {"field": name[:100]})])


def validate_body(schema: type[T], body: Any, *, source: str = "body") -> T:
    """Validate a body that FastAPI has not parsed itself, with the same errors.

    Raises:
        RequestValidationError: The body does not match the schema.
    """
    try:
        return schema.model_validate(body)
    except ValidationError as error:
        errors = [{**entry, "loc": (source, *entry["loc"])} for entry in error.errors(include_context=False)]
        raise RequestValidationError(errors, body=body) from None
