"""Read tables as JSON: JSON Lines files, and columns or rows in a body. A column has one JSON type."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import polars as pl

from service import strict_json
from service.errors import ErrorEntry, Invalid, Malformed, Place
from service.ingest.column_names import check_names, check_size
from service.ingest.column_report import RawTable
from service.ingest.limits import IngestLimits
from service.ingest.table_warnings import TableWarning, Warnings
from service.ingest.text_encoding import detect_encoding
from service.ingest.type_inference import parse_iso_times

if TYPE_CHECKING:
    from service.settings import Settings

KINDS = {bool: "boolean", int: "number", float: "number", str: "text"}

Locate = Callable[[int, str], Place]  # from row and column; the row itself without a column


def read_columns(columns: dict[str, list[Any]], settings: Settings, limits: IngestLimits) -> RawTable:
    """Read a table from ``{name: [values]}``."""
    if not columns:
        raise Invalid("no_columns", "the table has no columns; give at least one")
    names = check_names(list(columns), settings, limits)
    lengths = {name: len(values) for name, values in columns.items()}
    rows = max(lengths.values(), default=0)
    for name, length in lengths.items():
        if length != rows:
            place = {"pointer": strict_json.pointer(["columns", name]), "column": name}
            detail = f"column {name!r} has {length} values, another has {rows}; give all the same number"
            raise Invalid.make_at("ragged_columns", detail, place)
    check_size(rows, len(names), settings, cell_bytes=limits.cell_bytes)
    table = _TableBuilder(
        lambda row, name: {"pointer": strict_json.pointer(["columns", name, row])}, settings, limits
    )
    table.add(columns, rows)
    return table.build()


def read_rows(rows: list[Any], settings: Settings, limits: IngestLimits) -> RawTable:
    """Read a table from ``[{name: value}]``; an absent name is a missing value."""

    def locate_value(row: int, name: str) -> Place:
        return {"pointer": strict_json.pointer(["rows", row, name] if name else ["rows", row])}

    return _build_table(iter([rows]), locate_value, settings, limits)


def read_lines(
    file: BinaryIO,
    settings: Settings,
    limits: IngestLimits,
    encoding: str | None = None,
    *,
    json_block_rows: int = 20_000,
) -> RawTable:
    """Read a table from a file with one JSON object per line; blank lines are skipped.

    Args:
        json_block_rows: Of a JSON Lines file that are converted at once.
    """
    encoding, warnings = detect_encoding(file, limits, encoding)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="\n")
    line_of: list[int] = []

    def read_blocks() -> Iterator[list[Any]]:
        values = _parse_lines(text)
        while block := list(islice(values, json_block_rows)):
            line_of.extend(line for line, _ in block)
            yield [value for _, value in block]

    try:
        raw = _build_table(
            read_blocks(), lambda row, name: _locate_line(line_of[row], name), settings, limits
        )
    finally:
        text.detach()
    return RawTable(raw.frame, warnings + raw.warnings, np.array(line_of))


def _locate_line(line: int, name: str) -> Place:
    return {"line": line, "column": name} if name else {"line": line}


def _parse_lines(
    text: io.TextIOWrapper, *, max_line_characters: int = 16 * 2**20
) -> Iterator[tuple[int, Any]]:
    """Yield numbered lines of JSON, parsed.

    Args:
        max_line_characters: Of a line of a JSON Lines file.
    """
    line = 0
    while content := text.readline(max_line_characters):
        line += 1
        if len(content) == max_line_characters:
            detail = (
                f"line {line} is over {max_line_characters} characters long; "
                "put each object on a line of its own"
            )
            raise Invalid.make_at("line_too_long", detail, {"line": line})
        if content.strip():
            yield line, _parse_line(content, line)


def _parse_line(content: str, line: int) -> Any:
    try:
        return strict_json.parse(content.strip().encode())
    except Malformed as error:
        fault = error.detail
        if "column" in error.extra:  # counted in this line alone, without its indent
            column = error.extra["column"] + len(content) - len(content.lstrip())
            fault = fault.replace("at line 1, column {column}".format_map(error.extra), f"at column {column}")
        entry = ErrorEntry(error.code, fault, {"line": line})
        raise Invalid(error.code, f"line {line}: {fault}", errors=[entry]) from None


def _build_table(
    blocks: Iterator[list[Any]], locate: Locate, settings: Settings, limits: IngestLimits
) -> RawTable:
    table = _TableBuilder(locate, settings, limits)
    for block in blocks:
        for number, row in enumerate(block):
            if not isinstance(row, dict):
                raise _make_refusal(
                    "not_an_object", locate(table.rows + number, ""), "a row must be an object {name: value}"
                )
        names = dict.fromkeys(name for row in block for name in row)
        table.add({name: [row.get(name) for row in block] for name in names}, len(block))
    return table.build()


class _TableBuilder:
    """Builds a table from blocks. A later block may have new names, and decimals in a column of integers."""

    def __init__(self, locate: Locate, settings: Settings, limits: IngestLimits) -> None:
        self.rows = 0
        self._locate = locate
        self._settings, self._limits = settings, limits
        self._kinds: dict[str, str] = {}
        self._blocks: list[pl.DataFrame] = []
        self._text_bytes = 0

    def add(self, columns: dict[str, list[Any]], rows: int) -> None:
        """Add a block of rows; ``None`` is a missing value."""
        if len(self._kinds | columns) > self._settings.max_columns:
            check_names(list(self._kinds | columns), self._settings, self._limits)
        names = len(self._kinds | columns)
        cell_bytes, text_bytes = self._limits.cell_bytes, self._text_bytes
        check_size(self.rows + rows, names, self._settings, cell_bytes=cell_bytes, text_bytes=text_bytes)
        block = pl.DataFrame([self._make_series(name, values) for name, values in columns.items()])
        self._blocks.append(block)
        self._text_bytes += 2 * int(block.select(pl.selectors.string()).estimated_size())  # block and joined
        self.rows += rows

    def build(self) -> RawTable:
        """The whole table."""
        if not self.rows:
            raise Invalid("no_rows", "the table has no rows; add at least one")
        if not self._kinds:
            raise Invalid("no_columns", "the rows have no fields; name at least one")
        # Blocks may lack columns, and a column of integers becomes float where a later block has decimals
        frame = pl.concat(self._blocks, how="diagonal_relaxed", rechunk=True)
        frame.columns = check_names(frame.columns, self._settings, self._limits)
        pairs = [_finalize_type(column) for column in frame.iter_columns()]
        columns = [column for column, _ in pairs]
        warnings = [warning for column, notes in pairs for warning in (*notes, *_warn_quoted_numbers(column))]
        return RawTable(pl.DataFrame(columns), warnings)

    def _make_series(self, name: str, values: list[Any]) -> pl.Series:
        kinds = {self._check_kind(kind, name, values) for kind in set(map(type, values)) - {type(None)}}
        old_kind = self._kinds.setdefault(name, "missing")
        # A column of nulls so far takes the kind of its first values
        kinds |= {old_kind} - {"missing"}
        if len(kinds) > 1:
            self._refuse_mixture(name, values, old_kind)
        self._kinds[name] = next(iter(kinds), "missing")
        if self._kinds[name] == "number":
            return _make_number_series(name, values)
        dtype = {"boolean": pl.Boolean, "text": pl.String, "missing": pl.Null}[self._kinds[name]]
        return pl.Series(name, values, dtype=dtype)

    def _check_kind(self, kind: type, name: str, values: list[Any]) -> str:
        if kind in KINDS:
            return KINDS[kind]
        row = next(number for number, value in enumerate(values) if type(value) is kind)
        detail = "a value must be a number, a text, true, false or null; split nested values into columns"
        raise _make_refusal("nested_value", self._locate(self.rows + row, name), detail)

    def _refuse_mixture(self, name: str, values: list[Any], old_kind: str) -> None:
        for row, value in enumerate(values):
            kind = old_kind if value is None else KINDS[type(value)]
            if old_kind == "missing":
                old_kind = kind
            if kind != old_kind:
                detail = f"column {name!r} holds {old_kind} before and {kind} here; a column has one type"
                raise _make_refusal("mixed_types", self._locate(self.rows + row, name), detail)


def _make_number_series(name: str, values: list[Any]) -> pl.Series:
    """A column of Int64 if all values are integers that fit, else of Float64."""
    is_integer = all(
        value is None or (isinstance(value, int) and -(2**63) <= value < 2**63) for value in values
    )
    if is_integer:
        return pl.Series(name, values, dtype=pl.Int64)
    return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)


def _finalize_type(column: pl.Series) -> tuple[pl.Series, Warnings]:
    """The column in its final type: Float64 if it has no values, Datetime if all texts are times."""
    if column.dtype == pl.Null:
        return column.cast(pl.Float64), []
    if column.dtype != pl.String or column.null_count() == len(column):
        return column, []
    times, notes = parse_iso_times(column)
    # A text that is not a time becomes null, so an equal number of nulls means that all were read
    is_read = times is not None and times.null_count() == column.null_count()
    return (times, notes) if times is not None and is_read else (column, [])


def _warn_quoted_numbers(column: pl.Series) -> Warnings:
    if column.dtype != pl.String or column.cast(pl.Float64, strict=False).null_count() > column.null_count():
        return []
    detail = "every value is a number in quotes and was read as text; send numbers without quotes"
    return [TableWarning(code="numbers_as_text", column=column.name, detail=detail)]


def _make_refusal(code: str, place: Place, detail: str) -> Invalid:
    where = place.get("pointer") or f"line {place['line']}"
    return Invalid(code, f"{where}: {detail}", errors=[ErrorEntry(code, detail, place)])
