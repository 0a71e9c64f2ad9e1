"""How results are printed: words and tables for people, bare columns for pipes, JSON for programs.

Standard output holds the result and nothing else; everything said meanwhile goes to standard error.
"""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel

GAP = 2  # between columns of a table
WIDEST = 40  # cell of a table: an id is 36
INDENT = 11  # of what stands beside a label

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]


def say(text: str) -> None:
    """Something by the way."""
    typer.echo(readable(text), err=True)


def readable(text: str) -> str:
    """A text without what would move the cursor or turn the writing: names of columns may hold anything."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def show(result: Any, as_json: bool, tell: Callable[[], None]) -> None:
    """A result: as JSON, or as its teller has it."""
    if as_json:
        typer.echo(json.dumps(_plain(result), indent=2, ensure_ascii=False))
    else:
        tell()


def tell(label: str, text: str) -> None:
    """A line with its label; in a terminal, as many lines as it takes."""
    start = (f"{label}:" if label else "").ljust(INDENT)
    text = readable(text).replace("\n", " ")
    if not sys.stdout.isatty():
        typer.echo(f"{start}{text}")
        return
    width = max(40, shutil.get_terminal_size().columns)
    lines = textwrap.wrap(text, width - INDENT, break_on_hyphens=False) or [""]
    typer.echo(typer.style(start, bold=True) + lines[0])
    for line in lines[1:]:
        typer.echo(" " * INDENT + line)


def show_list(
    items: Iterable[BaseModel], as_json: bool, names: Sequence[str], cells: Callable[[Any], Sequence[Any]]
) -> None:
    """A list: a table in a terminal; elsewhere a line for each item, its cells between tabs, none cut off."""
    if as_json:
        typer.echo(json.dumps({"items": [_plain(item) for item in items]}, indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _show_table(names, [[_cell(cell) for cell in cells(item)] for item in items])
    else:
        show_lines(cells(item) for item in items)


def show_lines(rows: Iterable[Sequence[Any]]) -> None:
    """A line for each row, its cells between tabs."""
    for row in rows:
        typer.echo("\t".join(map(_exact, row)))


def _show_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As many columns as there is room for; the last ones are what people miss least."""
    if not rows:
        say("there are none yet")
        return
    columns = [[name, *map(_cut, cells)] for name, cells in zip(names, zip(*rows, strict=True), strict=True)]
    widths = [max(map(len, column)) for column in columns]
    room = shutil.get_terminal_size().columns
    fitting = [number for number in range(len(names)) if sum(widths[: number + 1]) + GAP * number <= room]
    shown = len(fitting) or 1
    for number, line in enumerate(zip(*columns[:shown], strict=True)):
        text = (" " * GAP).join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        typer.echo(text if number else typer.style(text, bold=True))
    if shown < len(names):
        say(f"(no room for: {', '.join(names[shown:])}; --json has all)")


def _cut(cell: str) -> str:
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…"


def _cell(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value.astimezone():%Y-%m-%d %H:%M}" if isinstance(value, datetime) else _exact(value)


def _exact(value: Any) -> str:
    """A value as programs read it, on one line whatever someone has named something."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return readable(text).replace("\n", " ")


def _plain(result: Any) -> Any:
    """A result as JSON has it, models inside of it as well."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, dict):
        return {name: _plain(value) for name, value in result.items()}
    return result
