"""Sampled laws through HTTP, all defaults: which formulas come back exact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import sympy

from tests.benchmarks.plan import Options, Section, Task
from tests.benchmarks.rows import Values

FILE = "formulas.jsonl"
ROWS = 1000
MOST_VARIABLES = 3
MOST_LAWS = 20
JOB_S = 30

Variables = tuple[tuple[str, float, float], ...]  # name, lowest, highest


def tasks(options: Options) -> Iterator[Task]:
    for expression, variables in laws(options.path(FILE))[: 1 if options.quick else MOST_LAWS]:
        yield Task(work=expression, who="kan_engine", run=partial(found, expression, variables))


def laws(path: Path) -> list[tuple[str, Variables]]:
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        (entry["expression"], tuple((v["name"], v["low"], v["high"]) for v in entry["variables"]))
        for entry in entries
        if entry["kind"] == "symbolic" and entry["n_vars"] <= MOST_VARIABLES and not entry["duplicate_of"]
    ]


def found(expression: str, variables: Variables) -> Values:
    from tests.benchmarks.subjects import service

    with service.running() as client:
        dataset_id = service.upload(client, sampled(expression, variables))
        body = {"target": "target", "max_seconds": JOB_S}
        job, seconds = service.finished_job(client, dataset_id, body)
        symbolic = client.get(f"/models/{job['model_id']}/symbolic")
    if symbolic.is_error:
        return {"exact": "no", "formula": job["status"], "seconds": seconds}
    answer = symbolic.json()
    formula = answer["outputs"][0]["expression"]
    return {"exact": "yes" if answer["exact"] else "no", "formula": formula, "seconds": seconds}


def sampled(expression: str, variables: Variables) -> pl.DataFrame:
    """Rows of a law; the text comes from our own data, not from a client."""
    names = [name for name, _, _ in variables]
    symbols = sympy.symbols(names)
    law = sympy.lambdify(symbols, sympy.sympify(expression, dict(zip(names, symbols, strict=True))), "numpy")
    generator = np.random.default_rng(0)
    columns = {name: generator.uniform(low, high, ROWS) for name, low, high in variables}
    return pl.DataFrame(columns | {"target": law(*columns.values())})


SECTION = Section(
    name="laws",
    title="formulas of sampled laws",
    about=(
        f"The first {MOST_LAWS} laws of up to {MOST_VARIABLES} variables, {ROWS:,} rows each, through HTTP "
        f"with all defaults and at most {JOB_S} seconds. `exact`: on the hold-out rows the formula as "
        "printed is right to 1e-7 of the target's spread."
    ),
    tasks=tasks,
    needs=(FILE,),
    measures=("kan_engine", "service", "worker"),
)
