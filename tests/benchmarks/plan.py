"""What the report is made of: sections, their tasks, and the goals that the rows are held against."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tests.benchmarks.rows import Measured, Values

EXAMPLES = Path(str(files("service") / "examples"))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run was asked for.

    Attributes:
        data: Folder with the data sets; None for what ships with the package.
        quick: Whether tiny sizes will do: to see that everything runs, not to measure.
        url: Of a running service to measure, for the sections that can; None for one of their own.
    """

    data: Path | None = None
    quick: bool = False
    url: str | None = None

    def seeds(self, count: int, start: int = 0) -> range:
        """Seeds, or rounds of a timing: all of them, or one that is quick."""
        return range(start, start + (1 if self.quick else count))

    def path(self, name: str) -> Path:
        """A data set: of the data folder if it is there, else of those that ship with the package."""
        file = EXAMPLES / name if self.data is None else self.data / name
        return file if file.is_file() else EXAMPLES / name


@dataclass(frozen=True, kw_only=True)
class Task:
    """One row of the report, measured in a process of its own.

    Attributes:
        work: What is done, as the report names it.
        who: Who does it.
        seed: Seed, or round of a timing; rows that differ only in it are summed up by their median.
        run: Returns the figures; a module's function, with ``partial`` for its arguments.
        limit_s: Seconds after which it is ended.
        memory_mib: Resident memory, of all its processes together, at which it is ended.
        threads: Threads for linear algebra.
        shows_memory: Whether the peak of its memory is one of the figures.
    """

    work: str
    who: str
    run: Callable[[], Values]
    seed: int = 0
    limit_s: float = 600
    memory_mib: float = 6144
    threads: int = 1
    shows_memory: bool = False


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A number to reach.

    Attributes:
        what: In words, with the known results of others where they are the reason for the limit.
        measured: The number in question; NaN where a row of it is missing or failed.
        limit: None for a number that is only to be stated.
        is_upper: Whether it must not exceed the limit; else it must reach it.
    """

    what: str
    measured: Callable[[Measured], float]
    limit: float | None = None
    is_upper: bool = True

    def verdict(self, results: Measured) -> tuple[str, str]:
        """The number, and whether it meets the goal, by how much."""
        value = self.measured(results)
        if math.isnan(value):
            return "", "not measured"
        if self.limit is None:
            return number(value), ""
        is_met = value <= self.limit if self.is_upper else value >= self.limit
        return number(value), ("met" if is_met else "not met") + f", {_distance(value, self.limit)}"

    @property
    def bound(self) -> str:
        """The limit as the report shows it."""
        return "" if self.limit is None else f"{'≤' if self.is_upper else '≥'} {number(self.limit)}"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report that can be measured alone.

    Attributes:
        tasks: Its rows, in the order in which they are measured: whoever is compared in time takes turns.
        about: What the reader must know to judge the figures.
        needs: Files of the data folder without which there is nothing to measure.
        measures: Packages and folders of ours whose code decides the figures.
        summary: The rows as a table, where one line per work and who would be too many.
        picture: Writes a picture of the rows to a path; its suffix decides the format.
    """

    name: str
    title: str
    about: str
    tasks: Callable[[Options], Iterator[Task]]
    goals: tuple[Goal, ...] = ()
    needs: tuple[str, ...] = ()
    measures: tuple[str, ...] = ("kan_engine",)
    summary: Callable[[Measured], str] | None = None
    picture: Callable[[Measured, Path], None] | None = None

    def missing(self, options: Options) -> list[str]:
        """Data sets that it needs and that are not there."""
        return [name for name in self.needs if not options.path(name).is_file()]


def number(value: float) -> str:
    """Four digits for people, three with an exponent."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.2e}"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _distance(value: float, limit: float) -> str:
    """How far a value is from its limit: a factor where they are far apart, else a share; from 0, itself."""
    if limit == 0:
        return f"by {number(abs(value))}"
    low, high = sorted((abs(value), abs(limit)))
    if low and high > 1.5 * low:
        factor = high / low
        return f"by a factor of {factor:.1f}" if factor < 1e3 else f"by a factor of {factor:.0e}"
    return f"by {abs(value / limit - 1):.1%}"
