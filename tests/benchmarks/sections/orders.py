"""How fast the error falls with the grid for each order of the splines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.benchmarks.subjects.law import WIDTH, sample

ORDERS = (2, 3, 4, 5)
GRIDS = (5, 10, 20, 40)


def tasks(options: Options) -> Iterator[Task]:
    grids = GRIDS[:2] if options.quick else GRIDS
    for seed in options.seeds(5):
        for order in ORDERS:
            run = partial(refined, grids, order, seed)
            yield Task(work=f"k={order}", who="kan_engine", seed=seed, run=run)


def refined(grids: tuple[int, ...], order: int, seed: int) -> Values:
    from tests.benchmarks.subjects import engine

    (x, y), test = sample(0), sample(1)
    steps = engine.trained(WIDTH, x, y, grids=grids, seed=seed, order=order)
    errors = {f"G={grid}": engine.rmse(network, *test) for grid, network in steps}  # the last of each grid
    return {**errors, "slope": slope(errors)}


def slope(errors: dict[str, float]) -> float:
    """Order of convergence: least squares through log error over log grid, as keyed by ``G=…``."""
    grids = [float(name.removeprefix("G=")) for name in errors]
    return float(-np.polyfit(np.log(grids), np.log(list(errors.values())), 1)[0])


def distance(order: int, results: Measured) -> float:
    """How far the slope through the median errors is from k + 1."""
    errors = {f"G={grid}": results.median(f"G={grid}", who="kan_engine", work=f"k={order}") for grid in GRIDS}
    return abs(slope(errors) - order - 1)


SECTION = Section(
    name="orders",
    title="convergence for each order of the splines",
    about=(
        "Test RMSE of exp(sin x1 − x2²) for KAN[2,1,1] of order k, refined from grid to grid; slope by "
        "least squares over the four grids."
    ),
    tasks=tasks,
    goals=tuple(
        Goal(
            what=f"distance of the slope from k + 1 for k = {order}",
            limit=0.4,
            measured=partial(distance, order),
        )
        for order in ORDERS
    ),
)
