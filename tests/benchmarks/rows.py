"""Rows of the report: written as they are measured, found again by a later run, summed up over seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

Values = dict[str, float | str | None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one task gave, and under which circumstances.

    Attributes:
        code: Fingerprint of all that decides the figures; rows of different ones are never mixed.
        failure: Why there are no figures; None if there are.
        seconds: Of the whole process, imports and all.
        peak_mib: Largest resident memory of all its processes together.
        load: Load average of the last minute, at the end.
    """

    section: str
    work: str
    who: str
    seed: int
    code: str
    commit: str
    at: str
    seconds: float
    peak_mib: float
    load: float
    values: Values
    failure: str | None = None

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        """What makes two rows the same measurement."""
        return self.section, self.work, self.who, self.seed, self.code


class Journal:
    """A JSON-Lines file of rows; what was written there survives whatever happens to the run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.rows = [row for line in lines if (row := _read(line))]

    def add(self, row: Row) -> None:
        """Write a row at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        self.rows.append(row)

    def forget(self, is_forgotten: Callable[[Row], bool]) -> None:
        """Drop rows, so that they are measured again."""
        self.rows = [row for row in self.rows if not is_forgotten(row)]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.write_text("".join(json.dumps(asdict(row)) + "\n" for row in self.rows), encoding="utf-8")
        fresh.replace(self.path)

    def of(self, section: str, code: str) -> Measured:
        """The rows of a section: those of this code, or else those of the code measured last."""
        rows = [row for row in self.rows if row.section == section]
        is_other = bool(rows) and not any(row.code == code for row in rows)
        row_code = rows[-1].code if is_other else code
        return Measured([row for row in rows if row.code == row_code], is_other=is_other)


class Measured:
    """The rows of one section and one code.

    Attributes:
        is_other: Whether that is not the present code.
    """

    def __init__(self, rows: Iterable[Row], *, is_other: bool) -> None:
        self.rows, self.is_other = list(rows), is_other

    def numbers(self, value: str, *, who: str, work: str | None = None) -> list[float]:
        """A figure of all matching rows, by seed."""
        rows = sorted(self.rows, key=lambda row: row.seed)
        figures = (
            row.values.get(value) for row in rows if row.who == who and (work is None or row.work == work)
        )
        return [float(figure) for figure in figures if isinstance(figure, int | float)]

    def median(self, value: str, *, who: str, work: str | None = None) -> float:
        """Median of a figure over the matching rows; NaN if there is none."""
        return median(self.numbers(value, who=who, work=work) or [float("nan")])

    def largest(self, value: str, *, who: str, work: str | None = None) -> float:
        """Largest of a figure over the matching rows; NaN if there is none."""
        return max(self.numbers(value, who=who, work=work), default=float("nan"))

    def ratio_of(self, figure: str, reference: str, *, who: str, work: str) -> float:
        """Median of a figure, over that of another figure of the same rows."""
        return self.median(figure, who=who, work=work) / self.median(reference, who=who, work=work)

    def ratio(self, value: str, subject: str, reference: str, *, work: str | None = None) -> float:
        """Median of a figure of one, over that of another."""
        return self.median(value, who=subject, work=work) / self.median(value, who=reference, work=work)


def _read(line: str) -> Row | None:
    """A row; None for a line that a killed run left half written."""
    try:
        return Row(**json.loads(line))
    except (ValueError, TypeError):
        return None
