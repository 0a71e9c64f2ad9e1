"""The gallery in short: those of its jobs that take seconds; its tables have sections of their own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import methodcaller

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

OURS = "kan_engine"
SHORT = ("grids", "scratch", "sizes", "curve", "law-shape", "law", "normal")
QUICK = ("curve", "normal")


def tasks(options: Options) -> Iterator[Task]:
    for name in QUICK if options.quick else SHORT:
        yield Task(work=name, who=OURS, run=partial(ours, name))


def ours(name: str) -> Values:
    """Run a job of the gallery; what the goals are about."""
    from tests.benchmarks.subjects import service
    from tests.gallery.experiments import run, shown
    from tests.gallery.tables import Tables

    (experiment,) = (candidate for candidate in shown() if candidate.name == name)
    with service.running() as client:
        numbers = run(client, experiment, Tables(None)).numbers
    figures: Values = {"seconds": numbers["seconds"]}
    if name in ("grids", "scratch"):
        figures |= {f"slope for k = {order}": numbers[order]["slope"] for order in "2345"}
    if name == "sizes":
        largest = numbers["328"]
        figures |= {"KAN RMSE": largest["rmse"], "MLP RMSE": largest["mlp_matched_rmse"]}
    if name == "normal":
        figures["law"] = numbers["law"]["name"]
    return figures | {key: numbers[key] for key in ("formula", "verdict") if key in numbers}


def shortfall(work: str, results: Measured) -> float:
    """By how much the slope of an order is below k + 1, at most."""
    gaps = [
        order + 1 - results.median(f"slope for k = {order}", who=OURS, work=work) for order in (2, 3, 4, 5)
    ]
    return max(gaps)


def ratio(results: Measured) -> float:
    """The error of the MLP of 1,000 parameters, over that of the KAN."""
    return results.ratio_of("MLP RMSE", "KAN RMSE", who=OURS, work="sizes")


SECTION = Section(
    name="survey",
    title="the gallery in short",
    about=(
        "The jobs of the guide's gallery that take seconds, through HTTP: the grids and orders of section "
        "5.2, the parameters of 6.1, the formulas of 7, the density of the notebook. `make gallery` runs "
        "all of it."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="slope below k + 1 at most, k = 2 to 5, refined",
            limit=0.7,
            measured=partial(shortfall, "grids"),
        ),
        Goal(
            what="the same from scratch",
            limit=0.7,
            measured=partial(shortfall, "scratch"),
        ),
        Goal(
            what="RMSE of KAN[2,1,1] with 1,000 parameters (an MLP as large: 2e-4)",
            limit=1e-8,
            measured=methodcaller("median", "KAN RMSE", who=OURS, work="sizes"),
        ),
        Goal(what="the MLP's error, of the KAN's", measured=ratio),
    ),
    measures=("kan_engine", "service", "worker"),
)
