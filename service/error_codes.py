"""Every code that an error, an entry of one, or a warning can have: what it means, and what to do about it.

The table is ``error_codes.toml``. The guide shows it, the OpenAPI document takes statuses from it, and a test
holds it to the source: a code that is raised and not told of fails, and so does one that nobody raises.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Code:
    """What a code tells.

    Attributes:
        statuses: HTTP statuses that it comes with; none if it only ends jobs.
    """

    name: str
    statuses: tuple[int, ...]
    meaning: str
    remedy: str


@cache
def known_errors() -> dict[str, list[Code]]:
    """The codes of answers and of jobs that failed, by the title of their group."""
    return {
        title: [Code(name, tuple(statuses), *words) for name, (statuses, *words) in codes.items()]
        for title, codes in _table()["errors"].items()
    }


@cache
def known_entries() -> dict[str, dict[str, str]]:
    """The codes of entries and warnings with their meaning, by the title of their group."""
    return dict(_table()["entries"])


def as_markdown() -> str:
    """All of them as tables, under a heading for each group."""
    return "\n".join([*_lines_of_errors(), *_lines_of_entries()])


def _lines_of_errors() -> Iterator[str]:
    for title, codes in known_errors().items():
        yield from _head(title, "code", "status", "what it means", "what to do")
        for code in codes:
            statuses = ", ".join(map(str, code.statuses)) or "—"
            yield f"| `{code.name}` | {statuses} | {code.meaning} | {code.remedy} |"


def _lines_of_entries() -> Iterator[str]:
    for title, entries in known_entries().items():
        yield from _head(title, "code", "what it means")
        for name, meaning in entries.items():
            yield f"| `{name}` | {meaning} |"


def _head(title: str, *columns: str) -> list[str]:
    return ["", f"## {title}", "", f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]


def _table() -> dict[str, Any]:
    return tomllib.loads(files("service").joinpath("error_codes.toml").read_text(encoding="utf-8"))
