"""Whether proposed rows lead to the law with fewer measurements than random ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import nan
from statistics import median

from tests.benchmarks.formulas.lines import read
from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.benchmarks.verdicts.sources import FIELDS

SECONDS, GRACE_S = 20, 120  # of a fit
FITS = 21  # at most
MIN_LAWS = 20
QUICK = 2  # laws


def tasks(options: Options) -> Iterator[Task]:
    names = [line.id for line in read(FIELDS)]
    for name in names[:QUICK] if options.quick else names:
        yield Task(work=name, who="next_rows", run=partial(solve, name), limit_s=FITS * SECONDS + GRACE_S)


def solve(name: str) -> Values:
    """By name, since laws cannot be sent to another process."""
    from tests.benchmarks.verdicts.next_rows import count_rows

    return count_rows(name, SECONDS, 0)


def median_ratio(results: Measured) -> float:
    """Of the laws that the first rows do not show, and that either way finds."""
    ratios = [float(row.values["ratio"]) for row in results.rows if row.values.get("ratio") is not None]  # type: ignore[arg-type]
    return median(ratios) if len(ratios) >= MIN_LAWS else nan


SECTION = Section(
    name="next_rows",
    title="rows to measure next, against random ones",
    about=(
        "Laws of `fields.jsonl` with 5 % noise, of which 15 random rows do not show the form. Up to ten "
        "rounds of three rows follow, proposed by `suggest_rows` or drawn at random, with a fit of at most "
        "20 seconds after each. `proposed` and `random` are the rows until the form is right, 33 if it never "
        "was; there is a `ratio` if either way finds it."
    ),
    tasks=tasks,
    goals=(Goal(what="median of the ratio of proposed to random rows", limit=0.7, measured=median_ratio),),
    measures=("kan_engine", "tests/benchmarks/verdicts"),
)
