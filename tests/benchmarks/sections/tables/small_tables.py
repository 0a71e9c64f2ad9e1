"""Concrete and airfoil: our defaults beside boosting and a multilayer perceptron, five splits each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.model_selection import ShuffleSplit

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.benchmarks.subjects import baselines

METRICS = {"MAE": "mae", "RMSE": "rmse"}
DEFAULTS = "kan_engine, defaults"
SPLITS, KNOWN_SPLITS = "five 90/10 splits, seeds 42 to 46", "the five splits of the known figures"


def section(name: str, file: str, target: str, limit: float, references: str) -> Section:
    """A section of one table."""

    def tasks(options: Options) -> Iterator[Task]:
        path, hurry = options.path(file), {"max_seconds": 5} if options.quick else {}
        for work, start in ((SPLITS, 42), (KNOWN_SPLITS, 0)):
            for seed in options.seeds(5, start=start):
                splitter = partial(held_out, work, seed)
                yield Task(
                    work=work, who=DEFAULTS, seed=seed, run=partial(ours, path, target, splitter, hurry)
                )
                for model in ("boosting 300", "MLP 64-64"):
                    run = partial(baseline, path, target, splitter, model)
                    yield Task(work=work, who=model, seed=seed, run=run)

    return Section(
        name=name,
        title="defaults on a small table",
        about=(
            f"Errors on the hold-out rows of five 90/10 splits of `{file}`, seeds 42 to 46, and of the five "
            "splits that the known figures are from: scikit-learn's `ShuffleSplit(5, test_size=0.1, "
            "random_state=42)`, whose first is the one of seed 42. Ours through HTTP with nothing but "
            "dataset, target and split, `seconds` and `training s` as for California; scikit-learn without "
            "tuning, standardised for the MLP. One thread for everybody. The goal is for the mean, as "
            "published figures are."
        ),
        tasks=tasks,
        goals=(
            Goal(
                what=f"mean RMSE on {name}, defaults only ({references})",
                limit=limit,
                measured=partial(mean, "RMSE", DEFAULTS, SPLITS),
            ),
            Goal(what="the same of boosting 300", measured=partial(mean, "RMSE", "boosting 300", SPLITS)),
            Goal(
                what="the same of ours on the splits of the known figures",
                measured=partial(mean, "RMSE", DEFAULTS, KNOWN_SPLITS),
            ),
            Goal(
                what="seconds, defaults only, mean",
                limit=300,
                measured=partial(mean, "seconds", DEFAULTS, None),
            ),
        ),
        needs=(file,),
        measures=("kan_engine", "service", "worker"),
    )


def held_out(work: str, seed: int, rows: int) -> np.ndarray:
    """Whether each row is held out."""
    state, place = (seed, 0) if work == SPLITS else (42, seed)
    splits = ShuffleSplit(place + 1, test_size=0.1, random_state=state)
    is_held = np.zeros(rows, dtype=bool)
    is_held[list(splits.split(is_held))[place][1]] = True
    return is_held


def ours(path: Path, target: str, splitter: Callable[[int], np.ndarray], body: Mapping[str, Any]) -> Values:
    from tests.benchmarks.subjects import service

    table = pl.read_csv(path)
    marked, split = service.hold_out(table, splitter(table.height))
    return service.trained(marked, {"target": target, "split": split, **body}, METRICS)


def baseline(path: Path, target: str, splitter: Callable[[int], np.ndarray], name: str) -> Values:
    table = pl.read_csv(path)
    x, y, is_held = table.drop(target).to_numpy(), table[target].to_numpy(), splitter(table.height)
    return baselines.regression(name, (x[~is_held], x[is_held], y[~is_held], y[is_held]))


def mean(value: str, who: str, work: str | None, results: Measured) -> float:
    """Mean of a figure over the splits."""
    figures = results.numbers(value, who=who, work=work)
    return sum(figures) / len(figures) if figures else float("nan")


CONCRETE = section(
    "concrete", "concrete_strength.csv", "compressive_strength_mpa", 3.8, "boosting 3.83, MLP 5.02"
)
AIRFOIL = section(
    "airfoil", "airfoil_self_noise.csv", "scaled_sound_pressure_level_db", 1.2, "boosting 1.60, MLP 1.77"
)
