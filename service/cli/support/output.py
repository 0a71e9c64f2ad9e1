"""Output of results: tables for people, tab-separated columns for pipes, JSON for programs.

Standard output contains only the result; all other messages go to standard error.
"""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from service.documents.readable_numbers import format_metric

AsJson = Annotated[bool, typer.Option("--json", help="Print only one JSON document.")]


@dataclass(frozen=True, kw_only=True)
class TableStyle:
    """Sizes of a table in a terminal, in characters.

    Attributes:
        column_gap: Between columns.
        max_cell_width: Of a cell; an id has 36 characters.
    """

    column_gap: int = 2
    max_cell_width: int = 40


DEFAULT_TABLE = TableStyle()


def print_message(text: str) -> None:
    """Print a message on standard error."""
    typer.echo(clean_text(text), err=True)


def clean_text(text: str) -> str:
    """Replace control characters, such as in column names: they can move the cursor or reverse the text."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def print_result(result: Any, as_json: bool, tell: Callable[[], None]) -> None:
    """Print a result as JSON, or by calling ``tell``."""
    if as_json:
        typer.echo(json.dumps(_to_plain(result), indent=2, ensure_ascii=False))
    else:
        tell()


def print_field(label: str, text: str, *, label_width: int = 11) -> None:
    """Print a text after its label on one line; in a terminal, wrapped and indented by ``label_width``."""
    start = (f"{label}:" if label else "").ljust(label_width)
    text = clean_text(text).replace("\n", " ")
    if not sys.stdout.isatty():
        typer.echo(f"{start}{text}")
        return
    width = max(40, shutil.get_terminal_size().columns)
    lines = textwrap.wrap(text, width - label_width, break_on_hyphens=False) or [""]
    typer.echo(typer.style(start, bold=True) + lines[0])
    for line in lines[1:]:
        typer.echo(" " * label_width + line)


def print_list(
    items: Iterable[Any],
    as_json: bool,
    names: Sequence[str],
    cells: Callable[[Any], Sequence[Any]],
    *,
    style: TableStyle = DEFAULT_TABLE,
) -> None:
    """Print a list: as JSON, as a table in a terminal, else as tab-separated lines with complete cells.

    Args:
        names: Column headings.
        cells: Returns the cells of an item.
        style: Sizes of the table.
    """
    if as_json:
        typer.echo(json.dumps({"items": [_to_plain(item) for item in items]}, indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        rows = [[*map(_format_cell, names, cells(item))] for item in items]
        _print_table(names, rows, style)
    else:
        print_lines(cells(item) for item in items)


def print_lines(rows: Iterable[Sequence[Any]]) -> None:
    """Print one line per row, with cells separated by tabs."""
    for row in rows:
        typer.echo("\t".join(map(_format_exact, row)))


def _print_table(names: Sequence[str], rows: Sequence[Sequence[str]], style: TableStyle) -> None:
    """Print as many columns as fit; the last ones are least important."""
    if not rows:
        print_message("there are none yet")
        return
    columns = [
        [name, *(_truncate(cell, style) for cell in cells)]
        for name, cells in zip(names, zip(*rows, strict=True), strict=True)
    ]
    widths = [max(map(len, column)) for column in columns]
    room = shutil.get_terminal_size().columns
    fitting = [
        number
        for number in range(len(names))
        if sum(widths[: number + 1]) + style.column_gap * number <= room
    ]
    column_count = len(fitting) or 1
    for number, line in enumerate(zip(*columns[:column_count], strict=True)):
        text = (
            (" " * style.column_gap)
            .join(cell.ljust(width) for cell, width in zip(line, widths, strict=False))
            .rstrip()
        )
        typer.echo(text if number else typer.style(text, bold=True))
    if column_count < len(names):
        print_message(f"(columns not shown: {', '.join(names[column_count:])}; --json shows all)")


def _truncate(cell: str, style: TableStyle) -> str:
    width = style.max_cell_width
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"


def _format_cell(name: str, value: Any) -> str:
    """Format a value for people."""
    if isinstance(value, float):
        return format_metric(name, value, 6)
    return f"{value.astimezone():%Y-%m-%d %H:%M}" if isinstance(value, datetime) else _format_exact(value)


def _format_exact(value: Any) -> str:
    """Format a value for programs, on one line and without control characters."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return clean_text(text).replace("\n", " ")


def _to_plain(result: Any) -> Any:
    """Convert a result and the models in it to JSON types."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, dict):
        return {name: _to_plain(value) for name, value in result.items()}
    return result
