"""Whether a job keeps its time limit and has a model then, on tables of all sizes and a busy machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import numpy as np
import polars as pl
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

LIMITS_S = (5, 20, 60, 120)
SHAPES = (  # rows and columns, the target among them
    (5, 2),
    (30, 2),
    (240, 4),
    (252, 14),
    (1_000, 9),
    (5_000, 12),
    (100, 500),
    (2_000, 2_000),
    (20_000, 9),
    (100_000, 21),
    (500_000, 21),
    (1_000_000, 21),
)
BUSY_PROCESSES = 2
WHO = "kan_engine, defaults"


def tasks(options: Options) -> Iterator[Task]:
    limits = LIMITS_S[:2] if options.quick else LIMITS_S
    for rows, columns in SHAPES[:3] if options.quick else SHAPES:
        work = f"{rows:,} x {columns:,}"
        run = partial(ours, rows, columns, limits)
        yield Task(work=work, who=WHO, run=run, limit_s=900, memory_mib=12_000, shows_memory=True)


def ours(rows: int, columns: int, limits: tuple[int, ...]) -> Values:
    """Ends, overruns and R² of jobs with these limits, one after the other, of one service."""
    from tests.benchmarks.subjects import service

    table = make_table(rows, columns)
    line = measure_line(table)
    figures: dict[str, Any] = {"R² of a line": line}
    with service.running() as client, busy_machine():
        dataset_id = service.upload(client, table)
        for limit in limits:
            body = {"target": "y", "max_seconds": limit}
            job, _ = service.finished_job(client, dataset_id, body)
            figures |= {
                f"{name}, {limit} s": value for name, value in describe(client, job, limit, line).items()
            }
    return figures


def describe(client: httpx.Client, job: dict[str, Any], limit: float, line: float | None) -> Values:
    """How a job ended: ``kept`` is 1 if it has a model that is not worse than a line."""
    start, end = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    overrun = (end - start).total_seconds() - limit
    if job["status"] != "succeeded":
        return {"kept": 0, "overrun s": overrun, "R²": None, "end": job["error"]["code"]}
    model = client.get(f"/models/{job['model_id']}").raise_for_status().json()
    r2 = model["metrics"].get("r2")
    is_kept = line is None or (r2 is not None and r2 >= line - 0.02)
    return {"kept": int(is_kept), "overrun s": overrun, "R²": r2, "end": job["cut_by"] or "whole"}


@contextmanager
def busy_machine() -> Iterator[None]:
    """Processes that compute without pause."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(BUSY_PROCESSES)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def make_table(rows: int, columns: int) -> pl.DataFrame:
    """A smooth function of the first columns with noise; the last of very few columns is a line."""
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (rows, columns - 1))
    places = np.arange(6) % x.shape[1]
    a, b, c, d, e, f = x[:, places].T
    y = 2 * a + (0 if columns < 4 else np.sin(np.pi * b) + c * d + np.exp(e) / 2 + f)
    names = [f"x{place}" for place in range(x.shape[1])]
    return pl.DataFrame(x, schema=names).with_columns(y=pl.Series(y + random.normal(0, 0.2, rows)))


def measure_line(table: pl.DataFrame) -> float | None:
    """R² of scikit-learn's line on the rows that the service holds out; None for a single row."""
    x, y = table.drop("y").to_numpy(), table["y"].to_numpy()
    x_fit, x_test, y_fit, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
    if len(y_test) < 2:
        return None
    return float(r2_score(y_test, LinearRegression().fit(x_fit, y_fit).predict(x_test)))


def count_kept(results: Measured) -> float:
    """Jobs that succeeded with a model that is not worse than a line."""
    return float(sum(sum(results.numbers(f"kept, {limit} s", who=WHO)) for limit in LIMITS_S))


def largest_overrun(results: Measured) -> float:
    """Seconds beyond the limit, from ``started_at``."""
    overruns = [value for limit in LIMITS_S for value in results.numbers(f"overrun s, {limit} s", who=WHO)]
    return max(overruns, default=float("nan"))


SECTION = Section(
    name="limits",
    title="time limits on a busy machine",
    about=(
        f"Jobs with defaults and `max_seconds` of {', '.join(map(str, LIMITS_S))}, on tables of "
        f"{SHAPES[0][0]} to {SHAPES[-1][0]:,} rows and 2 to 2,000 columns, beside {BUSY_PROCESSES} processes "
        "that compute without pause. `kept`: the job succeeded with a model whose R² on the hold-out rows is "
        "at most 0.02 below that of scikit-learn's line. `overrun` counts from `started_at`; `end` is the "
        "stage that was cut."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="jobs of 48 that succeed with a model as good as a line",
            limit=48,
            measured=count_kept,
            is_upper=False,
        ),
        Goal(what="largest overrun in seconds", limit=20, measured=largest_overrun),
    ),
    measures=("kan_engine", "service", "worker"),
)
