"""Checks of a table's size and of the names of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import ErrorEntry, Invalid, Place
from service.ingest.limits import IngestLimits

if TYPE_CHECKING:
    from service.settings import Settings


def check_names(
    names: list[str], settings: Settings, limits: IngestLimits, *, may_be_empty: bool = False
) -> list[str]:
    """Check column names; returns them without surrounding spaces.

    Args:
        names: As they were sent.
        settings: The limits of the operator.
        limits: The other limits.
        may_be_empty: Whether the caller drops columns without a name; they do not count.

    Raises:
        Invalid: There are too many names, or some are empty, too long, repeated or not allowed.
    """
    names = [name.strip() for name in names]
    count = sum(map(bool, names)) if may_be_empty else len(names)
    if count > settings.max_columns:
        raise Invalid(
            "too_many_columns",
            f"the table has {count} columns, the limit is {settings.max_columns}; leave some out",
            limit=settings.max_columns,
        )
    first_seen: dict[str, int] = {}
    errors: list[ErrorEntry] = []
    for number, name in enumerate(names, start=1):
        if fault := _find_fault(name, number, first_seen.get(name), limits):
            errors.append(fault)
        first_seen.setdefault(name, number)
    if any(not may_be_empty or error.code != "empty_name" for error in errors):
        suffix = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Invalid("column_names", errors[0].detail + suffix, errors=errors[: limits.max_error_entries])
    return names


def check_size(
    rows: int, columns: int, settings: Settings, *, cell_bytes: float, text_bytes: int = 0
) -> None:
    """Refuse a table with too many rows, or too large for the memory limit.

    Args:
        rows: Number of rows read so far.
        columns: Number of columns.
        settings: The limits of the operator.
        cell_bytes: Memory per cell.
        text_bytes: Memory for the texts of all cells.
    """
    if rows > settings.max_rows:
        raise Invalid(
            "too_many_rows",
            f"the table has more than {settings.max_rows} rows, which is the limit; send fewer",
            limit=settings.max_rows,
        )
    limit = max(0, int((settings.max_memory_bytes - text_bytes) / cell_bytes))
    if rows * columns > limit:
        raise Invalid(
            "too_many_cells",
            f"{rows} rows of {columns} columns are over the limit of {limit} cells; send fewer of either",
            limit=limit,
        )


def _find_fault(name: str, number: int, first_seen: int | None, limits: IngestLimits) -> ErrorEntry | None:
    place: Place = {"column": name[: limits.max_name_length], "column_number": number}
    if not name:
        return ErrorEntry("empty_name", "a column has no name; give every column one", place)
    if len(name) > limits.max_name_length:
        detail = f"a column name is over {limits.max_name_length} characters long; shorten it"
        return ErrorEntry("name_too_long", detail, place)
    if "\0" in name:
        return ErrorEntry("nul_character", "a column name contains the character NUL; remove it", place)
    if name.startswith("^") and name.endswith("$"):  # Polars takes it as a pattern for other columns
        detail = f"the column name {name!r} begins with ^ and ends with $, as only patterns do; rename it"
        return ErrorEntry("reserved_name", detail, place)
    if first_seen is not None:
        detail = f"the column name {name!r} is given twice, first for column {first_seen}; rename one"
        return ErrorEntry("duplicate_name", detail, place)
    return None
