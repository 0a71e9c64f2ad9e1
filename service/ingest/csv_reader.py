"""Read CSV with any usual separator, encoding, line end and decimal sign.

Python's reader splits the records. It is slower than others, but it knows the line of every record, which
errors and warnings need, and it accepts every quoted newline.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
import polars as pl

from service.errors import ErrorEntry, Invalid
from service.ingest.column_names import check_names, check_size
from service.ingest.column_report import RawTable
from service.ingest.limits import IngestLimits
from service.ingest.missing_codes import MissingCodes, mask_codes, warn_declared_codes
from service.ingest.table_warnings import TableWarning, Warnings
from service.ingest.text_encoding import detect_encoding
from service.ingest.type_inference import infer_type

if TYPE_CHECKING:
    from jaxtyping import Int

    from service.settings import Settings

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
INTEGER_PART = re.compile("[+-]?[0-9]+")

Record = tuple[list[str], int]  # cells, and the line on which the record begins
Cells = dict[str, list[pl.Series]]  # text of the cells by column, in blocks


def read(
    file: BinaryIO,
    filename: str | None,
    settings: Settings,
    missing: MissingCodes | None,
    limits: IngestLimits,
    encoding: str | None = None,
) -> RawTable:
    """Read a typed table, with warnings about everything that was guessed.

    The values in ``missing`` do not count for the type of their column. Without ``encoding`` it is guessed.

    Raises:
        Invalid: The text is not a table.
    """
    encoding, warnings = detect_encoding(file, limits, encoding)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        separator = _detect_separator(text.read(limits.sample_characters), filename, limits)
        text.seek(0)
        cells, lines, left_out = _read_cells(text, separator, settings, limits)
    finally:
        text.detach()
    table, notes = _infer_types(cells, separator, missing or {})
    return RawTable(table, warnings + left_out + _warn_layout(table, separator) + notes, lines)


def _detect_separator(sample: str, filename: str | None, limits: IngestLimits) -> str:
    """The separator with which most records have as many cells as the header, then with the widest header."""
    is_cut_off = len(sample) == limits.sample_characters
    lines = sample.splitlines(keepends=True)
    lines = lines[:-1] if is_cut_off and len(lines) > 1 else lines
    default = "\t" if (filename or "").lower().removesuffix(".gz").endswith((".tsv", ".tab")) else ","

    def rate_separator(separator: str) -> tuple[float, int, bool]:
        widths = _record_widths(lines, separator)
        if not widths or widths[0] < 2:
            return 0.0, 0, separator == default
        # Agreement with the header counts first, because text may contain any separator by chance
        return widths.count(widths[0]) / len(widths), widths[0], separator == default

    return max(SEPARATORS, key=rate_separator)


def _record_widths(lines: list[str], separator: str, *, sample_records: int = 100) -> list[int]:
    """Number of cells per record of the sample, up to the first record that cannot be read.

    Args:
        sample_records: Records of a file from which its separator is guessed.
    """
    widths = []
    with suppress(Invalid):
        for cells, _ in islice(_iterate_records(lines, separator), sample_records):
            widths.append(len(cells))
    return widths


def _iterate_records(lines: Iterable[str], separator: str) -> Iterator[Record]:
    """The records, without blank lines."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            detail = f"the record that begins at line {line} cannot be read: {error}; is a quote not closed?"
            raise Invalid.make_at("unreadable_csv", detail, {"line": line}) from None
        if cells is None:
            return
        if cells and (len(cells) > 1 or cells[0].strip()):
            yield cells, line


def _read_cells(
    text: io.TextIOWrapper,
    separator: str,
    settings: Settings,
    limits: IngestLimits,
    *,
    csv_block_rows: int = 2_000,
) -> tuple[Cells, Int[np.ndarray, " rows"], Warnings]:
    """All cells as text, the line of every record, and warnings about omitted empty columns and rows.

    Spreadsheets write both where a cell was once used: separators at the end of every line, or lines of
    separators alone.

    Args:
        csv_block_rows: Few enough that Python's garbage collector does not traverse them repeatedly.
    """
    records = _iterate_records(text, separator)
    header, _ = next(records, ([], 0))
    if not header:
        raise Invalid("empty_file", "the file holds only blank lines; add a header and rows")
    names = check_names(header, settings, limits, may_be_empty=any(map(str.strip, header)))
    places = [place for place, name in enumerate(names) if name]
    cells: Cells = {names[place]: [] for place in places}
    lines: list[Int[np.ndarray, " block"]] = []
    empty_lines: list[int] = []
    rows = 0
    while records_left := list(islice(records, csv_block_rows)):
        block = [record for record in records_left if any(map(str.strip, record[0]))]
        empty_lines += [line for record, line in records_left if not any(map(str.strip, record))]
        block = [_drop_surplus_cells(record, len(names)) for record in block]
        _refuse_ragged(block, len(names), separator, limits)
        _refuse_unnamed(block, names, limits)
        rows += len(block)
        text_bytes = cast("BinaryIO", text.buffer).tell()
        check_size(rows, len(places), settings, cell_bytes=limits.cell_bytes, text_bytes=text_bytes)
        # Transposed block by block, so that only one block is in memory as Python strings
        columns = list(zip(*(record for record, _ in block), strict=True))
        for place in places if block else ():
            cells[names[place]].append(pl.Series(names[place], columns[place], dtype=pl.String))
        lines.append(np.array([line for _, line in block], dtype=int))
    if not rows:
        raise Invalid(
            "no_rows", f"the file has a header of {len(places)} columns and no rows; add at least one"
        )
    return cells, np.concatenate(lines), _warn_empty(len(names) - len(places), empty_lines)


