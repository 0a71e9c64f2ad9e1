"""What further workers bring: to a study, and to one training whose search is long."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import methodcaller

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Values

WORKS = ("study of 8 trainings", "study of 40 brief trainings", "training without a law")
WORKERS = (1, 2, 4)


def tasks(options: Options) -> Iterator[Task]:
    for work in WORKS:
        for workers in WORKERS[:1] if options.quick else WORKERS:
            yield Task(work=work, who=_who(workers), run=partial(timed, work, workers), limit_s=900)


def _who(workers: int) -> str:
    return f"{workers} worker{'s' if workers > 1 else ''}"


def timed(work: str, workers: int) -> Values:
    from tests.benchmarks.subjects import scaling

    return scaling.timed(work, workers)


SECTION = Section(
    name="scaling",
    title="what further workers bring",
    about=(
        "Seconds from the submission to the end, on PostgreSQL and Valkey, with workers that do one job at a "
        "time and have imported what they need; all on this machine, so that more of them than it has cores "
        "show what sharing costs and nothing else. `rmse` of a training is the same whoever had a part in it."
    ),
    tasks=tasks,
    measures=("service", "worker", "kan_engine"),
    goals=tuple(
        Goal(
            what=f"seconds of a {work}, {_who(workers)}",
            limit=None,
            measured=methodcaller("median", "seconds", who=_who(workers), work=work),
        )
        for work in WORKS
        for workers in WORKERS
    ),
)
