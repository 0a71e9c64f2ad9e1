"""Formulas of tables without a known law: our front beside Operon's, our networks beside other models."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.front.picture import draw_fronts
from tests.benchmarks.front.results import (
    MODELS,
    OPERON,
    OURS,
    compare_with_operon,
    compute_median_loss,
    compute_near_share,
    list_short_fronts,
    whole,
)
from tests.benchmarks.front.summary import summarize
from tests.benchmarks.front.tables import TABLES
from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

SECONDS = 120  # of a job, and of Operon
QUICK_SECONDS = 4
QUICK = ("vineyard", "neavote", "airfoil")
GRACE_S = 300  # beyond that: start of the service, reading of the formulas, a busy machine
FIT_LIMIT_S = 3600  # of a model without a time limit: EBM needs minutes on one core


def tasks(options: Options) -> Iterator[Task]:
    seconds = QUICK_SECONDS if options.quick else SECONDS
    for table in TABLES:
        if options.quick and table.name not in QUICK:
            continue
        about = options.path(table.file), table.target
        for who, run in ((OURS, ours), (OPERON, operon)):
            yield Task(work=table.name, who=who, run=partial(run, *about, seconds), limit_s=SECONDS + GRACE_S)
        for who in MODELS:
            run = partial(model, who, *about, is_quick=options.quick)
            yield Task(work=table.name, who=who, run=run, limit_s=FIT_LIMIT_S)


def ours(path: Path, target: str, seconds: float) -> Values:
    from tests.benchmarks.front.subjects.ours import measure_ours

    return measure_ours(path, target, seconds)


def operon(path: Path, target: str, seconds: float) -> Values:
    from tests.benchmarks.front.subjects.peers import measure_operon

    return measure_operon(path, target, seconds)


def model(name: str, path: Path, target: str, *, is_quick: bool) -> Values:
    from tests.benchmarks.front.subjects.peers import measure_model

    return measure_model(name, path, target, is_quick=is_quick)


def as_good(results: Measured) -> float:
    return compare_with_operon(results).as_good


def better(results: Measured) -> float:
    return compare_with_operon(results).better


def difference(results: Measured) -> float:
    return compare_with_operon(results).difference


def short_fronts(results: Measured) -> float:
    return len(list_short_fronts(results))


def longest(results: Measured) -> float:
    return results.largest("seconds", who=OURS)


SECTION = Section(
    name="front",
    title="formulas of tables without a known law",
    about=(
        "Eleven tables, 75/25 split by scikit-learn's `train_test_split(test_size=0.25, random_state=0)`. "
        f"Ours through HTTP with the defaults, `max_seconds` {SECONDS} and a column that names the hold-out "
        f"rows. Operon with {SECONDS} s, the objectives R² and length, and constants by "
        "Levenberg-Marquardt. EBM, histogram boosting and least squares with their defaults. Each has one "
        "core, one after the other. The figure of a size is the best R² on the hold-out rows of all formulas "
        "of the front with at most so many nodes of the SymPy tree: a choice by these rows, on both sides. "
        "Our formulas are computed from their printed form, Operon's by Operon. In means and shares a front "
        "without a formula of the size has R² 0. A formula that is undefined in a hold-out row is left out."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="share of 44 pairs (table, size ≤ 10, 20, 30, 40) within 0.01 of Operon's R² or above",
            limit=0.85,
            is_upper=False,
            measured=whole(as_good, (OURS, OPERON)),
        ),
        Goal(
            what="share of the pairs above Operon's R² by more than 0.005",
            limit=0.4,
            is_upper=False,
            measured=whole(better, (OURS, OPERON)),
        ),
        Goal(
            what="mean difference of R² from Operon's over the pairs",
            limit=0,
            is_upper=False,
            measured=whole(difference, (OURS, OPERON)),
        ),
        Goal(
            what="share of tables with the compact network within 0.01 of EBM's R² or above",
            limit=0.7,
            is_upper=False,
            measured=whole(partial(compute_near_share, model="compact", rival="EBM"), (OURS, "EBM")),
        ),
        Goal(
            what="R² that the compact network loses to the accurate one, median",
            limit=0.03,
            measured=whole(partial(compute_median_loss, model="compact", rival="accurate"), (OURS,)),
        ),
        Goal(
            what="tables with fewer than 6 formulas",
            limit=0,
            measured=whole(short_fronts, (OURS,)),
        ),
        Goal(what="seconds of the longest job", measured=whole(longest, (OURS,))),
    ),
    needs=tuple(table.file for table in TABLES),
    measures=("kan_engine", "service", "worker", "tests/benchmarks/front/subjects"),
    summary=summarize,
    picture=draw_fronts,
)
