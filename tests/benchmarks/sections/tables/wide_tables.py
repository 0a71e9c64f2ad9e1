"""Tables with as many columns as rows, and with twenty times as many."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

COLUMNS = 2_000
LAW, FEW, NOISE = "2,000 rows of a law", "100 rows of a law", "200 rows of noise"
METRICS = {"R²": "r2"}
WHO = "kan_engine, defaults"


def tasks(options: Options) -> Iterator[Task]:
    for work in (FEW, NOISE) if options.quick else (LAW, FEW, NOISE):
        for seed in options.seeds(3):
            yield Task(
                work=work,
                who=WHO,
                seed=seed,
                run=partial(ours, work, seed, options.quick),
                limit_s=900,
                shows_memory=True,
            )


def ours(work: str, seed: int, is_quick: bool) -> Values:
    from tests.benchmarks.subjects import service

    rows, reachable = table(work, seed)
    body = {"target": "y", **({"max_seconds": 10} if is_quick else {})}
    values = service.trained(rows, body, METRICS)
    return {
        **values,
        "reachable R²": reachable,
        "R² short of it": reachable - float(values["R²"] or 0),
        "job's estimated MiB": service.estimated(rows, body).memory_bytes / 2**20,
    }


def table(work: str, seed: int) -> tuple[pl.DataFrame, float]:
    """Rows of four columns with an effect among noise, or of noise alone, and the R² of the truth."""
    generator = np.random.default_rng(seed)
    count = {LAW: 2_000, FEW: 100, NOISE: 200}[work]
    x = generator.uniform(-1, 1, (COLUMNS, count))
    truth = 2 * x[7] + 3 * x[33] ** 2 + 1.5 * x[250]
    if work == LAW:
        truth = 2 * np.sin(3 * x[7]) + 3 * x[33] * x[1250] + np.exp(x[700])
    noise = generator.normal(0, 0.2, count)
    y = noise if work == NOISE else truth + noise
    columns = {f"x{place}": values for place, values in enumerate(x)}
    return pl.DataFrame(columns | {"y": y}), 0.0 if work == NOISE else float(1 - noise.var() / y.var())


def most_memory(results: Measured) -> float:
    """Of all processes together, in GiB."""
    return results.median("peak MiB", who=WHO, work=LAW) / 1024


def shortage(work: str, results: Measured) -> float:
    """How far R² is below the reachable one."""
    return results.median("R² short of it", who=WHO, work=work)


SECTION = Section(
    name="wide",
    title="more columns than rows",
    about=(
        f"{COLUMNS:,} columns through HTTP with our defaults. Three or four columns have an effect, two of "
        "them only in a product; in a table of noise none has. The reachable R² is that of the truth on all "
        "rows. Memory is resident and of all processes together."
    ),
    tasks=tasks,
    goals=(
        Goal(what="GiB of memory for 2,000 rows of 2,000 columns", limit=4, measured=most_memory),
        *(
            Goal(
                what=f"R² short of the reachable one, {work}",
                limit=limit,
                measured=partial(shortage, work),
            )
            for work, limit in ((LAW, 0.01), (FEW, 0.02))
        ),
    ),
    measures=("kan_engine", "service", "worker"),
)
