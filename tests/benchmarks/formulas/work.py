"""One line, through the same code as a job of the service, with nothing but its target."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kan_engine.formulas.reductions.strategies import DimensionlessGroups, PowerFactors, VariableGroups
from kan_engine.formulas.schedule import OF_ANGLES, OF_COLUMNS, SCANS
from kan_engine.formulas.strategies.enumeration.strategy import Enumeration
from kan_engine.formulas.strategies.scans.power_sums import PowerSums
from tests.benchmarks.formulas.judge import judge
from tests.benchmarks.formulas.lines import TARGET, Conditions, Line, draw
from tests.benchmarks.rows import Values
from tests.support.stored import stored
from tests.support.tables import request_for, table_of
from worker.execution.job_callbacks import JobCallbacks
from worker.execution.search_recorder import SearchRecorder
from worker.pipelines.tabular import run_pipeline

# Strategies that find laws without a network
BESIDE_NETWORKS = frozenset(
    {
        *(each.name for each in (*OF_COLUMNS, *OF_ANGLES, *SCANS)),
        *(each.name for each in (Enumeration, PowerSums, VariableGroups, DimensionlessGroups, PowerFactors)),
    }
)


def solve(
    line: Line,
    conditions: Conditions,
    max_seconds: float,
    without: frozenset[str] = frozenset(),
    recorder: SearchRecorder | None = None,
) -> Values:
    """Sample the line, find its formula, perhaps without some strategies, and compare."""
    sample = draw(line, conditions)
    table = table_of(**sample.table.to_dict(as_series=False))
    options = {"units": conditions.units} if conditions.units else {}
    if options:
        table = replace(table, units={name: line.units[name] for name in (*line.names, TARGET)})
    request = request_for(target=TARGET, max_seconds=max_seconds, seed=conditions.seed, compact={}, **options)
    start = time.perf_counter()
    outcome = stored(
        run_pipeline(
            table,
            request,
            JobCallbacks(
                recorder=recorder or SearchRecorder(),
                should_stop=lambda: time.perf_counter() > start + max_seconds,
            ),
            without=without | (BESIDE_NETWORKS if conditions.networks else frozenset()),
        )
    )
    seconds = time.perf_counter() - start
    return {
        **judge(line, sample, outcome.symbolic),
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
