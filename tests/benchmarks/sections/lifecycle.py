"""How long a client waits for a job to start, and to stop."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import methodcaller

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Values

MODES = ("one machine", "many machines")
JOBS = 10


def tasks(options: Options) -> Iterator[Task]:
    for mode in MODES:
        yield Task(work=mode, who="service", run=partial(timed, mode, 2 if options.quick else JOBS))


def timed(mode: str, jobs: int) -> Values:
    from tests.benchmarks.subjects import lifecycle

    return lifecycle.timed(mode, jobs)


SECTION = Section(
    name="lifecycle",
    title="how soon a job starts, and stops",
    about=(
        f"Medians over {JOBS} jobs, one after the other, on a worker that is idle and has imported what it "
        "needs. `training` is from the submission until the event that the stage `train` has begun is in the "
        "database (its steps are told at the next beat, up to a second later), `cancel` from the request, at "
        "moments spread over a beat, until the job has stopped and is `cancelled`. One machine is SQLite "
        "with `memory://`, many machines are PostgreSQL with Valkey, here all on this one."
    ),
    tasks=tasks,
    measures=("service", "worker", "kan_engine"),
    goals=tuple(
        Goal(what=f"{what}, {mode}", limit=limit, measured=methodcaller(how, value, who="service", work=mode))
        for mode in MODES
        for what, limit, how, value in (
            ("seconds from a submission until its training has begun", 0.5, "median", "training s"),
            ("seconds from a cancellation to the end, at most", 1.0, "largest", "longest cancel s"),
        )
    ),
)
