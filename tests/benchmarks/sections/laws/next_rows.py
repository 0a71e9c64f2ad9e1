"""Whether proposed rows lead to the law with fewer measurements than random ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import nan
from statistics import median

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

SECONDS, GRACE_S = 20, 120  # of a fit
FITS = 21  # at most
MIN_LAWS = 20
LAWS = (
    *(
        "body-surface-dubois",
        "creatinine-clearance-cockcroft-gault",
        "glomerular-filtration-mdrd",
        "qt-bazett",
    ),
    *("one-compartment-bolus", "poiseuille-flow", "arrhenius", "michaelis-menten", "competitive-inhibition"),
    *(
        "substrate-inhibition",
        "hill",
        "nernst",
        "langmuir",
        "langmuir-two-gases",
        "antoine",
        "logistic-growth",
    ),
    *("holling-two", "debye-huckel", "projectile-range", "pendulum-period", "parallel-resistors"),
    *("series-impedance", "lens-maker", "damped-oscillation", "yukawa", "escape-speed", "bernoulli-speed"),
    *("doppler-both", "malus-two", "elastic-collision", "barometric", "manning-speed", "compound-interest"),
    *("cone-surface", "spherical-cap", "drag-terminal-speed", "log-mean-temperature", "stress-von-mises"),
)


def tasks(options: Options) -> Iterator[Task]:
    for name in LAWS[:2] if options.quick else LAWS:
        yield Task(work=name, who="next_rows", run=partial(solve, name), limit_s=FITS * SECONDS + GRACE_S)


def solve(name: str) -> Values:
    """By name, since laws cannot be sent to another process."""
    from tests.benchmarks.verdicts.next_rows import count_rows

    return count_rows(name, SECONDS, 0)


def median_ratio(measured: Measured) -> float:
    """Of the laws that the first rows do not show."""
    ratios = [float(row.values["ratio"]) for row in measured.rows if row.values.get("ratio") is not None]  # type: ignore[arg-type]
    return median(ratios) if len(ratios) >= MIN_LAWS else nan


SECTION = Section(
    name="next_rows",
    title="rows to measure next, against random ones",
    about=(
        "Laws of `fields.jsonl` with 5 % noise, of which 15 random rows do not show the form. Up to ten "
        "rounds of three rows follow, proposed by `suggest_rows` or drawn at random, with a fit of at most "
        "20 seconds after each. `proposed` and `random` are the rows until the form is right, 33 if it never "
        "was."
    ),
    tasks=tasks,
    goals=(Goal(what="median of the ratio of proposed to random rows", limit=0.7, measured=median_ratio),),
    measures=("kan_engine", "tests/benchmarks/verdicts"),
)
