"""Whether the verdicts on formulas are true: forty laws at five levels of noise, and their fresh rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import nan
from statistics import mean, median

from tests.benchmarks.plan import Goal, Options, Section, Task, number
from tests.benchmarks.report import table
from tests.benchmarks.rows import Measured, Row
from tests.benchmarks.verdicts.forms import FORMS, NOISES
from tests.benchmarks.verdicts.work import solve

SECONDS = 30  # max_seconds of every job
GRACE_S = 300  # beyond that, for a busy machine
QUICK = ("04", "08", "17", "27", "31"), (0.0, 0.1)  # forms and noises
WORKS = {noise: f"noise {100 * noise:g} %" for noise in NOISES}
LOW = [WORKS[noise] for noise in NOISES if noise <= 0.1]
IN_REACH = {form.name for form in FORMS if form.is_in_reach}
VERDICTS = ("exact", "consistent", "approximation")
HEAD = (
    *("noise", "forms", "tables", *VERDICTS, "other verdicts", "no formula", "failed"),
    *("false", "right", "error of those claimed", "seconds"),
)


def tasks(options: Options) -> Iterator[Task]:
    for form in FORMS:
        for noise in NOISES:
            if options.quick and not (form.name[:2] in QUICK[0] and noise in QUICK[1]):
                continue
            yield Task(
                work=WORKS[noise],
                who=form.name,
                run=partial(solve_form, form.name, noise, options.url),
                limit_s=SECONDS + GRACE_S,
            )


def solve_form(name: str, noise: float, url: str | None) -> dict[str, float | str | None]:
    """By name, since laws cannot be sent to another process."""
    form = next(form for form in FORMS if form.name == name)
    return solve(form, noise, SECONDS, url)


def false_share(results: Measured, *, of_claimed: bool = False) -> float:
    """Share of all tables, or of those called consistent or exact, where that is false."""
    rows = [row for row in results.rows if row.values.get("claimed") or not of_claimed]
    return _share(rows, "false") if _is_complete(results) else nan


def recall(results: Measured) -> float:
    """Share of the tables within reach, at little noise, that are called consistent or exact and are."""
    rows = [row for row in results.rows if row.who in IN_REACH and row.work in LOW]
    return _share(rows, "right") if _is_complete(results) else nan


def summary(results: Measured) -> str:
    """A line for every noise and both halves of the forms, and the cases that are false or missed."""
    halves: dict[str, Callable[[Row], bool]] = {
        "in reach": lambda row: row.who in IN_REACH,
        "harder": lambda row: row.who not in IN_REACH,
    }
    groups = [
        (work, reach, [row for row in results.rows if row.work == work and is_in(row)])
        for work in WORKS.values()
        for reach, is_in in halves.items()
    ]
    groups.append(("all", "all", results.rows))
    low = [row for row in results.rows if row.who in IN_REACH and row.work in LOW]
    claims = [row for row in results.rows if row.values.get("claimed")]
    shares = (
        f"Of the rows measured: false {_count(results.rows, 'false')} of all tables, "
        f"{_count(claims, 'false')} of those called consistent or exact; "
        f"right {_count(low, 'right')} of the tables in reach at a noise of at most 10 %."
    )
    wrong = [
        f"- {row.work}, {row.who}: {_case(row)}"
        for row in results.rows
        if row.failure or row.values.get("false") or (row in low and not row.values.get("right"))
    ]
    lines = [_line(work, reach, rows) for work, reach, rows in groups if rows]
    return "\n\n".join(
        [table(HEAD, lines), shares, *(["False, missed, failed:\n\n" + "\n".join(wrong)] * bool(wrong))]
    )


def _line(work: str, reach: str, rows: Sequence[Row]) -> list[str]:
    verdicts = [str(row.values.get("verdict")) for row in rows if not row.failure]
    verdict_counts = [verdicts.count(name) for name in VERDICTS]
    none_count, failure_count = verdicts.count("no formula"), len(rows) - len(verdicts)
    counts = [
        len(rows),
        *verdict_counts,
        len(verdicts) - sum(verdict_counts) - none_count,
        none_count,
        failure_count,
    ]
    errors = [
        float(e) for row in rows if row.values.get("claimed") and (e := row.values.get("error")) is not None
    ]
    return [
        work,
        reach,
        *map(str, counts),
        *(str(round(sum(float(row.values.get(name) or 0) for row in rows))) for name in ("false", "right")),
        number(median(errors)) if errors else "",
        number(median(row.seconds for row in rows)),
    ]


def _case(row: Row) -> str:
    if row.failure:
        return row.failure
    values = row.values
    error = values.get("error")
    error_text = "not finite" if error is None else number(float(error))
    return f"{values['verdict']}, error {error_text}, `{values.get('formula', '')}`"


def _is_complete(results: Measured) -> bool:
    return len({(row.work, row.who) for row in results.rows}) == len(FORMS) * len(NOISES)


def _share(rows: Sequence[Row], name: str) -> float:
    """A row without figures counts as none."""
    return mean(float(row.values.get(name) or 0) for row in rows) if rows else nan


def _count(rows: Sequence[Row], name: str) -> str:
    count = round(sum(float(row.values.get(name) or 0) for row in rows))
    return f"{count} of {len(rows)}" + (f" ({count / len(rows):.1%})" if rows else "")


SECTION = Section(
    name="verdicts",
    title="whether a formula that is called consistent is the law",
    about=(
        "Forty laws, twenty in reach of the search and twenty harder ones, in 60 to 600 rows, with normal "
        "noise of 0, 1, 10, 30 and 100 % of the standard deviation of their values; default jobs of 30 "
        "seconds. The error is that of the formula against the law on 2,000 fresh rows, in units of the "
        "noise, without noise of the law's standard deviation. *False*: called `consistent` or `exact` with "
        "an error above one half, without noise above 1e-3, as `exact` above 1e-6. *Right*: called so with "
        "an error within that. `rows.jsonl` has all cases."
    ),
    tasks=tasks,
    goals=(
        Goal(what="share of 200 tables with a false verdict", limit=0.03, measured=false_share),
        Goal(
            what="the same, of the tables called consistent or exact",
            measured=partial(false_share, of_claimed=True),
        ),
        Goal(
            what="share of the laws in reach at a noise ≤ 10 % that are called so and are",
            limit=0.85,
            is_upper=False,
            measured=recall,
        ),
    ),
    measures=("kan_engine", "service", "worker", "tests/benchmarks/verdicts"),
    summary=summary,
)