def _drop_surplus_cells(record: Record, width: int) -> Record:
    """The record without cells beyond the header, if these are all empty."""
    cells, line = record
    return record if len(cells) <= width or any(map(str.strip, cells[width:])) else (cells[:width], line)


def _refuse_unnamed(block: list[Record], names: list[str], limits: IngestLimits) -> None:
    """Refuse values in columns without a name."""
    places = [place for place, name in enumerate(names) if not name]
    errors = {
        place: ErrorEntry(
            "empty_name",
            f"column {place + 1} has no name, but a value in line {line}; give it a name",
            {"column_number": place + 1, "line": line},
        )
        for cells, line in reversed(block if places else [])
        for place in places
        if cells[place].strip()
    }
    if errors:
        entries = [errors[place] for place in sorted(errors)]
        raise Invalid("column_names", entries[0].detail, errors=entries[: limits.max_error_entries])


def _warn_empty(columns: int, lines: list[int]) -> Warnings:
    warnings: Warnings = []
    if columns:
        detail = f"{columns} columns without a name and without any value were left out"
        warnings.append(TableWarning(code="empty_columns", detail=detail))
    if lines:
        detail = f"{len(lines)} rows without any value were left out, the first in line {lines[0]}"
        warnings.append(TableWarning(code="empty_rows", detail=detail, line=lines[0]))
    return warnings


def _refuse_ragged(block: list[Record], width: int, separator: str, limits: IngestLimits) -> None:
    errors = [
        ErrorEntry(
            "ragged_row", f"line {line} has {len(cells)} cells, the header has {width}", {"line": line}
        )
        for cells, line in block
        if len(cells) != width
    ]
    if errors:
        detail = f"{errors[0].detail}; give every row as many cells, and quote cells that hold the separator"
        row = next(cells for cells, _ in block if len(cells) != width)
        if separator == "," and _could_be_decimal_commas(row, width):
            detail += "; if commas are decimal signs here, quote such numbers or separate the cells by ';'"
        raise Invalid("ragged_rows", detail, errors=errors[: limits.max_error_entries])


def _could_be_decimal_commas(cells: list[str], width: int) -> bool:
    """Whether joining neighbouring cells to numbers such as 1,5 can make the row as wide as the header."""
    joins, at = 0, 0
    while at + 1 < len(cells):
        if INTEGER_PART.fullmatch(cells[at].strip()) and cells[at + 1].strip().isdecimal():
            joins, at = joins + 1, at + 1
        at += 1
    return joins >= len(cells) - width > 0


def _infer_types(cells: Cells, separator: str, missing: MissingCodes) -> tuple[pl.DataFrame, Warnings]:
    """Convert each column to its type, and free its text at once: text takes more memory than numbers."""
    columns, warnings = [], []
    for name in list(cells):
        text = pl.concat(cells.pop(name)).str.strip_chars()
        masked_text = mask_codes(text, missing)
        values, notes = infer_type(masked_text, comma_is_free=separator != ",")
        columns.append(values)
        warnings += warn_declared_codes(text, masked_text) + notes
    return pl.DataFrame(columns), warnings


def _warn_layout(table: pl.DataFrame, separator: str) -> Warnings:
    warnings: Warnings = []
    if separator != ",":
        detail = f"the columns were separated at each {SEPARATORS[separator]}"
        warnings.append(TableWarning(code="separator", detail=detail))
    if table.width == 1 and not table.dtypes[0].is_numeric():  # numbers hide no cells
        detail = f"only one column was found; known separators are {', '.join(SEPARATORS.values())}"
        warnings.append(TableWarning(code="single_column", detail=detail))
    if all(_is_number(name) for name in table.columns):
        detail = "the first line holds only numbers, yet it was read as column names; put names there"
        warnings.append(TableWarning(code="header_of_numbers", detail=detail, line=1))
    return warnings


def _is_number(name: str) -> bool:
    try:
        float(name.replace(",", "."))
    except ValueError:
        return False
    return True
