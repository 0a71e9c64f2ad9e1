"""``python -m tests.benchmarks.formulas``: recover the formulas of a file, and report what came of it.

Every line is sampled, given to the code that runs a job with nothing but its target, and judged on fresh
rows. Its row goes to ``formulas.jsonl`` as it is done, and ``formulas.md`` is written anew after it; a run
that was stopped goes on where it stopped.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from threading import Lock

from tests.benchmarks.formulas.lines import Conditions, Line, read, small, with_units
from tests.benchmarks.formulas.report import render
from tests.benchmarks.formulas.work import solve
from tests.benchmarks.machine import commit, fingerprint
from tests.benchmarks.plan import Options, Section, Task
from tests.benchmarks.rows import Journal, Row
from tests.benchmarks.runner import run

GRACE_S = 120  # beyond its time, for a job to finish and to be judged


def main(words: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = _parser().parse_args(words)
    lines = [line for line in read(arguments.file) if not arguments.source or line.source in arguments.source]
    lines = small(lines) if arguments.subset == "small" else lines
    lines = [line for line in lines if not arguments.line or line.id in arguments.line]
    if arguments.units:
        lines = with_units(lines, read(arguments.units_of or arguments.file))
    journal, lock = Journal(arguments.out / "formulas.jsonl"), Lock()
    tasks = list(_tasks(lines, arguments))
    code = fingerprint(_section(), Options())
    keys = {row.key for row in journal.rows}
    open_tasks = [task for task in tasks if ("formulas", task.work, task.who, task.seed, code) not in keys]

    def measure(task: Task) -> Row:
        row = replace(run(task), section="formulas", code=code, commit=commit())
        with lock:
            journal.add(row)
            _tell(row, arguments.out, journal, code, lines)
        return row

    arguments.out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(measure, open_tasks))
    (arguments.out / "formulas.md").write_text(render(journal, code, lines), encoding="utf-8")
    sys.stderr.write(f"{arguments.out / 'formulas.md'}\n")


def _tasks(lines: Sequence[Line], arguments: argparse.Namespace) -> Iterator[Task]:
    """Every line under every condition; ``who`` is the condition."""
    for noise, seed, line in product(arguments.noise, range(arguments.seeds), lines):
        conditions = Conditions(
            seed=seed, noise=noise, irrelevant=arguments.irrelevant, rows=arguments.rows,
            networks=arguments.networks, units=arguments.units,
        )  # fmt: skip
        yield Task(
            work=line.id,
            who=str(conditions),
            seed=seed,
            run=partial(solve, line, conditions, arguments.seconds),
            limit_s=arguments.seconds + GRACE_S,
        )


def _section() -> Section:
    """What decides the figures, for the fingerprint."""
    return Section(
        name="formulas", title="", about="", tasks=solve, measures=("kan_engine", "service", "worker")
    )


def _tell(row: Row, out: Path, journal: Journal, code: str, lines: Sequence[Line]) -> None:
    verdict = "recovered" if row.values.get("recovered") else row.failure or row.values.get("formula", "none")
    sys.stderr.write(f"{row.work}, {row.who}, seed {row.seed}: {row.seconds:.1f} s, {verdict}\n")
    (out / "formulas.md").write_text(render(journal, code, lines), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.formulas", description=__doc__)
    parser.add_argument("--file", type=Path, required=True, help="formulas, a JSON object per line")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="folder of the results")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0], help="share of the spread")
    parser.add_argument("--seconds", type=float, default=120, help="max_seconds of a job")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds")
    parser.add_argument("--subset", choices=["all", "small"], default="all")
    parser.add_argument("--source", nargs="+", help="only lines of these sources")
    parser.add_argument("--line", nargs="+", help="only lines with these ids")
    parser.add_argument("--irrelevant", type=int, default=0, help="how many inputs to add that do nothing")
    parser.add_argument("--rows", type=int, help="training rows, instead of what the line says")
    parser.add_argument("--networks", action="store_true", help="only laws that are read off networks")
    parser.add_argument(
        "--units", choices=["check", "enforce", "ignore"], help="tell units, and what to do with them"
    )
    parser.add_argument("--units-of", type=Path, help="a file that has the same laws with units")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time; each has one thread")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    main()
