"""California Housing: the survey's network beside pykan, and our defaults beside boosting."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

import polars as pl

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Values
from tests.benchmarks.subjects import baselines

FILE = "california_housing.csv"
TARGET = "MedHouseVal"
SPLIT = {"kind": "random", "test_fraction": 0.2, "seed": 42}
METRICS = {"MAE": "mae", "RMSE": "rmse"}
SHAPE = {"network": {"hidden": [10], "grid": 3}, "prune": False, "symbolic": False, "baselines": False}
NAMED, FREE = "KAN[8,10,1], grid 3", "no choice made"
DEFAULTS = "kan_engine, defaults"
QUICK = {"max_seconds": 5}


def tasks(options: Options) -> Iterator[Task]:
    path, steps = options.path(FILE), 1 if options.quick else 20
    hurry = QUICK if options.quick else {}
    yield Task(work=NAMED, who="kan_engine", run=partial(ours, path, {**SHAPE, **hurry}))
    yield Task(work=NAMED, who="pykan", run=partial(theirs, path, steps))
    yield Task(work=FREE, who=DEFAULTS, run=partial(ours, path, hurry))
    for name in ("boosting 100", "boosting 300", "MLP 64-64"):
        yield Task(work=FREE, who=name, run=partial(baseline, path, name))


def ours(path: Path, body: Mapping[str, Any]) -> Values:
    from tests.benchmarks.subjects import service

    return service.trained(pl.read_csv(path), {"target": TARGET, "split": SPLIT, **body}, METRICS)


def theirs(path: Path, steps: int) -> Values:
    from tests.benchmarks.subjects import pykan

    x, x_test, y, y_test = baselines.standardised(parts(path))
    center, scale = y.mean(), y.std()
    model = pykan.network((8, 10, 1), grid=3)
    start = time.perf_counter()
    pykan.fit(model, x, (y[:, None] - center) / scale, steps=steps)
    seconds = time.perf_counter() - start
    predictions = pykan.predict(model, x_test)[:, 0] * scale + center
    return {**baselines.regression_errors(y_test, predictions), "training s": seconds, "network s": seconds}


def baseline(path: Path, name: str) -> Values:
    return baselines.regression(name, parts(path))


def parts(path: Path) -> baselines.Split:
    return baselines.split(pl.read_csv(path), TARGET, fraction=0.2, seed=42)


SECTION = Section(
    name="california",
    title="California Housing",
    about=(
        "Errors on the hold-out rows, 80/20 split with seed 42. Ours through HTTP: `seconds` from the "
        "submission to the end of the job, `training s` of its training stage alone, `network s` of this "
        "without the compact networks, which follow; KAN[8,10,1] without pruning, formula and baselines; the "
        "defaults with nothing but dataset, target and split. pykan in float32 on standardised columns and "
        "target, 20 steps of L-BFGS. scikit-learn without tuning, standardised for the MLP. One thread for "
        "everybody."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="MAE of KAN[8,10,1] (pykan 0.385, survey 0.37)",
            limit=0.331,
            measured=methodcaller("median", "MAE", who="kan_engine"),
        ),
        Goal(
            what="its training time, of pykan's for 20 steps",
            limit=0.2,
            measured=methodcaller("ratio", "network s", "kan_engine", "pykan"),
        ),
        Goal(
            what="MAE, defaults only (boosting 100: 0.310, 300: 0.296)",
            limit=0.315,
            measured=methodcaller("median", "MAE", who=DEFAULTS),
        ),
        Goal(
            what="RMSE, defaults only (boosting 100: 0.465, 300: 0.448)",
            limit=0.475,
            measured=methodcaller("median", "RMSE", who=DEFAULTS),
        ),
        Goal(
            what="seconds, defaults only",
            limit=300,
            measured=methodcaller("median", "seconds", who=DEFAULTS),
        ),
    ),
    needs=(FILE,),
    measures=("kan_engine", "service", "worker"),
)
