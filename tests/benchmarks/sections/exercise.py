"""Exercises from joint angles: the survey's network beside pykan, and our defaults beside others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Values
from tests.benchmarks.subjects import baselines

FILE = "exercise_angles.csv"
TARGET = "Label"
SHAPE = {"network": {"hidden": [15], "grid": 5}, "prune": False, "symbolic": False, "baselines": False}
METRICS = {"accuracy": "accuracy"}
NAMED, FREE, TAIL = "KAN[10,15,5], grid 5", "no choice made", "no choice made, last rows of each class"
SPLIT = {"kind": "stratified", "test_fraction": 0.2, "seed": 42}
TAIL_SPLIT = {"kind": "tail", "test_fraction": 0.2}
DEFAULTS = "kan_engine, defaults"


def tasks(options: Options) -> Iterator[Task]:
    path, steps = options.path(FILE), 1 if options.quick else 20
    hurry = {"max_seconds": 5} if options.quick else {}
    yield Task(work=NAMED, who="kan_engine", run=partial(ours, path, {"split": SPLIT, **SHAPE, **hurry}))
    yield Task(work=NAMED, who="pykan", run=partial(theirs, path, steps), limit_s=1200)
    for work, split in ((FREE, SPLIT), (TAIL, TAIL_SPLIT)):
        yield Task(work=work, who=DEFAULTS, run=partial(ours, path, {"split": split, **hurry}))
        for name in ("boosting 100", "nearest neighbour", "MLP 64-64"):
            yield Task(work=work, who=name, run=partial(baseline, path, name, split is TAIL_SPLIT))


def ours(path: Path, body: Mapping[str, Any]) -> Values:
    from tests.benchmarks.subjects import service

    return service.trained(pl.read_csv(path), {"target": TARGET, **body}, METRICS)


def theirs(path: Path, steps: int) -> Values:
    import torch

    from tests.benchmarks.subjects import pykan

    x, x_test, y, y_test = parts(path, is_tail=False)
    classes, codes = np.unique(y, return_inverse=True)
    model = pykan.network((10, 15, len(classes)), grid=5)
    start = time.perf_counter()
    pykan.fit(model, x, codes, steps=steps, loss=torch.nn.CrossEntropyLoss())
    seconds = time.perf_counter() - start
    predictions = classes[pykan.predict(model, x_test).argmax(1)]
    return {"accuracy": float((predictions == y_test).mean()), "training s": seconds}


def baseline(path: Path, name: str, is_tail: bool) -> Values:
    return baselines.accuracy(name, parts(path, is_tail=is_tail))


def parts(path: Path, *, is_tail: bool) -> baselines.Split:
    table = pl.read_csv(path).drop("Side")  # always the same
    if is_tail:
        return baselines.tail(table, TARGET, fraction=0.2)
    return baselines.split(table, TARGET, fraction=0.2, seed=42, is_stratified=True)


SECTION = Section(
    name="exercise",
    title="exercises from joint angles",
    about=(
        "Accuracy on the hold-out rows: stratified 80/20 split with seed 42 as in the survey, where a "
        "random split puts neighbouring video frames on both sides; and the last 20 % of the rows of each "
        "class. Ours through HTTP, `seconds` and `training s` as for California. pykan in float32 on the "
        "columns as they are, as in the survey, 20 steps of L-BFGS. scikit-learn without tuning, "
        "standardised for the MLP and the neighbour. One thread for everybody."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="accuracy of KAN[10,15,5] (pykan 0.865, MLP 0.920–0.945)",
            limit=0.948,
            is_upper=False,
            measured=methodcaller("median", "accuracy", who="kan_engine"),
        ),
        Goal(
            what="its training time, of pykan's for 20 steps",
            limit=0.25,
            measured=methodcaller("ratio", "training s", "kan_engine", "pykan"),
        ),
        Goal(
            what="accuracy, defaults only (boosting 0.961, nearest neighbour 0.971)",
            limit=0.965,
            is_upper=False,
            measured=methodcaller("median", "accuracy", who=DEFAULTS, work=FREE),
        ),
        Goal(
            what="accuracy, defaults only, tail split (boosting 0.677, MLP 0.692)",
            limit=0.69,
            is_upper=False,
            measured=methodcaller("median", "accuracy", who=DEFAULTS, work=TAIL),
        ),
        Goal(
            what="seconds, defaults only, of the slower split",
            limit=300,
            measured=methodcaller("largest", "seconds", who=DEFAULTS),
        ),
    ),
    needs=(FILE,),
    measures=("kan_engine", "service", "worker"),
)
