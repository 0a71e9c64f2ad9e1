"""Every code of an error, of an entry of an error, or of a warning: its meaning and its remedy.

The table is ``error_codes.toml``. The guide prints it and the OpenAPI document takes statuses from it. A test
compares it with the source: it fails if a code is raised but not listed, or listed but never raised.
The translations are files of the web page, which shows them above the English message.
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
class ErrorCode:
    """An error code with its statuses, meaning and remedy.

    Attributes:
        statuses: HTTP statuses of responses with this code; empty if only failed jobs have it.
    """

    name: str
    statuses: tuple[int, ...]
    meaning: str
    remedy: str


@cache
def list_error_groups(language: str = "en") -> dict[str, list[ErrorCode]]:
    """The codes of error responses and of failed jobs, by the title of their group."""
    groups = _load_table("en").errors
    statuses = {name: entry[0] for codes in groups.values() for name, entry in codes.items()}
    return {
        title: [ErrorCode(name, tuple(statuses[name]), *entry[-2:]) for name, entry in codes.items()]
        for title, codes in _load_table(language).errors.items()
    }


@cache
def list_entry_groups(language: str = "en") -> dict[str, dict[str, str]]:
    """The codes of error entries and warnings with their meaning, by the title of their group."""
    return _load_table(language).entries


@cache
def load_remedies() -> dict[str, str]:
    """What to do about each code of an error response or of a failed job."""
    return {code.name: code.remedy for codes in list_error_groups().values() for code in codes}


def render_error_codes(language: str = "en") -> str:
    """All codes as Markdown tables, with a heading for each group."""
    return "\n".join([*_render_errors(language), *_render_entries(language)])


def _render_errors(language: str) -> Iterator[str]:
    code_, status, meaning, remedy = COLUMNS[language]
    for title, codes in list_error_groups(language).items():
        yield from _render_table_head(title, code_, status, meaning, remedy)
        for code in codes:
            statuses = ", ".join(map(str, code.statuses)) or "—"
            yield f"| `{code.name}` | {statuses} | {code.meaning} | {code.remedy} |"


def _render_entries(language: str) -> Iterator[str]:
    code, _, meaning, _ = COLUMNS[language]
    for title, entries in list_entry_groups(language).items():
        yield from _render_table_head(title, code, meaning)
        for name, text in entries.items():
            yield f"| `{name}` | {text} |"


def _render_table_head(title: str, *columns: str) -> list[str]:
    return ["", f"## {title}", "", f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]


@dataclass(frozen=True)
class _CodeTable:
    """The codes by the title of their group.

    Attributes:
        errors: Statuses (only in English), meaning and remedy of each code.
        entries: Meaning of each code.
    """

    errors: dict[str, dict[str, list[Any]]]
    entries: dict[str, dict[str, str]]


def _load_table(language: str) -> _CodeTable:
    if language == "en":
        return _CodeTable(**tomllib.loads(_read("error_codes.toml")))
    return _CodeTable(**json.loads(_read(f"web/i18n/codes.{language}.json")))


def _read(path: str) -> str:
    return files("service").joinpath(path).read_text(encoding="utf-8")
