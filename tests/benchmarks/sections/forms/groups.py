"""One form with constants of each group: whether the groups' own constants are recognised."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

DRAWS = 20


def tasks(options: Options) -> Iterator[Task]:
    for seed in options.seeds(DRAWS):
        yield Task(work="roles of constants", who="kan_engine", seed=seed, run=partial(measure, seed))


def measure(seed: int) -> Values:
    """Whether the own constants are those of the draw, and how often their intervals hold."""
    from kan_engine.formulas.forms.groups import fit_groups
    from tests.benchmarks.subjects.grouped_forms import draw

    template, indicators, rows, constants = draw(seed)
    form = fit_groups(template, "group", indicators, rows, seed=seed)
    assert form.groups is not None
    return {"right": float(tuple(sorted(form.groups.own)) == constants), "own": ", ".join(form.groups.own)}


def count_right(results: Measured) -> float:
    """In how many draws the own constants were recognised."""
    flags = results.numbers("right", who="kan_engine")
    return sum(flags) if flags else float("nan")


SECTION = Section(
    name="groups",
    title="constants per group",
    about=(
        "A form with five constants, of which two differ between ten groups of 25 rows; noise of 5 % of the "
        "target's spread. The form is given, the own constants are to be recognised."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="of 20 draws, in how many exactly the own constants are recognised",
            limit=18,
            is_upper=False,
            measured=count_right,
        ),
    ),
)
