"""Sampled laws through HTTP, all defaults: how many formulas come back exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sympy

from tests.benchmarks.conftest import Report, finished_job

pytestmark = pytest.mark.benchmark

ROWS = 1000
MOST_VARIABLES = 3
MOST_LAWS = 20
JOB_S = 30
IN_THE_PACKAGE = [
    ("exp(sin(pi*x1) + x2**2)", [("x1", -1, 1), ("x2", -1, 1)]),
    ("exp(-x2**2 + sin(x1))", [("x1", -1, 1), ("x2", -1, 1)]),
    ("q/(4*pi*e*r**2)", [("q", 1, 5), ("e", 1, 5), ("r", 1, 5)]),
    ("k*x**2/2", [("k", 1, 5), ("x", 1, 5)]),
    ("log(x1) + 3*x2", [("x1", 1, 9), ("x2", -1, 1)]),
]


def test_sampled_laws(service: httpx.Client, report: Report, data: Path | None) -> None:
    laws = _laws(data)
    rows = [_found(service, expression, variables) for expression, variables in laws]
    exact = sum(row[1] == "yes" for row in rows)
    where = f"the first in {data}" if data else "those of this file"
    title = f"{exact} of {len(rows)} laws exact ({where}; at most {JOB_S} s each)"
    report(title, ["law", "exact", "formula", "seconds"], rows)


def _laws(data: Path | None) -> list[tuple[str, list[tuple[str, float, float]]]]:
    if data is None:
        return IN_THE_PACKAGE
    entries = [json.loads(line) for line in (data / "formulas.jsonl").read_text().splitlines()]
    small = [
        entry
        for entry in entries
        if entry["kind"] == "symbolic" and entry["n_vars"] <= MOST_VARIABLES and not entry["duplicate_of"]
    ]
    return [
        (entry["expression"], [(v["name"], v["low"], v["high"]) for v in entry["variables"]])
        for entry in small[:MOST_LAWS]
    ]


def _found(service: httpx.Client, expression: str, variables: list[tuple[str, float, float]]) -> list[object]:
    body = {"columns": _sampled(expression, variables)}
    dataset = service.post("/datasets", json=body).raise_for_status().json()
    request = {"dataset_id": dataset["id"], "target": "target", "max_seconds": JOB_S}
    job, seconds = finished_job(service, request)
    symbolic = service.get(f"/models/{job['model_id']}/symbolic")
    if symbolic.is_error:
        return [expression, "no", job["status"], f"{seconds:.1f}"]
    answer: dict[str, Any] = symbolic.json()
    formula = answer["outputs"][0]["expression"]
    return [expression, "yes" if answer["exact"] else "no", formula, f"{seconds:.1f}"]


def _sampled(expression: str, variables: list[tuple[str, float, float]]) -> dict[str, list[float]]:
    """Rows of a law; the text comes from our own data, not from a client."""
    names = [name for name, _, _ in variables]
    symbols = sympy.symbols(names)
    law = sympy.lambdify(symbols, sympy.sympify(expression, dict(zip(names, symbols, strict=True))), "numpy")
    generator = np.random.default_rng(0)
    columns = {name: generator.uniform(low, high, ROWS) for name, low, high in variables}
    values = law(*columns.values())
    return {name: column.tolist() for name, column in columns.items()} | {"target": values.tolist()}
