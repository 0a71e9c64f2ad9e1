"""Every code that an error, an entry of one, or a warning can have: what it means, and what to do about it.

The table is ``error_codes.toml``. The guide shows it, the OpenAPI document takes statuses from it, and a test
holds it to the source: a code that is raised and not told of fails, and so does one that nobody raises.
Its translations are files of the page, which shows them above the English message.
"""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

COLUMNS = {
    "en": ("code", "status", "what it means", "what to do"),
    "ru": ("код", "статус", "что это значит", "что делать"),
}


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
def known_errors(language: str = "en") -> dict[str, list[Code]]:
    """The codes of answers and of jobs that failed, by the title of their group."""
    groups = _table("en")["errors"]
    statuses = {name: told[0] for codes in groups.values() for name, told in codes.items()}
    return {
        title: [Code(name, tuple(statuses[name]), *told[-2:]) for name, told in codes.items()]
        for title, codes in _table(language)["errors"].items()
    }


@cache
def known_entries(language: str = "en") -> dict[str, dict[str, str]]:
    """The codes of entries and warnings with their meaning, by the title of their group."""
    return dict(_table(language)["entries"])


def as_markdown(language: str = "en") -> str:
    """All of them as tables, under a heading for each group."""
    return "\n".join([*_lines_of_errors(language), *_lines_of_entries(language)])


def _lines_of_errors(language: str) -> Iterator[str]:
    code_, status, meaning, remedy = COLUMNS[language]
    for title, codes in known_errors(language).items():
        yield from _head(title, code_, status, meaning, remedy)
        for code in codes:
            statuses = ", ".join(map(str, code.statuses)) or "—"
            yield f"| `{code.name}` | {statuses} | {code.meaning} | {code.remedy} |"


def _lines_of_entries(language: str) -> Iterator[str]:
    code, _, meaning, _ = COLUMNS[language]
    for title, entries in known_entries(language).items():
        yield from _head(title, code, meaning)
        for name, told in entries.items():
            yield f"| `{name}` | {told} |"


def _head(title: str, *columns: str) -> list[str]:
    return ["", f"## {title}", "", f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]


def _table(language: str) -> dict[str, Any]:
    if language == "en":
        return tomllib.loads(_read("error_codes.toml"))
    return dict(json.loads(_read(f"web/i18n/codes.{language}.json")))


def _read(path: str) -> str:
    return files("service").joinpath(path).read_text(encoding="utf-8")
