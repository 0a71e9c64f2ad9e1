"""The table of a study: all columns for programs; the varied settings and the results for people."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.cli.support.metric_tables import METRIC_NAMES
from service.cli.support.output import TableStyle, clean_text, print_lines, print_message
from service.documents.readable_numbers import format_metric, round_numbers

METRICS = ("rmse", "r2", "accuracy", "log_loss", "mean_log_likelihood")
FORMULA = "formula"
OUTCOME_COLUMNS = ("status", "parameters", "training_seconds", "model", "verdict", FORMULA)
COLUMN_HEADS = METRIC_NAMES | {"training": "#", "training_seconds": "seconds", "log_loss": "log loss"}
# Aligned left; all other columns are numbers, aligned right
TEXT_COLUMNS = "status", "model", "verdict", FORMULA

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StudyTableStyle(TableStyle):
    """Sizes of the table of a study, in characters.

    Attributes:
        max_formula_length: Of a formula; the file has the complete one.
        min_formula_width: Of the column of formulas, which can be wrapped.
    """

    max_formula_length: int = 100
    min_formula_width: int = 16


DEFAULT_STYLE = StudyTableStyle()


def print_rows(
    rows: Sequence[Row], settings: Sequence[str], *, style: StudyTableStyle = DEFAULT_STYLE
) -> None:
    """Print the table.

    Args:
        rows: Rows of the file: one per training, or per grid of a training.
        settings: Names of the columns of varied settings.
        style: Sizes of the table.
    """
    if not sys.stdout.isatty():
        print_lines([list(rows[0]), *(list(row.values()) for row in rows)])
        return
    names = [
        "training",
        *settings,
        *(name for name in (*METRICS, *OUTCOME_COLUMNS) if _has_content(name, rows)),
    ]
    columns = {
        name: [_column_head(name, settings), *(_format_cell(name, row[name], style) for row in rows)]
        for name in names
    }
    column_names = list(_select_columns(columns, shutil.get_terminal_size().columns, style))
    _print_columns({name: columns[name] for name in column_names}, style)
    if left_out := [columns[name][0] for name in names if name not in column_names]:
        print_message(f"(columns not shown: {', '.join(left_out)}; the file has all)")


def _select_columns(columns: Mapping[str, Sequence[str]], room: int, style: StudyTableStyle) -> Iterator[str]:
    """Names of the columns that fit into the width ``room``; formulas can be wrapped."""
    for name, cells in columns.items():
        width = max(map(len, cells))
        room -= min(width, style.min_formula_width) if name == FORMULA else width
        if room < 0:
            return
        yield name
        room -= style.column_gap


def _print_columns(columns: Mapping[str, Sequence[str]], style: StudyTableStyle) -> None:
    from rich.console import Console  # noqa: PLC0415  # slow to import, and not always needed
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, style.column_gap, 0, 0))
    for name, (head, *_) in columns.items():
        side: Literal["left", "right"] = "left" if name in TEXT_COLUMNS else "right"
        table.add_column(head, justify=side, no_wrap=name != FORMULA)
    _, *rows = zip(*columns.values(), strict=True)
    for cells in rows:
        table.add_row(*map(Text, cells))
    Console().print(table)


def _has_content(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column has a value other than None and ``succeeded``."""
    empty_values = (None, "succeeded")
    return any(row.get(name) not in empty_values for row in rows)


def _column_head(name: str, settings: Sequence[str]) -> str:
    """The heading of a column; for a setting the last part of its path, if that is unambiguous."""
    short_name = name.rpartition(".")[2]
    is_alone = [setting.rpartition(".")[2] for setting in settings].count(short_name) == 1
    return short_name if name in settings and is_alone else COLUMN_HEADS.get(name, name)


def _format_cell(name: str, value: Any, style: StudyTableStyle) -> str:
    if value is None:
        return ""
    if name == FORMULA:
        formula, length = round_numbers(value), style.max_formula_length
        return clean_text(formula if len(formula) <= length else f"{formula[: length - 1]}…")
    return format_metric(name, value) if isinstance(value, float) else clean_text(str(value).strip('"'))
