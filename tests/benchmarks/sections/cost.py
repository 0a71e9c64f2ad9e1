"""What admission says a training will take, beside what it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from kan_engine.cost import Workload
from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.support.peak import own_peak

STEPS = 3
ROUNDS = 3
SHAPES: tuple[tuple[str, tuple[int, ...], int, int], ...] = (  # method, width, grid, rows
    ("adam", (20, 10, 1), 5, 100_000),
    ("adam", (5, 1), 5, 200_000),
    ("adam", (200, 20, 1), 5, 20_000),
    ("adam", (8, 20, 20, 3), 20, 30_000),
    ("lbfgs", (20, 10, 1), 5, 200_000),
    ("levenberg_marquardt", (5, 5, 1), 5, 50_000),
    ("levenberg_marquardt", (20, 10, 1), 5, 10_000),
    ("levenberg_marquardt", (20, 1), 20, 50_000),
    ("levenberg_marquardt", (8, 20, 1), 10, 1_000),
)


def tasks(options: Options) -> Iterator[Task]:
    for turn in options.seeds(ROUNDS):
        for method, width, grid, rows in SHAPES[:1] if options.quick else SHAPES:
            run = partial(ours, method, width, grid, rows)
            work = f"KAN{list(width)}, G = {grid}, {rows:,} rows"
            yield Task(work=work, who=method, seed=turn, run=run, limit_s=200)


def ours(method: str, width: tuple[int, ...], grid: int, rows: int) -> Values:
    """A short training, after a tiny one that imports all it needs."""
    trained(method, (2, 1), 3, 100)
    initial_peak = own_peak()
    start = time.process_time()  # of our process alone: others share the machine
    steps = trained(method, width, grid, rows)
    seconds = time.process_time() - start
    workload = Workload(width=width, terms=grid + 4, rows=rows, validation_rows=rows // 4)
    return {
        "seconds": seconds,
        "estimated s": steps * workload.seconds(method),
        "MiB": (own_peak() - initial_peak) / 2**20,
        "estimated MiB": workload.memory_bytes(method) / 2**20,
    }


def trained(method: str, width: tuple[int, ...], grid: int, rows: int) -> int:
    """Train on a smooth function with noise; how many epochs or steps that took."""
    import torch

    from kan_engine import KAN, KANConfig, TrainingConfig, TrainingRows, train
    from kan_engine.network.kan import initialise_

    generator = torch.Generator().manual_seed(0)
    x = torch.empty(rows + rows // 4, width[0], dtype=torch.float64).uniform_(-1, 1, generator=generator)
    y = torch.sin(3 * x[:, :1]).repeat(1, width[-1])
    y += 0.1 * torch.randn(y.shape, dtype=torch.float64, generator=generator)
    fit, validation = (TrainingRows.create(x[part], y[part]) for part in (slice(rows), slice(rows, None)))
    network = KAN(KANConfig(width=width, grid_size=grid))
    initialise_(network, generator)
    config = TrainingConfig(optimizer=method, steps=STEPS, patience=1000)
    step_count = len(list(train(network, fit, config, validation=validation, generator=generator)))
    return STEPS if method == "adam" else step_count  # whose steps are parts of an epoch


def _works(results: Measured) -> set[tuple[str, str]]:
    return {(row.who, row.work) for row in results.rows}


def farthest(results: Measured) -> float:
    """The largest factor between the time that was estimated and the time it took, whichever is longer."""
    quotients = [
        results.ratio_of("estimated s", "seconds", who=who, work=work) for who, work in _works(results)
    ]
    return max((max(quotient, 1 / quotient) for quotient in quotients), default=float("nan"))


def fullest(results: Measured) -> float:
    """The largest share of its estimated memory that a training took."""
    shares = [results.ratio_of("MiB", "estimated MiB", who=who, work=work) for who, work in _works(results)]
    return max(shares, default=float("nan"))


SECTION = Section(
    name="cost",
    title="estimated beside measured",
    about=(
        f"{STEPS} epochs or steps in a process of its own, one thread. Time is that of the processor, with "
        "all that belongs to a training, such as moving the grids; memory is what the process takes beyond "
        "its imports. Estimates are those by which jobs are admitted (`kan_engine/cost.py`)."
    ),
    tasks=tasks,
    goals=(
        Goal(what="factor between estimated and measured time, at most", limit=2, measured=farthest),
        Goal(what="measured memory as a share of the estimate, at most", limit=1, measured=fullest),
    ),
)
