"""The special functions of the KAN paper beside its own results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

FILE = "formulas.jsonl"
SHAPES = ((2, 1, 1), (2, 2, 1), (2, 3, 1), (2, 5, 1))
GRIDS = (3, 5, 10, 20)
FITTED = 0.8  # of the training rows; the rest chooses shape and grid


def tasks(options: Options) -> Iterator[Task]:
    entries = [json.loads(line) for line in options.path(FILE).read_text(encoding="utf-8").splitlines()]
    special = [entry for entry in entries if entry["source"] == "KAN paper special functions"]
    shapes, grids = (SHAPES[:1], GRIDS[:1]) if options.quick else (SHAPES, GRIDS)
    for entry in special[: options.seeds(len(special)).stop]:
        run = partial(best_of, entry, shapes, grids)
        yield Task(work=entry["id"].removeprefix("special-"), who="kan_engine", run=run)


def best_of(entry: dict[str, Any], shapes: tuple[tuple[int, ...], ...], grids: tuple[int, ...]) -> Values:
    """The network with the lowest validation error, measured on fresh rows."""
    from tests.benchmarks.subjects import engine

    (x, y), test = sample(entry, entry["n_train"], 0), sample(entry, entry["n_test"], 1)
    fit_count = int(FITTED * len(x))
    best, error, description = np.inf, np.nan, ""
    for shape in shapes:
        for grid, network in engine.trained(shape, x[:fit_count], y[:fit_count], grids=grids, seed=0):
            validation_error = engine.rmse(network, x[fit_count:], y[fit_count:])
            if validation_error < best:
                best, error, description = (
                    validation_error,
                    engine.rmse(network, *test),
                    f"{list(shape)}, G = {grid}",
                )
    paper_error = entry["published"]["best_kan"]
    return {"RMSE": error, "published": paper_error, "of it": error / paper_error, "network": description}


def sample(entry: dict[str, Any], count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows as the file asks for; its scipy call is our own data's, not a client's."""
    import scipy
    import scipy.special

    generator = np.random.default_rng(seed)
    columns = {v["name"]: generator.uniform(v["low"], v["high"], count) for v in entry["variables"]}
    y = eval(entry["scipy"], {"scipy": scipy, **columns})
    return np.stack(list(columns.values()), 1), np.asarray(y)[:, None]


def better(results: Measured) -> float:
    """How many are below the paper's best KAN."""
    ratios = results.numbers("of it", who="kan_engine")
    return sum(ratio < 1 for ratio in ratios) if ratios else float("nan")


SECTION = Section(
    name="special",
    title="special functions",
    about=(
        "Test RMSE, 1,000 training rows: the best of at most four shapes and their refinements, chosen on "
        "200 of the training rows; beside it the KAN paper's best KAN (Table 1), whose ranges and numbers "
        "of samples are not stated, so that only the order of magnitude can be compared."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="of 15 functions, how many below the KAN paper's best KAN",
            limit=12,
            is_upper=False,
            measured=better,
        ),
    ),
    needs=(FILE,),
)
