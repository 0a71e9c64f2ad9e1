"""The table of a study: all columns for programs; the varied settings and the results for people."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from service.cli.support.metric_tables import NAMES
from service.cli.support.model_report import rounded
from service.cli.support.output import readable, say, show_lines

METRICS = ("rmse", "r2", "accuracy", "log_loss", "mean_log_likelihood")
FORMULA = "formula"
OUTCOME = ("status", "parameters", "training_seconds", "model", "verdict", FORMULA)
HEADS = NAMES | {"training": "#", "training_seconds": "seconds", "log_loss": "log loss"}
WORDS = ("status", "model", "verdict", FORMULA)  # aligned left; all other columns are numbers, aligned right
LONGEST = 100  # characters of a formula; the file has the complete one
NARROWEST = 16  # characters of the formula column
GAP = 2

Row = Mapping[str, Any]


def tell_rows(rows: Sequence[Row], settings: Sequence[str]) -> None:
    """Print the table.

    Args:
        rows: Rows of the file: one per training, or per grid of a training.
        settings: Names of the columns of varied settings.
    """
    if not sys.stdout.isatty():
        show_lines([list(rows[0]), *(list(row.values()) for row in rows)])
        return
    names = ["training", *settings, *(name for name in (*METRICS, *OUTCOME) if _is_told(name, rows))]
    columns = {name: [_head(name, settings), *(_cell(name, row[name]) for row in rows)] for name in names}
    shown = list(_fitting(columns, shutil.get_terminal_size().columns))
    _show({name: columns[name] for name in shown})
    if left_out := [columns[name][0] for name in names if name not in shown]:
        say(f"(columns not shown: {', '.join(left_out)}; the file has all)")


def _fitting(columns: Mapping[str, Sequence[str]], room: int) -> Iterator[str]:
    """Names of the columns that fit into the width ``room``; formulas can be wrapped."""
    for name, cells in columns.items():
        width = max(map(len, cells))
        room -= min(width, NARROWEST) if name == FORMULA else width
        if room < 0:
            return
        yield name
        room -= GAP


def _show(columns: Mapping[str, Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415  # slow to import, and not always needed
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for name, (head, *_) in columns.items():
        side: Literal["left", "right"] = "left" if name in WORDS else "right"
        table.add_column(head, justify=side, no_wrap=name != FORMULA)
    _, *rows = zip(*columns.values(), strict=True)
    for cells in rows:
        table.add_row(*map(Text, cells))
    Console().print(table)


def _is_told(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column has a value other than None and ``succeeded``."""
    nothing = (None, "succeeded")
    return any(row.get(name) not in nothing for row in rows)


def _head(name: str, settings: Sequence[str]) -> str:
    """The heading of a column; for a setting the last part of its path, if that is unambiguous."""
    last = name.rpartition(".")[2]
    is_alone = [setting.rpartition(".")[2] for setting in settings].count(last) == 1
    return last if name in settings and is_alone else HEADS.get(name, name)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == FORMULA:
        formula = rounded(value)
        return readable(formula if len(formula) <= LONGEST else f"{formula[: LONGEST - 1]}…")
    return f"{value:.4g}" if isinstance(value, float) else readable(str(value).strip('"'))
