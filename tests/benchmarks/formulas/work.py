"""One line, through the same code as a job of the service, with nothing but its target."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from tests.benchmarks.formulas.judge import judge
from tests.benchmarks.formulas.lines import TARGET, Conditions, Line, draw
from tests.benchmarks.rows import Values
from tests.support.stored import stored
from tests.support.tables import request_for, table_of
from worker.pipelines.tabular import run_pipeline


def solve(line: Line, conditions: Conditions, max_seconds: float) -> Values:
    """Sample the line, find its formula, and compare."""
    drawn = draw(line, conditions)
    table = table_of(**drawn.table.to_dict(as_series=False))
    told = {"units": conditions.units} if conditions.units else {}
    if told:
        table = replace(table, units={name: line.units[name] for name in (*line.names, TARGET)})
    request = request_for(target=TARGET, max_seconds=max_seconds, seed=conditions.seed, compact={}, **told)
    started = time.perf_counter()
    with _networks_alone() if conditions.networks else nullcontext():
        outcome = stored(
            run_pipeline(table, request, should_stop=lambda: time.perf_counter() > started + max_seconds)
        )
    seconds = time.perf_counter() - started
    return {
        **judge(line, drawn, outcome.symbolic),
        "seconds": seconds,
        "cut by": outcome.cut_by,
        "formula of": outcome.record.get("formula_of"),
        "adds up": _adds_up(outcome.symbolic),
        "network": str(outcome.record["network"]["width"]),
    }


def _adds_up(symbolic: Mapping[str, Any] | None) -> float | None:
    """Whether the units of the best formula do; None where there is nothing to say."""
    status = symbolic["outputs"][0].get("unit_status") if symbolic else None
    return float(status == "adds_up") if status else None


@contextmanager
def _networks_alone() -> Iterator[None]:
    """Without the stages that find laws beside the networks."""
    one = ("find_reduction", "find_power_product_law", "find_rational_law", "find_quadratic_law")
    many = ("find_power_factors", "enumerate_formulas")
    none = {name: lambda *_, **__: None for name in one} | {name: lambda *_, **__: [] for name in many}
    with patch.multiple("kan_engine.search.laws.law_search", **none):
        yield
