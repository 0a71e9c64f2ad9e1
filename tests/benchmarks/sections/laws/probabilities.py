"""Whether a probability of 0.8 means four in five: eighty laws and twenty targets without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import nan

import numpy as np

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.report import table
from tests.benchmarks.rows import Measured, Row
from tests.benchmarks.verdicts.generated import NOISES, list_sources, list_tables

SECONDS = 30  # max_seconds of every job
GRACE_S = 300  # beyond that, for a busy machine
BINS, DRAWS = 5, 1_000
LIKELY = 0.8
LOW_NOISE = 0.1
QUICK = (3, 40, 81)  # sources
WORKS = [f"noise {low:.0%} to {high:.0%}" if high else "no noise" for low, high in NOISES]


def tasks(options: Options) -> Iterator[Task]:
    for place, level in list_tables():
        if options.quick and not (place in QUICK and level == 1):
            continue
        yield Task(
            work=WORKS[level],
            who=list_sources()[place].name,
            run=partial(solve_source, place, level),
            limit_s=SECONDS + GRACE_S,
        )


def solve_source(place: int, level: int) -> dict[str, float | str | None]:
    """By place, since laws cannot be sent to another process."""
    from tests.benchmarks.verdicts.probabilities import solve_table

    return solve_table(place, level, SECONDS)


def _list_rated(rows: Sequence[Row]) -> list[tuple[str, float, float]]:
    """Source, probability and truth of every best formula that has a probability."""
    return [
        (row.who, float(row.values["probability"] or 0), float(row.values["is right"] or 0))
        for row in rows
        if row.values.get("probability") is not None
    ]


def measure_calibration(ratings: Sequence[tuple[str, float, float]]) -> float:
    """Mean distance of probability and share of right formulas, over bins of equal counts."""
    probabilities, right = (np.array([entry[place] for entry in ratings]) for place in (1, 2))
    order = np.argsort(probabilities, kind="stable")
    return float(
        np.mean(
            [abs(probabilities[part].mean() - right[part].mean()) for part in np.array_split(order, BINS)]
        )
    )


def bootstrap_calibration(ratings: Sequence[tuple[str, float, float]]) -> tuple[float, float]:
    """The 5 % and 95 % quantiles of the same, with sources drawn again."""
    by_source = dict[str, list[tuple[str, float, float]]]()
    for entry in ratings:
        by_source.setdefault(entry[0], []).append(entry)
    groups, generator = list(by_source.values()), np.random.default_rng(0)
    errors = [
        measure_calibration(
            [entry for place in generator.integers(len(groups), size=len(groups)) for entry in groups[place]]
        )
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(errors, (0.05, 0.95))
    return float(low), float(high)


def _is_complete(results: Measured) -> bool:
    return len(results.rows) == len(list_sources()) * len(NOISES) and not any(
        row.failure for row in results.rows
    )


def _share(rows: Sequence[Row], name: str) -> float:
    return sum(float(row.values.get(name) or 0) for row in rows) / len(rows) if rows else nan


def _of(choose: Callable[[Row], object], name: str) -> Callable[[Measured], float]:
    """The share of some rows."""

    def measure(results: Measured) -> float:
        return _share([row for row in results.rows if choose(row)], name) if _is_complete(results) else nan

    return measure


def _is_likely(row: Row) -> bool:
    return float(row.values.get("probability") or 0) >= LIKELY


def _is_right_at_low_noise(row: Row) -> bool:
    return bool(row.values.get("is right")) and float(row.values.get("noise") or 0) <= LOW_NOISE


def summary(results: Measured) -> str:
    """A line for every level of noise, and the bins of probabilities."""
    rows = [row for row in results.rows if not row.failure]
    lines = []
    for work in [*WORKS, "all"]:
        part = [row for row in rows if work in (row.work, "all")]
        counts = (
            len(part),
            sum(bool(row.values["is right"]) for row in part),
            sum(bool(row.values["claimed"]) for row in part),
            sum(bool(row.values["false"]) for row in part),
            sum(bool(row.values["claimed"]) and not row.values["law"] for row in part),
        )
        lines.append([work, *map(str, counts)])
    head = ("noise", "tables", "right forms", "called consistent or exact", "of these false", "without a law")
    ratings = _list_rated(rows)
    if len(ratings) < BINS:
        return table(head, lines)
    order = sorted(ratings, key=lambda entry: entry[1])
    bins = [
        [
            f"{np.mean([entry[1] for entry in part]):.2f}",
            f"{np.mean([entry[2] for entry in part]):.2f}",
            str(len(part)),
        ]
        for part in (
            [order[place] for place in places] for places in np.array_split(np.arange(len(order)), BINS)
        )
    ]
    low, high = bootstrap_calibration(ratings)
    error = measure_calibration(ratings)
    calibration = f"Calibration error {error:.3f} (5 to 95 % over sources: {low:.3f} to {high:.3f})."
    return "\n\n".join(
        [
            table(head, lines),
            calibration,
            table(("mean probability", "share of right forms", "formulas"), bins),
        ]
    )


SECTION = Section(
    name="probabilities",
    title="whether the probability of a formula is how often it is the law",
    about=(
        "Forty laws of the section `verdicts`, forty of `fields.jsonl`, and twenty targets that have no law: "
        "forests, and laws of which a column is hidden. Four tables of each, with noise of 0, 1 to 5, 5 to "
        "20 and 20 to 100 % of the spread of the law, 50 to 2,000 rows, and up to two columns that do not "
        "matter; default jobs of 30 seconds. None of them was used to fit the map of probabilities "
        "(`tests/benchmarks/verdicts/calibration.py`). *Right*: the law up to constants, which are fitted to "
        "values without noise. *False* as in `verdicts`."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="calibration error over five bins of equal counts",
            limit=0.08,
            measured=lambda results: (
                measure_calibration(_list_rated(results.rows)) if _is_complete(results) else nan
            ),
        ),
        Goal(
            what="share of right forms among those with a probability of at least 0.8",
            limit=0.8,
            is_upper=False,
            measured=_of(_is_likely, "is right"),
        ),
        Goal(
            what="share of all tables with a false verdict", limit=0.02, measured=_of(lambda _: True, "false")
        ),
        Goal(
            what="the same, of those called consistent or exact",
            limit=0.04,
            measured=_of(lambda row: row.values.get("claimed"), "false"),
        ),
        Goal(
            what="share of the right forms at a noise ≤ 10 % that are called so",
            limit=0.93,
            is_upper=False,
            measured=_of(_is_right_at_low_noise, "claimed"),
        ),
        Goal(
            what="share of the targets without a law that are called so",
            limit=0.02,
            measured=_of(lambda row: not row.failure and not row.values.get("law"), "claimed"),
        ),
    ),
    measures=("kan_engine", "service", "worker", "tests/benchmarks/verdicts"),
    summary=summary,
)
