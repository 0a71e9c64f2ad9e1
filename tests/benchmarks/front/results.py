"""The rows of the section ``front``, by table and method."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from math import nan
from statistics import median

from tests.benchmarks.front.statistics import PairStatistics, PairThresholds, Point, compare_fronts, share
from tests.benchmarks.front.tables import TABLES
from tests.benchmarks.rows import Measured, Row

OURS, OPERON = "kan_engine, defaults", "Operon"
MODELS = ("EBM", "boosting", "linear")
METHODS = (OURS, OPERON, *MODELS)
MEMBERS = ("accurate", "compact", "formula")
FEWEST_POINTS = 6  # of a front that is worth looking at: the goal


def find_row(results: Measured, table: str, method: str) -> Row | None:
    """The row of a method on a table, failed ones included."""
    return next((row for row in results.rows if (row.work, row.who) == (table, method)), None)


def read_figure(results: Measured, table: str, method: str, name: str) -> float | None:
    """A figure of such a row; None if it is missing."""
    row = find_row(results, table, method)
    value = row.values.get(name) if row else None
    return float(value) if isinstance(value, int | float) else None


def read_r2(results: Measured, table: str, name: str) -> float | None:
    """R² of a member of our model, or of a model of another."""
    if name in MEMBERS:
        return read_figure(results, table, OURS, name)
    return read_figure(results, table, name, "R2")


def read_front(results: Measured, table: str, method: str) -> list[Point] | None:
    """All measured formulas; empty for a job that failed, None where there is no row, or the other failed."""
    row = find_row(results, table, method)
    if row is None or (row.failure and method != OURS):
        return None
    return [(nodes, r2) for nodes, r2 in json.loads(str(row.values.get("front", "[]")))]


def read_fronts(results: Measured) -> dict[str, tuple[Sequence[Point], Sequence[Point]]]:
    """Our front and Operon's for every table that has both."""
    fronts = {}
    for table in TABLES:
        ours, operon = (read_front(results, table.name, method) for method in (OURS, OPERON))
        if ours is not None and operon is not None:
            fronts[table.name] = ours, operon
    return fronts


def compare_with_operon(results: Measured) -> PairStatistics:
    """The pairs of all tables that both have a row of."""
    return compare_fronts(read_fronts(results).values())


def list_differences(results: Measured, model: str, rival: str) -> list[float]:
    """R² of one minus R² of another, for all tables that have both."""
    pairs = [(read_r2(results, table.name, model), read_r2(results, table.name, rival)) for table in TABLES]
    return [ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None]


def list_short_fronts(results: Measured) -> list[str]:
    """Tables on which our front has too few formulas, or there is none."""
    return [
        table.name
        for table in TABLES
        if find_row(results, table.name, OURS)
        and (read_figure(results, table.name, OURS, "points") or 0) < FEWEST_POINTS
    ]


def compute_near_share(results: Measured, model: str, rival: str) -> float:
    """Share of the tables on which one is near another, or above; NaN without both."""
    return share(gap >= -PairThresholds().near for gap in list_differences(results, model, rival))


def compute_median_loss(results: Measured, model: str, rival: str) -> float:
    """Median of the R² of another minus the R² of one; NaN without both."""
    gaps = list_differences(results, model, rival)
    return -median(gaps) if gaps else nan


def whole(figure: Callable[[Measured], float], methods: Sequence[str]) -> Callable[[Measured], float]:
    """The same figure, NaN until all tables have a row of all these methods."""
    return partial(_compute_if_complete, figure, methods)


def _compute_if_complete(
    figure: Callable[[Measured], float], methods: Sequence[str], results: Measured
) -> float:
    rows = [find_row(results, table.name, method) for table in TABLES for method in methods]
    is_complete = all(row and not (row.failure and row.who != OURS) for row in rows)
    return figure(results) if is_complete else nan
