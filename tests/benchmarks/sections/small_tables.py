"""Concrete and airfoil: our defaults beside boosting and a multilayer perceptron, five splits each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.benchmarks.subjects import baselines

METRICS = {"MAE": "mae", "RMSE": "rmse"}
DEFAULTS = "kan_engine, defaults"
WORK = "five 90/10 splits"


def section(name: str, file: str, target: str, limit: float, others: str) -> Section:
    """A section of one table."""

    def tasks(options: Options) -> Iterator[Task]:
        path, hurry = options.path(file), {"max_seconds": 5} if options.quick else {}
        for seed in options.seeds(5, first=42):
            yield Task(work=WORK, who=DEFAULTS, seed=seed, run=partial(ours, path, target, seed, hurry))
            for other in ("boosting 300", "MLP 64-64"):
                run = partial(baseline, path, target, seed, other)
                yield Task(work=WORK, who=other, seed=seed, run=run)

    return Section(
        name=name,
        title="defaults on a small table",
        about=(
            f"Errors on the hold-out rows of five 90/10 splits of `{file}`, seeds 42 to 46. Ours through "
            "HTTP with nothing but dataset, target and split, `seconds` and `training s` as for "
            "California; scikit-learn without tuning, standardised for the MLP. One thread for everybody. "
            "The goal is for the mean, as published figures are."
        ),
        tasks=tasks,
        goals=(
            Goal(
                what=f"mean RMSE on {name}, defaults only ({others})",
                limit=limit,
                measured=partial(mean, "RMSE"),
            ),
            Goal(what="seconds, defaults only, mean", limit=300, measured=partial(mean, "seconds")),
        ),
        needs=(file,),
        measures=("kan_engine", "service", "worker"),
    )


def ours(path: Path, target: str, seed: int, body: Mapping[str, Any]) -> Values:
    from tests.benchmarks.subjects import service

    split = {"kind": "random", "test_fraction": 0.1, "seed": seed}
    return service.trained(pl.read_csv(path), {"target": target, "split": split, **body}, METRICS)


def baseline(path: Path, target: str, seed: int, name: str) -> Values:
    return baselines.regression(name, baselines.split(pl.read_csv(path), target, fraction=0.1, seed=seed))


def mean(value: str, measured: Measured) -> float:
    """Mean of a figure of ours over the splits."""
    found = measured.numbers(value, who=DEFAULTS)
    return sum(found) / len(found) if found else float("nan")


CONCRETE = section(
    "concrete", "concrete_strength.csv", "compressive_strength_mpa", 3.8, "boosting 3.83, MLP 5.02"
)
AIRFOIL = section(
    "airfoil", "airfoil_self_noise.csv", "scaled_sound_pressure_level_db", 1.2, "boosting 1.60, MLP 1.77"
)
