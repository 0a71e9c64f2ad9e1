"""What each strategy of the search for formulas buys: jobs without it, in laws, in R² and in seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from tests.benchmarks.front.subjects.split import mark_held_out
from tests.benchmarks.front.tables import TABLES
from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

SECONDS, GRACE_S = 60, 120  # of a law
TABLE_SECONDS = 120
NOISES = (0.0, 0.01)
SIZES = (10, 20, 30, 40, 60)  # nodes, up to which the best formula of a table counts
EVERYTHING = "everything"


def list_strategies() -> list[str]:
    """The strategies of tables and of laws that can be left out, in their order."""
    from kan_engine.formulas.schedule import LAWS
    from kan_engine.search.strategies import CompactNetworks, Growth, SparseSums

    kept = ("sum of curves",)  # without it there is no network
    names = [step.strategy.name for step in LAWS] + [
        each.name for each in (CompactNetworks, SparseSums, Growth)
    ]
    return [name for name in dict.fromkeys(names) if name not in kept]


def tasks(options: Options) -> Iterator[Task]:
    from tests.benchmarks.formulas.lines import Conditions, read, small

    lines = small(read(options.path("formulas.jsonl")))
    for who in [EVERYTHING, *(f"without {name}" for name in list_strategies())]:
        without = frozenset() if who == EVERYTHING else frozenset({who.removeprefix("without ")})
        for noise in NOISES:
            for line in lines[:2] if options.quick else lines:
                run = partial(solve_law, line, Conditions(noise=noise), without)
                yield Task(work=f"{line.id}, noise {noise:g}", who=who, run=run, limit_s=SECONDS + GRACE_S)
        for table in TABLES[:1] if options.quick else TABLES:
            run = partial(solve_table, options.path(table.file), table.target, without)
            yield Task(work=table.name, who=who, run=run, limit_s=TABLE_SECONDS + GRACE_S)


def solve_law(line: object, conditions: object, without: frozenset[str]) -> Values:
    """Whether a job finds the form of a law, and in how many seconds."""
    from tests.benchmarks.formulas.work import solve

    values = solve(line, conditions, SECONDS, without)  # type: ignore[arg-type]
    return {"right": float(values.get("form") or 0.0), "R2": values.get("R2"), "seconds": values["seconds"]}


def solve_table(path: Path, target: str, without: frozenset[str]) -> Values:
    """Hold-out R² of the best formula of each size, as the section ``front`` measures it."""
    import json

    import numpy as np

    from tests.benchmarks.front.subjects.ours import HELD_OUT, PART, measure_formulas
    from tests.support.stored import stored
    from tests.support.tables import request_for, table_of
    from worker.pipelines.tabular import run_pipeline

    table = pl.read_csv(path)
    is_held = mark_held_out(table.height)
    marks = pl.Series(PART, np.where(is_held, HELD_OUT, "learnt"))
    columns = table.with_columns(marks).to_dict(as_series=False)
    split = {"kind": "column", "column": PART, "test": [HELD_OUT]}
    request = request_for(target=target, max_seconds=TABLE_SECONDS, split=split, compact={})
    started = time.perf_counter()
    outcome = stored(
        run_pipeline(
            table_of(**columns),
            request,
            should_stop=lambda: time.perf_counter() > started + TABLE_SECONDS,
            without=without,
        )
    )
    seconds = time.perf_counter() - started
    output = outcome.symbolic["outputs"][0] if outcome.symbolic else None
    points = json.loads(str(measure_formulas(output, table.filter(is_held), target)["front"]))
    best = {
        f"R2 at {size}": max((r2 for nodes, r2 in points if nodes <= size), default=0.0) for size in SIZES
    }
    return {**best, "seconds": seconds}


def summarize(measured: Measured) -> str:
    """A line per strategy: laws lost, R² lost, seconds saved."""
    lines = [
        "| without | laws lost, no noise | laws lost, 1 % noise | mean R² lost on tables "
        "| most on one table | seconds saved |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for who in sorted({row.who for row in measured.rows} - {EVERYTHING}):
        lost = [_count_lost(measured, who, noise) for noise in NOISES]
        falls = _list_falls(measured, who)
        mean, most = (sum(falls) / len(falls), max(falls)) if falls else (math.nan, math.nan)
        saved = _sum_seconds(measured, EVERYTHING) - _sum_seconds(measured, who)
        name, laws = who.removeprefix("without "), f"{lost[0]} | {lost[1]}"
        lines.append(f"| {name} | {laws} | {mean:.4f} | {most:.4f} | {saved:.0f} |")
    return "\n".join(lines)


def _count_lost(measured: Measured, who: str, noise: float) -> int:
    """Laws that are found with the strategy, less those that are found without it only."""
    works = {row.work for row in measured.rows if row.work.endswith(f"noise {noise:g}")}
    return round(
        sum(
            measured.median("right", who=EVERYTHING, work=work) - measured.median("right", who=who, work=work)
            for work in works
            if measured.numbers("right", who=who, work=work)
        )
    )


def _list_falls(measured: Measured, who: str) -> list[float]:
    """By how much the mean R² over the sizes falls on each table without a strategy."""

    def mean(of: str, work: str) -> float:
        return sum(measured.median(f"R2 at {size}", who=of, work=work) for size in SIZES) / len(SIZES)

    works = [table.name for table in TABLES if measured.numbers("R2 at 10", who=who, work=table.name)]
    return [mean(EVERYTHING, work) - mean(who, work) for work in works]


def _sum_seconds(measured: Measured, who: str) -> float:
    return sum(measured.numbers("seconds", who=who))


SECTION = Section(
    name="ablation",
    title="what each strategy of the search buys",
    about=(
        "Every strategy is left out in turn (`SearchConfig.without`): on every fourth of the open laws, "
        f"without noise and with 1 %, jobs of {SECONDS} s, and on the eleven tables of the section `front`, "
        f"jobs of {TABLE_SECONDS} s. A law is lost if its form is found with the strategy only."
    ),
    tasks=tasks,
    goals=(Goal(what="rows measured", measured=lambda measured: float(len(measured.rows))),),
    needs=("formulas.jsonl", *(table.file for table in TABLES)),
    measures=("kan_engine", "worker"),
    summary=summarize,
)
