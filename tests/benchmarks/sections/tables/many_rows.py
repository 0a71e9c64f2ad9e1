"""Time and memory as the rows grow a hundredfold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

SIZES = (10_000, 100_000, 1_000_000)
COLUMNS = 20
EPOCHS = 5
FIXED = {
    "network": {"hidden": [10], "grid": 5},
    "training": {"optimizer": "adam", "steps": EPOCHS},
    "prune": False,
    "symbolic": False,
    "baselines": False,
    "max_seconds": 3000,
}
METRICS = {"R²": "r2"}
WHO, DEFAULTS = "kan_engine", "kan_engine, defaults"
NOISE = 0.1  # of the spread of a law

# Of columns between -2 and 2; the others have no effect.
LAWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "2·sin(a) + b·c": lambda x: 2 * np.sin(x[0]) + x[1] * x[2],
    "exp(−a²) + c·√(|b| + 0.1)": lambda x: np.exp(-(x[0] ** 2)) + np.sqrt(np.abs(x[1]) + 0.1) * x[2],
    "a·b/(1 + c²) + tanh(2d)": lambda x: x[0] * x[1] / (1 + x[2] ** 2) + np.tanh(2 * x[3]),
    "a + b/2 − c": lambda x: x[0] + x[1] / 2 - x[2],
    "cos(a·b) + e·log(2.5 + c + d/4)": lambda x: np.cos(x[0] * x[1]) + np.log(2.5 + x[2] + x[3] / 4) * x[4],
}
TABLES = [*((law, SIZES[-1], COLUMNS) for law in LAWS), (next(iter(LAWS)), 10_000_000, 10)]


def tasks(options: Options) -> Iterator[Task]:
    yield from law_tasks(options)
    for count in (1000,) if options.quick else SIZES:
        yield Task(
            work=f"{count:,} rows",
            who=WHO,
            run=partial(ours, count, FIXED),
            limit_s=3600,
            memory_mib=12_000,
            shows_memory=True,
        )
    if not options.quick:
        run = partial(ours, SIZES[-1], {})
        work = f"{SIZES[-1]:,} rows"
        yield Task(work=work, who=DEFAULTS, run=run, limit_s=900, memory_mib=12_000, shows_memory=True)


def law_tasks(options: Options) -> Iterator[Task]:
    """Laws on large tables, with our defaults."""
    for law, count, columns in [(next(iter(LAWS)), 1000, 5)] if options.quick else TABLES:
        yield Task(
            work=f"{law}, {count:,} × {columns}",
            who=DEFAULTS,
            run=partial(learn_law, law, count, columns),
            limit_s=1200,
            memory_mib=12_000,
            shows_memory=True,
        )


def learn_law(law: str, count: int, columns: int) -> Values:
    from tests.benchmarks.subjects import service

    rows, best = table_of_law(law, count, columns)
    values = service.trained(rows, {"target": "y"}, METRICS)
    missing = best - float(values["R²"] or 0)
    estimate = service.estimated(rows, {"target": "y"}).memory_bytes / 2**20
    return {**values, "best R²": best, "R² missing": missing, "job's estimated MiB": estimate}


def table_of_law(law: str, count: int, columns: int) -> tuple[pl.DataFrame, float]:
    """Rows of a law with noise, and the R² of the law itself."""
    generator = np.random.default_rng(0)
    x = np.stack([generator.uniform(-2, 2, count) for _ in range(columns)])
    y = LAWS[law](x)
    noise = NOISE * y.std()
    best = 1 - noise**2 / (y.var() + noise**2)
    inputs = {f"x{place}": values for place, values in enumerate(x)}
    return pl.DataFrame(inputs | {"y": y + generator.normal(0, noise, count)}), float(best)


def ours(count: int, body: Mapping[str, Any]) -> Values:
    from tests.benchmarks.subjects import service

    rows = table(count)
    values = service.trained(rows, {"target": "y", **body}, METRICS)
    return {
        **values,
        "µs a row": 1e6 * float(values["training s"] or 0) / count,
        "job's estimated MiB": service.estimated(rows, {"target": "y", **body}).memory_bytes / 2**20,
    }


def table(count: int) -> pl.DataFrame:
    """Rows of a smooth function of some columns, with noise."""
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (count, COLUMNS))
    y = np.sin(np.pi * x[:, 0]) + 2 * x[:, 1] * x[:, 2] + np.exp(x[:, 3]) + x[:, 4:10].sum(1) / 2
    columns = {f"x{place}": x[:, place] for place in range(COLUMNS)}
    return pl.DataFrame(columns | {"y": y + generator.normal(0, 0.3, count)})


def growth(results: Measured) -> float:
    """The larger growth of the time per row, of both times that the rows grow tenfold."""
    small, middle, large = (results.median("µs a row", who=WHO, work=f"{count:,} rows") for count in SIZES)
    return max(middle / small, large / middle)


def most_memory(results: Measured) -> float:
    """Of all processes together, in GiB, whatever was asked for."""
    peaks = [results.median("peak MiB", who=who, work=f"{SIZES[-1]:,} rows") for who in (WHO, DEFAULTS)]
    return max(peaks) / 1024


def most_missing(results: Measured) -> float:
    """The largest distance of R² from that of the law, over all laws."""
    works = [f"{law}, {count:,} × {columns}" for law, count, columns in TABLES]
    return max(results.median("R² missing", who=DEFAULTS, work=work) for work in works)


SECTION = Section(
    name="rows",
    title="time and memory as the rows grow",
    about=(
        f"{COLUMNS} columns through HTTP: KAN[{COLUMNS},10,1] at G = 5, {EPOCHS} epochs of Adam, so that "
        "every size does the same for each of its rows; and the largest with our defaults. Memory is "
        "resident and of all processes together: the API, the worker, the one that trains, and the "
        "client. One thread. Then laws with noise of a tenth of their spread, with our defaults: the R² of "
        "the law itself is the best that can be reached."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="growth of the training time per row when the rows grow tenfold",
            limit=1.25,
            measured=growth,
        ),
        Goal(what="GiB of memory at 1,000,000 rows", limit=4, measured=most_memory),
        Goal(what="R² below that of a law with noise", limit=0.01, measured=most_missing),
    ),
    measures=("kan_engine", "service", "worker"),
)
