"""Shares of what was recovered, by source, and every miss with what was found instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tests.benchmarks.formulas.lines import Line
from tests.benchmarks.plan import number
from tests.benchmarks.report import head, table
from tests.benchmarks.rows import Journal, Row

GOOD = 0.999


def render(journal: Journal, code: str, lines: Sequence[Line]) -> str:
    """The report as Markdown; rows of other code are left out."""
    lines_by_id = {line.id: line for line in lines}
    rows = [row for row in journal.rows if row.code == code and row.work in lines_by_id]
    parts = ["# Formulas", head(), ABOUT]
    for who in dict.fromkeys(row.who for row in rows):
        group = [row for row in rows if row.who == who]
        parts += [f"## {who}", _summary(group, lines_by_id), _misses(group, lines_by_id)]
    return "\n\n".join(part for part in parts if part) + "\n"


ABOUT = (
    "`recovered`: on 1,000 fresh rows without noise the formula's RMSE is below 1e-7 of the target's "
    "spread, and its median relative error below 1e-5. `exact`: what the service says. `equivalent`: the "
    "difference to the true formula, or the ratio, simplifies to a constant (SRBench). `snapped`: of "
    "those recovered, no constant is left as measured. `right form`: with its measured constants fitted "
    "to the truth the formula is exact. `covered`: of the measured constants of right forms, those within "
    "three of the standard errors that the service tells. `adds up`: of formulas with units, those whose "
    "units do. Complexities are medians."
)


def _summary(rows: Sequence[Row], lines_by_id: dict[str, Line]) -> str:
    columns = [
        "source", "jobs", "recovered", "exact", "false exact", "equivalent", f"R² > {GOOD}", "snapped",
        "right form", "covered", "adds up", "median s", "longest s", "complexity", "true",
    ]  # fmt: skip
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(lines_by_id[row.work].source, []).append(row)
    return table(
        columns, [_line(source, group) for source, group in [*by_source.items(), ("all", list(rows))]]
    )


def _line(source: str, rows: list[Row]) -> list[str]:
    successes = [row for row in rows if row.values.get("recovered")]
    false = sum(bool(row.values.get("exact")) and not row.values.get("recovered") for row in rows)
    return [
        source,
        str(len(rows)),
        _share(rows, "recovered"),
        _share(rows, "exact"),
        str(false),
        _share(rows, "equivalent"),
        f"{sum(_number(row, 'R2') > GOOD for row in rows) / len(rows):.0%}",
        _share(successes, "snapped"),
        _share(rows, "form"),
        _mean(rows, "covered"),
        _mean(rows, "adds up"),
        _median(rows, "seconds"),
        number(max((_number(row, "seconds") for row in rows), default=float("nan"))),
        _median(rows, "complexity"),
        _median(rows, "true complexity"),
    ]


def _misses(rows: Sequence[Row], lines_by_id: dict[str, Line]) -> str:
    misses = [row for row in rows if not row.values.get("recovered")]
    listing = table(["line", "seed", "true", "found", "R²", "s"], list(_described(misses, lines_by_id)))
    return f"Not recovered:\n\n{listing}" if misses else "All recovered."


def _described(rows: Sequence[Row], lines_by_id: dict[str, Line]) -> Iterator[list[str]]:
    for row in rows:
        formula = row.failure or row.values.get("formula") or "no formula"
        worth, seconds = (number(_number(row, name)) for name in ("R2", "seconds"))
        yield [row.work, str(row.seed), lines_by_id[row.work].expression, str(formula), worth, seconds]


def _number(row: Row, name: str) -> float:
    value = row.values.get(name)
    return float(value) if isinstance(value, int | float) else float("nan")


def _share(rows: Sequence[Row], name: str) -> str:
    return f"{sum(bool(row.values.get(name)) for row in rows) / len(rows):.0%}" if rows else ""


def _mean(rows: Sequence[Row], name: str) -> str:
    values = [value for row in rows if (value := _number(row, name)) == value]
    return f"{sum(values) / len(values):.0%}" if values else ""


def _median(rows: Sequence[Row], name: str) -> str:
    values = [value for row in rows if (value := _number(row, name)) == value]
    return number(median(values)) if values else ""
