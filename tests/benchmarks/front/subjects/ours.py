"""A job with the defaults over HTTP: all formulas of its front, and the members of its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import polars as pl

from tests.benchmarks.front.subjects.formulas import measure_printed, summarize_front
from tests.benchmarks.front.subjects.split import mark_held_out
from tests.benchmarks.rows import Values
from tests.benchmarks.subjects import service

MEMBERS = ("accurate", "compact", "formula")


def measure_ours(path: Path, target: str, max_seconds: float) -> Values:
    """Train on the rows that are not held out; measure on the others.

    The hold-out rows are named by a column of the table, which is no feature. The service reads them once,
    after all choices, for the metrics of the members.
    """
    table = pl.read_csv(path)
    is_held = mark_held_out(table.height)
    marked, split = service.hold_out(table, is_held)
    body = {"target": target, "split": split, "max_seconds": max_seconds}
    with service.running() as client:
        job, model, seconds = service.finished_model(client, service.upload(client, marked), body)
        output = _read_output(client, job["model_id"])
    return {
        **measure_formulas(output, table.filter(is_held), target),
        **_describe_members(model["members"]),
        "seconds": seconds,
        "cut by": job["cut_by"],
    }


def _read_output(client: httpx.Client, model_id: str) -> Mapping[str, Any] | None:
    """The formulas of the target; None for a model without one."""
    answer = client.get(f"/models/{model_id}/symbolic")
    if answer.status_code == httpx.codes.CONFLICT:
        return None
    return dict(answer.raise_for_status().json()["outputs"][0])


def measure_formulas(output: Mapping[str, Any] | None, hold_out: pl.DataFrame, target: str) -> Values:
    """Size and hold-out R² of all formulas of a target."""
    if output is None:
        return summarize_front([])
    symbols = {column: name for name, column in output["symbols"].items()}
    names = {name: symbols.get(name, name) for name in hold_out.columns if name != target}
    columns = {symbol: hold_out[name].to_numpy().astype(float) for name, symbol in names.items()}
    expressions = dict.fromkeys([*(entry["expression"] for entry in output["pareto"]), output["expression"]])
    y = hold_out[target].to_numpy().astype(float)
    return summarize_front(measure_printed(expression, columns, y) for expression in expressions)


def _describe_members(members: Mapping[str, Any]) -> Values:
    """R² of the members that the model has, edges of its networks, nodes of its formula."""
    figures: Values = {}
    for name in MEMBERS:
        if member := members.get(name):
            figures[name] = member["metrics"].get("r2")
            if network := member.get("network"):
                figures[f"edges of {name}"] = network["edges"]
    return figures
