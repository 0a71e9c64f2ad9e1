"""Whether a fresh start succeeds, whatever the seed and the order of the splines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.benchmarks.subjects.law import PYKAN_STEPS, WIDTH, sample

ORDERS, GRID = (2, 3, 4, 5), (10,)


def tasks(options: Options) -> Iterator[Task]:
    steps = 2 if options.quick else PYKAN_STEPS
    for order in ORDERS:
        for seed in options.seeds(10):
            work = f"k={order}"
            yield Task(work=work, who="kan_engine", seed=seed, run=partial(ours, order, seed))
            yield Task(work=work, who="pykan", seed=seed, run=partial(theirs, order, seed, steps))


def ours(order: int, seed: int) -> Values:
    from tests.benchmarks.subjects import engine

    (x, y), test = sample(0), sample(1)
    *_, (_, network) = engine.trained(WIDTH, x, y, grids=GRID, seed=seed, order=order, restarts=True)
    return {"RMSE": engine.rmse(network, *test)}


def theirs(order: int, seed: int, steps: int) -> Values:
    from tests.benchmarks.subjects import pykan

    (x, y), test = sample(0), sample(1)
    (model,) = pykan.refined(WIDTH, x, y, grids=GRID, seed=seed, order=order, steps=steps)
    return {"RMSE": pykan.rmse(model, *test)}


def worst_over_best(results: Measured, who: str) -> float:
    """The largest ratio of the worst run to the best of its k."""
    by_order = [results.numbers("RMSE", who=who, work=f"k={order}") for order in ORDERS]
    return max(max(errors) / min(errors) for errors in by_order) if all(by_order) else float("nan")


SECTION = Section(
    name="starts",
    title="fresh starts at G = 10",
    about=(
        "Test RMSE of exp(sin x1 − x2²) for KAN[2,1,1] trained at G = 10 from the better of two random "
        "starts at G = 3, for seeds 0 to 9 and each order k; pykan as it comes, float32, 50 steps of L-BFGS."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="worst run over the best of its k (pykan: 7 of 12 runs end above 0.1)",
            limit=10,
            measured=partial(worst_over_best, who="kan_engine"),
        ),
    ),
)
