"""Detect the format of a file by its content, and unpack it."""

import codecs
import gzip
import zlib
from pathlib import PurePath
from typing import BinaryIO

from service.errors import Invalid, TooLarge
from service.ingest.limits import IngestLimits
from service.ingest.text_encoding import REMEDY, read_head

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


def decompress(
    file: BinaryIO, space: BinaryIO, limit: int, limits: IngestLimits, *, min_inflated_bytes: int = 64 * 2**20
) -> BinaryIO:
    """The file itself, or ``space`` with the content of a gzip file.

    Args:
        min_inflated_bytes: That any gzip file may have; so many are read in a second.

    Raises:
        TooLarge: The decompressed content is over the limit, or so many times the file that it can hold
            only repetitions; a few megabytes can expand to a terabyte.
        Invalid: The gzip file is damaged.
    """
    if read_head(file, len(GZIP)) != GZIP:
        return file
    plausible = max(min_inflated_bytes, limits.max_inflation * file.seek(0, 2))
    file.seek(0)
    total_bytes = 0
    try:
        with gzip.open(file) as stream:
            while chunk := stream.read(limits.chunk_bytes):
                total_bytes += len(chunk)
                if total_bytes > limit:
                    raise TooLarge(
                        "unpacked_too_large",
                        f"the gzip file holds more than the limit of {limit} bytes; send less, or Parquet",
                        limit=limit,
                    )
                if total_bytes > plausible:
                    raise TooLarge(
                        "unpacked_too_large",
                        f"the gzip file holds more than {limits.max_inflation} times its size, which only "
                        "endless repetitions do; send less, or Parquet",
                        limit=plausible,
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
    head = read_head(file, limits.head_bytes)
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


def _suffix(filename: str | None) -> str:
    return PurePath((filename or "").lower().removesuffix(".gz")).suffix
