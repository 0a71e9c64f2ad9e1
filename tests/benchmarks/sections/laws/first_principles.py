"""Measurements whose law is known, of SRBench 2025: whether a job finds the law."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

SECONDS, GRACE_S, SEEDS = 60, 120, 5
PLACES = 200
SAME = 1e-6  # of the spread: a formula of the form of the law
TARGET = "target"

Columns = Mapping[str, np.ndarray]
# A function of the target, and those of the inputs that it is a sum of, with any coefficients.
Law = tuple[Callable[[np.ndarray], np.ndarray], Callable[[Columns], list[np.ndarray]]]
LAWS: dict[str, tuple[Law, ...]] = {
    "absorption": (  # a·x/(b + x), or a·log(x) + b
        (np.reciprocal, lambda of: [np.ones(PLACES), 1 / of["concentration"]]),
        (np.positive, lambda of: [np.ones(PLACES), np.log(of["concentration"])]),
    ),
    "hubble": ((np.positive, lambda of: [of["D"]]),),
    "ideal_gas": ((np.exp, lambda of: [of["n"] * of["T"] / of["V"]]),),
    "ideal_gas_raw": ((np.positive, lambda of: [of["n"] * of["T"] / of["V"]]),),
    "kepler": ((np.positive, lambda of: [of["a"] ** 1.5]),),
    "leavitt": ((np.positive, lambda of: [np.ones(PLACES), of["logP"]]),),
    "newton": ((np.exp, lambda of: [of["m1"] * of["m2"] / of["r"] ** 2]),),
    "newton_raw": ((np.positive, lambda of: [of["m1"] * of["m2"] / of["r"] ** 2]),),
}


def tasks(options: Options) -> Iterator[Task]:
    for name in LAWS:
        for seed in options.seeds(SEEDS):
            run = partial(solve, options.path(f"first_principles/{name}.csv"), seed)
            yield Task(work=name, who="job", seed=seed, run=run, limit_s=SECONDS + GRACE_S)


def solve(path: Path, seed: int) -> Values:
    """A job with nothing but the target, and whether its formula has the form of the law."""
    from kan_engine.expressions.evaluation import evaluate, from_json
    from tests.support.stored import stored
    from tests.support.tables import request_for, table_of
    from worker.execution.job_callbacks import JobCallbacks
    from worker.pipelines.tabular import run_pipeline

    frame = pl.read_csv(path)
    request = request_for(target=TARGET, max_seconds=SECONDS, seed=seed, compact={})
    start = time.perf_counter()
    table = table_of(**frame.to_dict(as_series=False))
    outcome = stored(
        run_pipeline(table, request, JobCallbacks(should_stop=lambda: time.perf_counter() > start + SECONDS))
    )
    seconds = time.perf_counter() - start
    if outcome.symbolic is None:
        return {"right": 0.0, "seconds": seconds}
    (output,) = outcome.symbolic["outputs"]
    columns = _draw_between(frame.drop(TARGET))
    values = np.broadcast_to(evaluate(from_json(output["tree"]), columns), PLACES)
    return {
        "right": float(any(_has_form(law, values, columns) for law in LAWS[path.stem])),
        "verdict": outcome.symbolic["verdict"],
        "R2": output["r2"],
        "formula": output["expression"],
        "seconds": seconds,
    }


def _draw_between(inputs: pl.DataFrame) -> dict[str, np.ndarray]:
    """Places between the rows; the columns are positive, over decades."""
    generator = np.random.default_rng(0)
    logs = {name: np.log(inputs[name].to_numpy()) for name in inputs.columns}
    return {
        name: np.exp(generator.uniform(column.min(), column.max(), PLACES)) for name, column in logs.items()
    }


def _has_form(law: Law, values: np.ndarray, columns: Columns) -> bool:
    """Whether the coefficients of the law can be chosen so that it is the formula."""
    transform, terms = law
    y, matrix = transform(values), np.column_stack(terms(columns))
    if not np.isfinite(y).all():
        return False
    # Relative to the targets, which cover decades.
    residuals = (matrix / y[:, None]) @ np.linalg.lstsq(matrix / y[:, None], np.ones(PLACES))[0] - 1
    return bool(np.sqrt(np.mean(residuals**2)) < SAME)


def share_right(results: Measured) -> float:
    """Share of the jobs that found the law."""
    flags = results.numbers("right", who="job")
    return sum(flags) / len(flags) if flags else math.nan


SECTION = Section(
    name="first_principles",
    title="laws of real measurements",
    about=(
        f"Eight tables of SRBench 2025 (EmpiricalBench) with a known law, {SEEDS} seeds, jobs of {SECONDS} s "
        "with nothing but the target. A formula is right if the coefficients of the law can be chosen so "
        "that both agree between the rows."
    ),
    tasks=tasks,
    measures=("kan_engine", "service", "worker"),
    goals=(Goal(what="share of right laws", limit=0.9, is_upper=False, measured=share_right),),
)
