"""Predictions of a small pruned network beside pykan's fast path."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import methodcaller

import numpy as np

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Values
from tests.benchmarks.subjects.timing import milliseconds

WIDTH, GRID = (4, 5, 1), 5
SIZES = {"1 row": 1, "10,000 rows": 10_000}
ROUNDS = 7
PRUNED = 0.3  # of the strongest edge's score: with it about half of the edges of a random network go


def tasks(options: Options) -> Iterator[Task]:
    for turn in options.seeds(ROUNDS):
        for work, rows in SIZES.items():
            for who, run in {"kan_engine": ours, "pykan": theirs}.items():
                yield Task(work=work, who=who, seed=turn, run=partial(run, rows))


def ours(rows: int) -> Values:
    import torch

    from kan_engine.network.compiled.network import compile_network
    from kan_engine.network.kan import KAN, KANConfig, initialise_
    from kan_engine.network.pruning import prune

    network = KAN(KANConfig(width=WIDTH, grid_size=GRID))
    initialise_(network, torch.Generator().manual_seed(0))
    small_network = prune(network, torch.from_numpy(batch(1000)), threshold=PRUNED)
    evaluator, x = compile_network(small_network), batch(rows)
    edges = f"{small_network.edge_count} of {network.edge_count}"
    return {"ms": milliseconds(lambda: evaluator(x)), "live edges": edges}


def theirs(rows: int) -> Values:
    import torch

    from tests.benchmarks.subjects import pykan

    model = pykan.network(WIDTH, grid=GRID, auto_save=False).speed()
    x = pykan.tensor(batch(rows))

    def call() -> None:
        with torch.no_grad():
            model(x)

    return {"ms": milliseconds(call)}


def batch(rows: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (rows, WIDTH[0]))


SECTION = Section(
    name="inference",
    title="predictions of a pruned network",
    about=(
        "Milliseconds of a call for KAN[4,5,1], G = 5, k = 3: our compiled form in float64, pykan's fast "
        "path in float32, whose time does not depend on pruning. Rounds take turns."
    ),
    tasks=tasks,
    goals=tuple(
        Goal(
            what=f"how many times as fast as pykan, {work}",
            limit=5,
            is_upper=False,
            measured=methodcaller("ratio", "ms", "pykan", "kan_engine", work=work),
        )
        for work in SIZES
    ),
)
