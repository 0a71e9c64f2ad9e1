"""Units of the columns of a table: those that the client gives, and those in the names of columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kan_engine.units.headers import find_header_unit
from kan_engine.units.unit import read_unit
from service.documents.column_report import ColumnReport
from service.ingest.table_warnings import TableWarning, Warnings

NUMBERS = frozenset({"number", "integer"})


def complete_units(
    columns: Iterable[ColumnReport], overrides: Mapping[str, str], in_cells: Mapping[str, str] | None = None
) -> tuple[dict[str, str], Warnings]:
    """Return the given units and those in the names of other columns of numbers, with warnings.

    A given unit overrides the name, "" is none, and a unit in the cells stands between both. Units that are
    not known are kept as text, with a warning.
    """
    units, warnings = {**(in_cells or {}), **overrides}, Warnings()
    for column in columns:
        if column.name in units or column.type not in NUMBERS:
            continue
        unit = find_header_unit(column.name)
        if unit is not None:
            units[column.name] = unit
            detail = (
                f"the unit {unit} of column {column.name!r} was read from its name; to override it, upload "
                f'the table with units = {{"{column.name}": "…"}}, where "" is no unit'
            )
            warnings.append(TableWarning(code="header_unit", detail=detail, column=column.name))
    for name, text in overrides.items():
        if read_unit(text) is None:
            detail = (
                f"the unit {text!r} of column {name!r} is not known: it is printed, but not checked; write "
                "it with the symbols of the SI, as kg*m/s^2"
            )
            warnings.append(TableWarning(code="unknown_unit", detail=detail, column=name))
    return units, warnings
