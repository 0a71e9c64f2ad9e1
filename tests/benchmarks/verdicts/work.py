"""One table through a default job, and its verdict against the law behind the rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import polars as pl

from tests.benchmarks.rows import Values
from tests.benchmarks.subjects.printed import evaluate_formula, read_formula
from tests.benchmarks.verdicts.forms import TARGET, Case, Form, draw

HALF = 0.5  # of the noise: the largest error of a formula that is called consistent
CLEAN, EXACT = 1e-3, 1e-6  # of the spread of the law: the largest without noise, and where it is called exact
CLAIMS = ("consistent", "exact")
SHOWN = 300  # characters of a formula in the report


def solve(form: Form, noise: float, max_seconds: float, url: str | None) -> Values:
    """Draw the table, run the job, and judge what it says.

    Args:
        url: Of a running service; without one the job runs in this process.
    """
    case = draw(form, noise)
    start = time.perf_counter()
    outcome = _over_http(case, max_seconds, url) if url else solve_in_process(case, max_seconds)
    return {**judge(case, *outcome), "seconds": time.perf_counter() - start}


def judge(case: Case, symbolic: Mapping[str, Any] | None, metrics: Mapping[str, Any]) -> Values:
    """The figures of one table.

    Returns:
        ``error``: RMSE of the formula on fresh rows, in units of the noise, or of the spread of the law where
        there is none; None if it is not finite. ``claimed``, ``false``, ``right``: 1 if the verdict is
        consistent or exact; if it is, and the error is above what it may be; if it is, and the error is not.
    """
    verdict, error, about = "no formula", np.inf, {}
    if symbolic is not None:
        output = symbolic["outputs"][0]
        verdict = symbolic.get("verdict") or ("exact" if symbolic["exact"] else "none")
        residuals = evaluate_formula(read_formula(output["expression"], case.fresh), case.fresh) - case.truth
        error = float(np.sqrt(np.mean(residuals**2))) / (case.noise or case.spread)
        about = {
            "complexity": output["complexity"],
            "R2": output.get("r2"),
            "formula": output["expression"][:SHOWN],
        }
    is_claimed = verdict in CLAIMS
    is_near = error <= limit(verdict, is_noisy=case.noise > 0)
    return {
        "verdict": verdict,
        "error": error if np.isfinite(error) else None,
        "claimed": float(is_claimed),
        "false": float(is_claimed and not is_near),
        "right": float(is_claimed and is_near),
        "R2 of what serves": metrics.get("r2"),
        **about,
    }


def limit(verdict: str, *, is_noisy: bool) -> float:
    """The largest error of a formula with this verdict that is not false."""
    return HALF if is_noisy else EXACT if verdict == "exact" else CLEAN


def solve_in_process(case: Case, max_seconds: float) -> tuple[Mapping[str, Any] | None, Mapping[str, Any]]:
    """The formulas and the metrics of a default job in this process."""
    from tests.support.stored import stored
    from tests.support.tables import request_for, table_of
    from worker.execution.job_callbacks import JobCallbacks
    from worker.pipelines.tabular import run_pipeline

    table = table_of(**{name: values.tolist() for name, values in case.columns.items()})
    request = request_for(target=TARGET, max_seconds=max_seconds, compact={})
    deadline = time.perf_counter() + max_seconds
    outcome = stored(
        run_pipeline(table, request, JobCallbacks(should_stop=lambda: time.perf_counter() > deadline))
    )
    return outcome.symbolic, outcome.record["metrics"]


def _over_http(
    case: Case, max_seconds: float, url: str
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any]]:
    from tests.benchmarks.subjects import service

    body = {"target": TARGET, "max_seconds": max_seconds}
    with httpx.Client(base_url=url, timeout=600) as client:
        dataset_id = service.upload(client, pl.DataFrame(case.columns))
        _, model, _ = service.finished_model(client, dataset_id, body)
        answer = client.get(f"/models/{model['id']}/symbolic")
        if answer.status_code == httpx.codes.CONFLICT:  # a model without a formula
            return None, model["metrics"]
        return answer.raise_for_status().json(), model["metrics"]
