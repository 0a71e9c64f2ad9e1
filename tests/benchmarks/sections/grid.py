"""The test error of exp(sin x1 - x2²) as the grid grows, and the time that takes, beside pykan's."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from operator import methodcaller

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.benchmarks.subjects.law import PYKAN_STEPS, WIDTH, sample

GRIDS = (3, 5, 10, 20, 50, 100)
LIMITS = (4e-4, 8e-5, 8e-6, 6e-7, 2e-8, 3e-9)
KNOWN = ("2.7e-4", "5.8e-5", "7.6e-6", "2.1e-6, in float64 1.3e-6", "1.1e-6, 1.3e-7", "1e-6, 5e-7")
WORK = "all grids"


def tasks(options: Options) -> Iterator[Task]:
    grids = GRIDS[:2] if options.quick else GRIDS
    steps = 2 if options.quick else PYKAN_STEPS
    for seed in options.seeds(5):
        yield Task(work=WORK, who="kan_engine", seed=seed, run=partial(ours, grids, seed))
        for dtype in ("float32", "float64"):
            run = partial(theirs, grids, seed, steps, dtype)
            yield Task(work=WORK, who=f"pykan {dtype}", seed=seed, run=run)


def ours(grids: tuple[int, ...], seed: int) -> Values:
    from tests.benchmarks.subjects import engine

    (x, y), test = sample(0), sample(1)
    errors, seconds, start = {}, 0.0, time.perf_counter()
    for grid, network in engine.trained(WIDTH, x, y, grids=grids, seed=seed):
        seconds += time.perf_counter() - start
        errors[f"G={grid}"] = engine.rmse(network, *test)
        start = time.perf_counter()
    return {**errors, "seconds": seconds}


def theirs(grids: tuple[int, ...], seed: int, steps: int, dtype: str) -> Values:
    import torch

    from tests.benchmarks.subjects import pykan

    torch.set_default_dtype(getattr(torch, dtype))
    (x, y), test = sample(0), sample(1)
    errors, seconds, start = {}, 0.0, time.perf_counter()
    for grid, model in zip(
        grids, pykan.refined(WIDTH, x, y, grids=grids, seed=seed, steps=steps), strict=True
    ):
        seconds += time.perf_counter() - start
        errors[f"G={grid}"] = pykan.rmse(model, *test)
        start = time.perf_counter()
    return {**errors, "seconds": seconds}


def slope(results: Measured) -> float:
    """Order of convergence between G = 5 and G = 50."""
    coarse, fine = (results.median(f"G={grid}", who="kan_engine") for grid in (5, 50))
    return math.log10(coarse / fine)


SECTION = Section(
    name="grid",
    title="error and time as the grid grows",
    about=(
        "Test RMSE of exp(sin x1 − x2²) for KAN[2,1,1], k = 3, 1,000 rows on [−1, 1]², after each grid of "
        "one schedule, and the seconds of all its training. pykan as it comes, 50 steps of L-BFGS a grid."
    ),
    tasks=tasks,
    goals=(
        *(
            Goal(
                what=f"median test RMSE at G = {grid} (pykan {known})",
                limit=limit,
                measured=methodcaller("median", f"G={grid}", who="kan_engine"),
            )
            for grid, limit, known in zip(GRIDS, LIMITS, KNOWN, strict=True)
        ),
        Goal(what="slope between G = 5 and 50 (theory 4)", limit=3.7, is_upper=False, measured=slope),
        Goal(
            what="time, of pykan's in float32",
            limit=0.1,
            measured=methodcaller("ratio", "seconds", "kan_engine", "pykan float32"),
        ),
    ),
)
