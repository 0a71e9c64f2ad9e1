"""Warnings about a table: what was guessed, or looks wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class TableWarning:
    """A warning, with the place that it is about.

    Attributes:
        column: Name of the column; None for the whole table.
        value, count: The value that may mean a missing one, and its number of occurrences.
        row: First row that it applies to, counted from 0.
        form: Format of the times in the column.
        unit: Of the numbers in the column, as its cells say.
        line: Line of the file, counted from 1.
    """

    code: str
    column: str | None = None
    value: float | str | None = None
    count: int | None = None
    row: int | None = None
    form: str | None = None
    unit: str | None = None
    detail: str
    line: int | None = None

    def to_json(self) -> dict[str, str | float]:
        """The warning as clients read it, without members that do not apply."""
        return {name: value for name, value in asdict(self).items() if value is not None}


Warnings = list[TableWarning]
