"""Read a table from an uploaded file, or from columns or rows in a request body."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO

from service.ingest import csv_reader, json_reader, parquet_reader
from service.ingest.column_report import IngestedTable, check_and_describe
from service.ingest.corrections import NO_CORRECTIONS, Corrections
from service.ingest.limits import DEFAULT_INGEST, IngestLimits
from service.ingest.missing_codes import MissingCodes
from service.ingest.sniffing import decompress, detect_format

if TYPE_CHECKING:
    from service.settings import Settings


def read_upload(
    file: BinaryIO,
    filename: str | None,
    settings: Settings,
    missing: MissingCodes | None = None,
    *,
    limits: IngestLimits = DEFAULT_INGEST,
    corrections: Corrections = NO_CORRECTIONS,
) -> IngestedTable:
    """Read a CSV, TSV, JSON Lines or Parquet file, plain or gzipped.

    The content decides the format; the name only distinguishes text formats. ``missing`` and
    ``corrections`` are as in `check_and_describe`.

    Raises:
        Invalid: The file holds no readable table; the error says where and what to do.
    """
    with tempfile.TemporaryFile(dir=settings.data_dir) as space:
        plain = decompress(file, space, settings.max_body_bytes, limits)
        match detect_format(plain, filename, limits):
            case "parquet":
                raw = parquet_reader.read(plain, settings, limits)
            case "jsonl":
                raw = json_reader.read_lines(plain, settings, limits, corrections.encoding)
            case _:
                raw = csv_reader.read(plain, filename, settings, missing, limits, corrections.encoding)
        return check_and_describe(raw, missing, limits=limits, corrections=corrections)


def read_columns(
    columns: dict[str, list[Any]],
    settings: Settings,
    missing: MissingCodes | None = None,
    *,
    limits: IngestLimits = DEFAULT_INGEST,
    corrections: Corrections = NO_CORRECTIONS,
) -> IngestedTable:
    """Read a table given as ``{name: [values]}``."""
    raw = json_reader.read_columns(columns, settings, limits)
    return check_and_describe(raw, missing, limits=limits, corrections=corrections)


def read_rows(
    rows: list[Any],
    settings: Settings,
    missing: MissingCodes | None = None,
    *,
    limits: IngestLimits = DEFAULT_INGEST,
    corrections: Corrections = NO_CORRECTIONS,
) -> IngestedTable:
    """Read a table given as ``[{name: value}]``."""
    raw = json_reader.read_rows(rows, settings, limits)
    return check_and_describe(raw, missing, limits=limits, corrections=corrections)
