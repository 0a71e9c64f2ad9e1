"""Forms that a client writes: whether the best constants are found, and whether their intervals hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

ROWS, NOISE, DRAWS = 100, 0.05, 60


def tasks(options: Options) -> Iterator[Task]:
    from tests.benchmarks.subjects.textbook_forms import FORMS

    draws = 1 if options.quick else DRAWS
    for form in FORMS:
        yield Task(work=form.name, who="kan_engine", run=partial(measure, form.name, draws))


def measure(name: str, draws: int) -> Values:
    """How often the best constants are found, and the true ones lie within their intervals."""
    from tests.benchmarks.subjects.textbook_forms import FORMS, fit

    form = next(form for form in FORMS if form.name == name)
    hits = coverage = intervals = 0
    for seed in range(draws):
        fitted_form, is_best = fit(form, form.draw(ROWS, NOISE, seed), seed)
        hits += is_best
        for constant in fitted_form.constants:
            low, high = constant.low, constant.high
            true = form.constants[constant.name]
            coverage += (low is None or low <= true) and (high is None or true <= high)
            intervals += 1
    return {
        "constants": len(form.constants),
        "best found": hits / draws,
        "intervals hold": coverage / intervals,
    }


def count_found(results: Measured) -> float:
    """Of how many forms the best constants were found in every draw."""
    shares = results.numbers("best found", who="kan_engine")
    return sum(share == 1 for share in shares) if shares else float("nan")


def compute_coverage(results: Measured) -> float:
    """Share of the intervals that hold, over all forms."""
    shares = results.numbers("intervals hold", who="kan_engine")
    return sum(shares) / len(shares) if shares else float("nan")


SECTION = Section(
    name="forms",
    title="forms with free constants",
    about=(
        f"Twenty forms of textbooks, {ROWS} rows, noise of {NOISE:.0%} of the target's spread, {DRAWS} draws "
        "each, default starts. The best constants are found if no fit from the true constants is better. "
        "Intervals are those of 95 %."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="of 20 forms, how many have the best constants in every draw",
            limit=20,
            is_upper=False,
            measured=count_found,
        ),
        Goal(
            what="share of 95 % intervals that hold, at least",
            limit=0.93,
            is_upper=False,
            measured=compute_coverage,
        ),
        Goal(what="share of 95 % intervals that hold, at most", limit=0.97, measured=compute_coverage),
    ),
)
