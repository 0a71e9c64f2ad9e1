"""Detect the format and the encoding of a file by its content."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO

from service.errors import Invalid, TooLarge
from service.ingest.limits import IngestLimits
from service.ingest.table_warnings import TableWarning, Warnings

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
FOREIGN_SIGNATURES = {
    b"PK\x03\x04": "a ZIP archive or an Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    GZIP: "a gzip file in a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x93NUMPY": "a NumPy file",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "a SQLite database",
    b"ARROW1": "an Arrow file",
    b"Obj\x01": "an Avro file",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
}
BYTE_ORDER_MARKS = {  # UTF-32 first: its mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
CYRILLIC_WORDS = re.compile(rb"[\xa8\xb8\xc0-\xff][\xb8\xe0-\xff]{2,}")  # of windows-1251, in lower case
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
REMEDY = "upload CSV, TSV, JSON Lines or Parquet (each may be gzipped)"


def decompress(file: BinaryIO, space: BinaryIO, limit: int, limits: IngestLimits) -> BinaryIO:
    """The file itself, or ``space`` with the content of a gzip file.

    Raises:
        TooLarge: The decompressed content is over the limit; a few megabytes can expand to a terabyte.
        Invalid: The gzip file is damaged.
    """
    if _read_head(file, len(GZIP)) != GZIP:
        return file
    written = 0
    try:
        with gzip.open(file) as packed:
            while chunk := packed.read(limits.chunk_bytes):
                written += len(chunk)
                if written > limit:
                    raise TooLarge(
                        "unpacked_too_large",
                        f"the gzip file holds more than the limit of {limit} bytes; send less, or Parquet",
                        limit=limit,
                    )
                space.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise Invalid(
            "damaged_gzip", f"the gzip file cannot be unpacked: {error}; pack and send it again"
        ) from None
    return space


def detect_format(file: BinaryIO, filename: str | None, limits: IngestLimits) -> str:
    """The format: ``parquet``, ``jsonl`` or ``csv``.

    Raises:
        Invalid: The file is empty, or its format is not supported.
    """
    head = _read_head(file, limits.head_bytes)
    if len(head) < limits.head_bytes and not head.strip():
        raise Invalid("empty_file", f"the file is empty; {REMEDY}")
    if head.startswith(PARQUET):
        return "parquet"
    for magic, kind in FOREIGN_SIGNATURES.items():
        if head.startswith(magic):
            raise Invalid("not_a_table", f"the file is {kind}, not a table; {REMEDY}")
    begin = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if begin.startswith(b"[") and _suffix(filename) == ".json":
        raise Invalid(
            "json_array", 'a file with a JSON array is not supported; send {"rows": […]} as the body instead'
        )
    is_json = begin.startswith(b"{") or _suffix(filename) in (".jsonl", ".ndjson")
    return "jsonl" if is_json else "csv"


def detect_encoding(file: BinaryIO, limits: IngestLimits) -> tuple[str, Warnings]:
    """The encoding of a text file, and a warning if it was guessed.

    Raises:
        Invalid: The file is not text.
    """
    head = _read_head(file, limits.head_bytes)
    marked = next((name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)), None)
    unmarked = None if marked else _detect_utf16(head, limits)
    _refuse_binary(head.decode(marked or unmarked or "latin-1", errors="replace"), limits)
    encoding = marked or unmarked or "utf-8"
    wrong = _find_undecodable_line(file, encoding, limits)
    if wrong is None:
        if encoding.startswith("utf-8"):
            return encoding, []
        reason = "its byte order mark says so" if marked else "every second byte of it is NUL"
        return encoding, [_make_encoding_warning(encoding, reason)]
    guess = "cp1251" if _is_cyrillic(head) else "cp1252"
    if encoding == "utf-8" and _find_undecodable_line(file, guess, limits) is None:
        return guess, [_make_encoding_warning(guess, f"line {wrong} is not UTF-8", wrong)]
    raise Invalid(
        "not_text", f"the file is neither UTF-8 nor UTF-16 text, see line {wrong}; {REMEDY}", line=wrong
    )


def _is_cyrillic(head: bytes) -> bool:
    """Whether the letters beyond ASCII form words in windows-1251; in Western Europe they stand alone."""
    letters = b"".join(CYRILLIC_WORDS.findall(head))
    return 2 * len(letters) > len(BEYOND_ASCII.findall(head))


def _detect_utf16(head: bytes, limits: IngestLimits) -> str | None:
    """Detect UTF-16 without a byte order mark: every second byte of Latin characters is NUL."""
    even, odd = (head[start::2].count(0) / max(len(head) / 2, 1) for start in (0, 1))
    if max(even, odd) < limits.min_nul_share or min(even, odd) > limits.max_control_share:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _make_encoding_warning(encoding: str, reason: str, line: int | None = None) -> TableWarning:
    detail = f"the file was read as {encoding}, because {reason}; UTF-8 is safest"
    return TableWarning(code="encoding", detail=detail, line=line)


def _find_undecodable_line(file: BinaryIO, encoding: str, limits: IngestLimits) -> int | None:
    """The first line that this encoding cannot decode; ``None`` if it decodes the whole file."""
    line = 1
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in _iterate_chunks(file, limits.chunk_bytes):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
        _refuse_nul(text, line)
        line += text.count("\n")
    return None


def _iterate_chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The file in chunks; the last is empty."""
    file.seek(0)
    while chunk := file.read(size):
        yield chunk
    yield b""


def _refuse_binary(beginning: str, limits: IngestLimits) -> None:
    if len(CONTROL_CHARACTERS.findall(beginning)) > limits.max_control_share * len(beginning):
        raise Invalid("not_a_table", f"the file is binary, not a table in text; {REMEDY}")


def _refuse_nul(text: str, line: int) -> None:
    place = text.find("\0")
    if place >= 0:
        line += text[:place].count("\n")
        raise Invalid("nul_character", f"line {line} contains the character NUL; remove it", line=line)


def _read_head(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    head = file.read(size)
    file.seek(0)
    return head


def _suffix(filename: str | None) -> str:
    return PurePath((filename or "").lower().removesuffix(".gz")).suffix
