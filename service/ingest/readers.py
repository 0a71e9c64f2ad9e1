"""Read a table from an uploaded file, or from columns or rows in a request body."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO

from service.ingest import csv_reader, json_reader, parquet_reader
from service.ingest.column_report import IngestedTable, check_and_describe
from service.ingest.missing_codes import MissingCodes
from service.ingest.sniffing import decompress, detect_format

if TYPE_CHECKING:
    from service.settings import Settings


def read_upload(
    file: BinaryIO, filename: str | None, settings: Settings, missing: MissingCodes | None = None
) -> IngestedTable:
    """Read a CSV, TSV, JSON Lines or Parquet file, plain or gzipped.

    The content decides the format; the name only distinguishes text formats. ``missing`` has the values that
    mean missing, as in `check_and_describe`.

    Raises:
        Invalid: The file holds no readable table; the error says where and what to do.
    """
    with tempfile.TemporaryFile(dir=settings.data_dir) as space:
        plain = decompress(file, space, settings.max_body_bytes)
        match detect_format(plain, filename):
            case "parquet":
                return check_and_describe(parquet_reader.read(plain, settings), missing)
            case "jsonl":
                return check_and_describe(json_reader.read_lines(plain, settings), missing)
            case _:
                return check_and_describe(csv_reader.read(plain, filename, settings, missing), missing)


def read_columns(
    columns: dict[str, list[Any]], settings: Settings, missing: MissingCodes | None = None
) -> IngestedTable:
    """Read a table given as ``{name: [values]}``."""
    return check_and_describe(json_reader.read_columns(columns, settings), missing)


def read_rows(rows: list[Any], settings: Settings, missing: MissingCodes | None = None) -> IngestedTable:
    """Read a table given as ``[{name: value}]``."""
    return check_and_describe(json_reader.read_rows(rows, settings), missing)
