"""Express the variables of formulas that are not columns of the client in terms of the client's columns.

The inputs of a network include "color is red", "mass is missing" and ``mass`` with missing values filled. A
database or a spreadsheet has only the columns ``color`` and ``mass``, so that its formulas contain
expressions of these. The source code of a program has comments on the arguments to pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kan_engine.data.column_definitions import (
    ColumnDefinition,
    IsCategory,
    IsMissing,
    IsOtherCategory,
    TimePart,
)
from kan_engine.data.datetime_parts import describe_part
from kan_engine.data.encoding import Encoding
from kan_engine.errors import NotExportable
from kan_engine.expressions.printing.infix import Names, quote_column, table_column

MAX_SPREADSHEET_TEXT_CHARACTERS = 255  # of a text literal in a spreadsheet formula


@dataclass(frozen=True, kw_only=True)
class VariableDefinitions:
    """How the variables of a formula follow from the client's columns; all others are the columns themselves.

    Args:
        derived: The definitions by variable.
        fills: The replacement of a missing value, by column.
        booleans: Columns of true and false.
    """

    derived: Mapping[str, ColumnDefinition] = field(default_factory=dict)
    fills: Mapping[str, float] = field(default_factory=dict)
    booleans: Collection[str] = ()

    @staticmethod
    def from_encoding(encoding: Encoding) -> VariableDefinitions:
        """The definitions of all encoded columns."""
        return VariableDefinitions(
            derived={column.name: column.definition for column in encoding.names if column.definition},
            fills={
                feature.name: feature.fill
                for feature in encoding.features
                if feature.has_missing and feature.type not in ("category", "datetime")
            },
            booleans=[feature.name for feature in encoding.features if feature.type == "boolean"],
        )


def sql_names(columns: Iterable[str], derivation: VariableDefinitions) -> Names:
    """Return an SQL expression for each variable."""
    return {column: _sql_expression(column, derivation) for column in columns}


def _sql_expression(variable: str, derivation: VariableDefinitions) -> str:
    if definition := derivation.derived.get(variable):
        return f"CASE WHEN {_sql_condition(definition)} THEN 1.0 ELSE 0.0 END"
    column, fill = quote_column(variable), derivation.fills.get(variable)
    if variable in derivation.booleans:
        missing = "" if fill is None else f"WHEN {column} IS NULL THEN {float(fill)!r} "
        return f"CASE {missing}WHEN {column} THEN 1.0 ELSE 0.0 END"
    return column if fill is None else f"COALESCE({column}, {float(fill)!r})"


def _sql_condition(definition: ColumnDefinition) -> str:
    column = quote_column(definition.column)
    match definition:
        case IsCategory():
            return f"{column} = {_quote_sql_text(definition.equals)}"
        case IsOtherCategory(other_than=categories) if categories:
            return f"{column} NOT IN ({', '.join(map(_quote_sql_text, categories))})"
        case IsOtherCategory():
            return f"{column} IS NOT NULL"
        case IsMissing():
            return f"{column} IS NULL"
        case TimePart():
            raise _time_part_error(definition, "SQL")


def _time_part_error(definition: TimePart, language: str) -> NotExportable:
    return NotExportable(
        f"the formula contains the {definition.part} of {quote_value(definition.column)}, and {language} "
        "has no portable function for the parts of times; export it as python, numpy, c or javascript"
    )


def _quote_sql_text(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def table_names(columns: Iterable[str], derivation: VariableDefinitions) -> Names:
    """Return a spreadsheet expression for each variable, over the columns of a spreadsheet table."""
    return {column: _cell_expression(column, derivation) for column in columns}


def _cell_expression(variable: str, derivation: VariableDefinitions) -> str:
    if definition := derivation.derived.get(variable):
        return f"IF({_cell_condition(definition)},1,0)"
    cell, fill = table_column(variable), derivation.fills.get(variable)
    return cell if fill is None else f"IF(ISBLANK({cell}),{float(fill)!r},{cell})"


def _cell_condition(definition: ColumnDefinition) -> str:
    """Compare by ``EXACT``: to ``=``, "Red" equals "red" and the number 1 differs from the category "1"."""
    cell = table_column(definition.column)
    match definition:
        case IsCategory():
            return f"EXACT({cell},{_quote_cell_text(definition.equals)})"
        case IsOtherCategory():
            conditions = [f"NOT(EXACT({cell},{_quote_cell_text(value)}))" for value in definition.other_than]
            return f"AND({','.join([f'NOT(ISBLANK({cell}))', *conditions])})"
        case IsMissing():
            return f"ISBLANK({cell})"
        case TimePart():
            raise _time_part_error(definition, "a spreadsheet")


def _quote_cell_text(value: Any) -> str:
    """Return a quoted text, as a concatenation of literals if it is too long for one."""
    text = str(value)
    pieces = [
        text[start : start + MAX_SPREADSHEET_TEXT_CHARACTERS]
        for start in range(0, len(text), MAX_SPREADSHEET_TEXT_CHARACTERS)
    ] or [""]
    return "&".join('"' + piece.replace('"', '""') + '"' for piece in pieces)


def describe_variables(columns: Iterable[str], derivation: VariableDefinitions) -> Names:
    """Describe the value to pass for each variable that is not just a column."""
    meanings = {column: _describe_variable(column, derivation) for column in columns}
    return {column: meaning for column, meaning in meanings.items() if meaning}


def _describe_variable(variable: str, derivation: VariableDefinitions) -> str:
    if definition := derivation.derived.get(variable):
        column = quote_value(definition.column)
        if isinstance(definition, TimePart):
            return describe_part(column, (definition.part, definition.wave or ""))
        return f"1 where {column} {_describe_condition(definition)}, else 0"
    if variable in derivation.fills:
        return f"{quote_value(variable)}, and {float(derivation.fills[variable])!r} where it is missing"
    return ""


def _describe_condition(definition: IsCategory | IsOtherCategory | IsMissing) -> str:
    match definition:
        case IsCategory():
            return f"is {quote_value(definition.equals)}"
        case IsOtherCategory():
            return "is none of " + ", ".join(map(quote_value, definition.other_than))
        case IsMissing():
            return "is missing"


def quote_value(value: Any, max_characters: int = 60) -> str:
    """Return a name or a category in quotes, truncated to ``max_characters`` for a comment or message."""
    text = str(value)
    return "'" + (text if len(text) <= max_characters else text[: max_characters - 1] + "…") + "'"
