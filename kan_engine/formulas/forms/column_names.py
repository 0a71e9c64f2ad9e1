"""What a name in a form means: a column as it is called, as formulas print it, or without its unit."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from kan_engine.expressions.parsing import is_name
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.units.headers import drop_header_unit


class ColumnNames:
    """The names by which a form may call columns.

    ``Q [mL/min]`` is ``Q_mL_min`` in text and ``Q`` in typeset formulas; both are read.

    Args:
        columns: Names of columns, in the order of the table.
    """

    def __init__(self, columns: Collection[str]) -> None:
        self._columns = columns
        self._printed = {text: column for column, text in safe_names(columns).items()}

    def find(self, name: str) -> tuple[str, ...]:
        """The columns that a name may mean; several only for a name that is one of each without its unit."""
        if name in self._columns:
            return (name,)
        if name in self._printed:
            return (self._printed[name],)
        return tuple(self._names_by_short_name.get(name, ()))

    @cached_property
    def _names_by_short_name(self) -> dict[str, list[str]]:
        columns_by_name = dict[str, list[str]]()
        for column in self._columns:
            short = drop_header_unit(column)
            if short != column:
                name = short if is_name(short) else safe_names([short])[short]
                columns_by_name.setdefault(name, []).append(column)
        return columns_by_name
