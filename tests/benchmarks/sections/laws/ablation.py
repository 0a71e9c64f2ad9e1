"""What each strategy of the search for formulas buys: jobs without it, in laws, in R² and in seconds."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tests.benchmarks.front.subjects.split import mark_held_out
from tests.benchmarks.front.tables import TABLES
from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Row, Values

if TYPE_CHECKING:
    from tests.benchmarks.formulas.lines import Conditions, Line
    from worker.execution.search_recorder import SearchRecorder

SECONDS = 60  # of a law
TABLE_SECONDS = 60
MOST_JOBS = 12  # of one law or table: with everything, and without each strategy that took part
NOISES = (0.0, 0.01)
HERE = Path(__file__).parents[2] / "formulas"
HARD = ("classes.jsonl", "moves.jsonl")  # classes of laws that strategies were added for
SIZES = (10, 20, 30, 40, 60)  # nodes, up to which the best formula of a table counts
WHO = "search"
NEAREST = "nearly closest structures"  # reads the networks that other strategies fit
NETWORKS = ("transformed sums", "one hidden node", "two hidden nodes")
GROWTH, COMPACT = "growth", "compact networks"  # whose curves growth reads
KEPT = frozenset(
    {"sum of curves", "lines", "networks", "choice of the network"}
)  # without these there is no result


def tasks(options: Options) -> Iterator[Task]:
    from tests.benchmarks.formulas.lines import Conditions, read, small

    lines = small(read(options.path("formulas.jsonl")))
    laws = [(noise, line) for noise in NOISES for line in lines[: 2 if options.quick else None]]
    laws += [(0.0, line) for name in HARD for line in ([] if options.quick else read(HERE / name))]
    for noise, line in laws:
        run = partial(leave_out_each, partial(solve_law, line, Conditions(noise=noise)))
        yield Task(work=f"{line.id}, noise {noise:g}", who=WHO, run=run, limit_s=2 * MOST_JOBS * SECONDS)
    for table in TABLES[:1] if options.quick else TABLES:
        run = partial(leave_out_each, partial(solve_table, options.path(table.file), table.target))
        yield Task(work=table.name, who=WHO, run=run, limit_s=2 * MOST_JOBS * TABLE_SECONDS)


def leave_out_each(solve: Callable[[frozenset[str], SearchRecorder], float]) -> Values:
    """The quality of a job, and that without each strategy that took part.

    A strategy took part if something that it proposed entered the pool, or the steps inside it did. Without
    any other one the result is the same, but for its time. A law that is not found has nothing to lose.

    Returns:
        ``quality``; ``without NAME`` for every strategy that took part; ``seconds of NAME`` for all.
    """
    from worker.execution.search_recorder import SearchRecorder

    recorder = SearchRecorder()
    values: Values = {"quality": solve(frozenset(), recorder)}
    seconds, taking_part = defaultdict[str, float](float), dict[str, None]()
    for step in recorder.steps:
        seconds[step.strategy] += step.seconds
        if step.proposed:
            taking_part |= dict.fromkeys((*step.path, step.strategy))
    if NEAREST in taking_part:
        taking_part |= dict.fromkeys(name for name in NETWORKS if name in seconds)
    if GROWTH in taking_part:
        taking_part |= {COMPACT: None}
    values |= {f"seconds of {name}": total for name, total in seconds.items() if total}
    if not values["quality"]:
        return values
    for name in [name for name in taking_part if name not in KEPT][: MOST_JOBS - 1]:
        values[f"without {name}"] = solve(frozenset({name}), SearchRecorder())
    return values


def solve_law(line: Line, conditions: Conditions, without: frozenset[str], recorder: SearchRecorder) -> float:
    """1 if a job finds the form of a law, else 0."""
    from tests.benchmarks.formulas.work import solve

    values = solve(line, conditions, SECONDS, without, recorder)
    return float(values.get("form") or 0.0)


def solve_table(path: Path, target: str, without: frozenset[str], recorder: SearchRecorder) -> float:
    """Hold-out R² of the best formula of each size, as the section ``front`` measures it; their mean."""
    from tests.benchmarks.front.subjects.ours import measure_formulas
    from tests.benchmarks.subjects.service import hold_out
    from tests.support.stored import stored
    from tests.support.tables import request_for, table_of
    from worker.execution.job_callbacks import JobCallbacks
    from worker.pipelines.tabular import run_pipeline

    table = pl.read_csv(path)
    is_held = mark_held_out(table.height)
    marked, split = hold_out(table, is_held)
    request = request_for(target=target, max_seconds=TABLE_SECONDS, split=split, compact={})
    start = time.perf_counter()
    outcome = stored(
        run_pipeline(
            table_of(**marked.to_dict(as_series=False)),
            request,
            JobCallbacks(recorder=recorder, should_stop=lambda: time.perf_counter() > start + TABLE_SECONDS),
            without=without,
        )
    )
    output = outcome.symbolic["outputs"][0] if outcome.symbolic else None
    points = json.loads(str(measure_formulas(output, table.filter(is_held), target)["front"]))
    best = [max((r2 for nodes, r2 in points if nodes <= size), default=0.0) for size in SIZES]
    return sum(best) / len(best)


def summarize(results: Measured) -> str:
    """A line per strategy: where it took part, what was lost without it, and its seconds."""
    tables = {table.name for table in TABLES}
    lines = [
        "| strategy | jobs | laws lost, no noise | laws lost, 1 % noise "
        "| mean R² lost on a table | most on one | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in _list_names(results):
        losses = [(row.work, _measure_loss(row, name)) for row in results.rows]
        laws = [sum(loss for work, loss in losses if work.endswith(f"noise {noise:g}")) for noise in NOISES]
        falls = [loss for work, loss in losses if work in tables] or [0.0]
        jobs = sum(f"without {name}" in row.values for row in results.rows)
        seconds = sum(float(row.values.get(f"seconds of {name}") or 0.0) for row in results.rows)
        lines.append(
            f"| {name} | {jobs} | {laws[0]:g} | {laws[1]:g} "
            f"| {sum(falls) / len(falls):.4f} | {max(falls):.4f} | {seconds:.0f} |"
        )
    return "\n".join(lines)


def _list_names(results: Measured) -> list[str]:
    names = (name for row in results.rows for name in row.values if name.startswith("seconds of "))
    return [name.removeprefix("seconds of ") for name in dict.fromkeys(names)]


def _measure_loss(row: Row, name: str) -> float:
    """The quality that a job loses without a strategy; 0 where it did not take part."""
    quality, ablated_quality = row.values.get("quality"), row.values.get(f"without {name}")
    return (
        float(quality) - float(ablated_quality)
        if quality is not None and ablated_quality is not None
        else 0.0
    )


SECTION = Section(
    name="ablation",
    title="what each strategy of the search buys",
    about=(
        "Every strategy that took part in a job is left out in turn (`SearchConfig.without`): on every "
        "fourth of the open laws, without noise and with 1 %, and on laws of hard classes without noise, "
        f"jobs of {SECONDS} s, and on the eleven tables of the section `front`, jobs of {TABLE_SECONDS} s. "
        "A law is lost if its form is found with the strategy only."
    ),
    tasks=tasks,
    goals=(Goal(what="rows measured", measured=lambda results: float(len(results.rows))),),
    needs=("formulas.jsonl", *(table.file for table in TABLES)),
    measures=("kan_engine", "worker"),
    summary=summarize,
)
