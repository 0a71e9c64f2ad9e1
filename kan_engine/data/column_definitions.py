"""How the encoded columns that are not columns of the client follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class IsMissing:
    """1 where ``column`` has no value, else 0."""

    column: str
    missing: Literal[True] = True


@dataclass(frozen=True)
class IsCategory:
    """1 where ``column`` has the category ``equals``, else 0."""

    column: str
    equals: str


@dataclass(frozen=True)
class IsOtherCategory:
    """1 where ``column`` has none of the categories ``other_than``, else 0."""

    column: str
    other_than: tuple[str, ...]


@dataclass(frozen=True)
class TimePart:
    """A ``part`` of the times in ``column``; of a cycle, its ``wave``, "sin" or "cos"."""

    column: str
    part: str
    wave: str | None


ColumnDefinition = IsMissing | IsCategory | IsOtherCategory | TimePart


def parse_definition(data: Mapping[str, Any]) -> ColumnDefinition:
    """Restore a definition from the result of ``dataclasses.asdict``."""
    match data:
        case {"column": column, "part": part}:
            return TimePart(column, part, data.get("wave"))
        case {"column": column, "equals": category}:
            return IsCategory(column, category)
        case {"column": column, "other_than": categories}:
            return IsOtherCategory(column, tuple(categories))
    return IsMissing(data["column"])
