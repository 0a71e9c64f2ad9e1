"""Differential equations: errors, seconds and formulas, and the survey's equation beside pykan."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import methodcaller
from pathlib import Path

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.benchmarks.subjects import equations

FILE = "differential_equations.jsonl"
DECAY = "ode-decay"
OURS, PYKAN = "kan_engine, defaults", "pykan [1,3,1]"
ORDINARY, PARTIAL = 1e-6, 1e-4  # largest relative errors
FASTER = 0.1
KINDS = ("ode", "pde")


def tasks(options: Options) -> Iterator[Task]:
    path, steps = options.path(FILE), 1 if options.quick else 100
    for name in list(equations.problems(path))[: 2 if options.quick else None]:
        yield Task(work=name, who=OURS, run=partial(ours, path, name))
    for kind in KINDS:
        yield Task(work=f"further {kind}", who=OURS, run=partial(further, kind, options.quick), limit_s=1800)
    yield Task(work=DECAY, who=PYKAN, run=partial(equations.decay_by_pykan, steps))


def ours(path: Path, name: str) -> Values:
    from tests.benchmarks.subjects import service

    with service.running() as client:
        equations.solved(client, equations.problems(path)[DECAY])  # a worker begins with its imports
        return equations.solved(client, equations.problems(path)[name])


def further(kind: str, is_quick: bool) -> Values:
    """Equations that are not in the file."""
    from tests.benchmarks.subjects import service

    problems = equations.problems(equations.FURTHER)
    selection = {name: problem for name, problem in problems.items() if name.startswith(kind)}
    with service.running() as client:
        return equations.all_solved(client, dict(list(selection.items())[: 2 if is_quick else None]))


def worst(kind: str, value: str, results: Measured) -> float:
    """The largest of a figure over all problems of a kind, which their names begin with."""
    works = {row.work for row in results.rows if row.work.startswith(kind)}
    return max((results.largest(value, who=OURS, work=work) for work in works), default=float("nan"))


def formulas(results: Measured) -> float:
    """How many of all further equations that have one were given their formula."""
    return sum(results.largest("formulas", who=OURS, work=f"further {kind}") for kind in KINDS)


SECTION = Section(
    name="equations",
    title="differential equations",
    about=(
        "Relative L2 error against the exact solution on a fine grid of the whole domain (without one "
        "against a reference of 13 digits, or one by Cole-Hopf, Radau or Fourier on a grid), the largest "
        "error, seconds of the job through HTTP, and the formula, which has proved "
        "itself by the equation. Of the further ones, from textbooks and from papers on neural "
        "solvers, the worst error, the longest time, and how many of the solutions in closed form were found "
        "as formulas. pykan in float32 minimises the residual at 100 points and the initial value by 100 "
        "steps of L-BFGS."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="relative error of the worst of the ordinary ones",
            limit=ORDINARY,
            measured=partial(worst, "ode", "error"),
        ),
        Goal(
            what="relative error of the worst of the partial ones",
            limit=PARTIAL,
            measured=partial(worst, "pde", "error"),
        ),
        Goal(what="seconds of the slowest", limit=60, measured=partial(worst, "", "seconds")),
        Goal(
            what="relative error of the worst of 39 further ordinary ones",
            limit=ORDINARY,
            measured=methodcaller("largest", "error", who=OURS, work="further ode"),
        ),
        Goal(
            what="relative error of the worst of 50 further partial ones",
            limit=PARTIAL,
            measured=methodcaller("largest", "error", who=OURS, work="further pde"),
        ),
        Goal(
            what="formulas of their 75 solutions in closed form that are found",
            measured=formulas,
        ),
        Goal(
            what="largest error of y' = -y (survey's notebook 9e-6 in the equation)",
            limit=1e-8,
            measured=methodcaller("median", "largest error", who=OURS, work=DECAY),
        ),
        Goal(
            what="its time, of pykan's",
            limit=FASTER,
            measured=methodcaller("ratio", "seconds", OURS, PYKAN, work=DECAY),
        ),
    ),
    needs=(FILE,),
    measures=("kan_engine", "service", "worker"),
)
