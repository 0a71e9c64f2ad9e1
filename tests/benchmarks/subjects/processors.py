"""One job in a process whose kernel of OpenBLAS its environment names; its model as a line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import sympy
import threadpoolctl

from tests.benchmarks.formulas.lines import TARGET, Line, read
from tests.benchmarks.rows import Values
from tests.support.stored import StoredOutcome, stored
from tests.support.tables import request_for, table_of
from worker.pipelines.tabular import run_pipeline


def main() -> None:
    """Run the job of the command line."""
    job = json.loads(sys.argv[1])
    columns = draw_law(job) if "id" in job else draw_table(job)
    *_, target = columns
    request = request_for(target=target, max_seconds=job["seconds"], compact={})
    outcome = run_pipeline(table_of(**columns), request)
    sys.stdout.write(json.dumps(describe(stored(outcome))) + "\n")


def draw_law(job: Mapping[str, Any]) -> dict[str, list[float]]:
    """Rows of a law, with noise."""
    from tests.benchmarks.sections.processors import ROWS

    line: Line = next(line for line in read(Path(job["file"])) if line.id == job["id"])
    generator = np.random.default_rng(0)
    columns = {variable.name: variable.draw(ROWS, generator) for variable in line.inputs}
    symbols = [sympy.Symbol(name, real=True) for name in columns]
    truth = np.asarray(sympy.lambdify(symbols, line.tree)(*columns.values()), dtype=float) * np.ones(ROWS)
    columns[TARGET] = truth + job["noise"] * np.std(truth) * generator.standard_normal(ROWS)
    return {name: values.tolist() for name, values in columns.items()}


def draw_table(job: Mapping[str, Any]) -> dict[str, list[float]]:
    """A sample of a table, whose last column is the target."""
    from tests.benchmarks.sections.processors import ROWS

    table = pl.read_csv(job["table"])
    return table.sample(min(ROWS, len(table)), seed=job["seed"]).to_dict(as_series=False)


def describe(outcome: StoredOutcome) -> Values:
    """The structure of the formula, its constants with their errors, and the member that answers."""
    output = (outcome.symbolic or {}).get("outputs", [None])[0]
    members = outcome.record["members"]
    serving = [name for name in members if (members[name] or {}).get("serves")]
    constants = [] if output is None else [(c["value"], c["standard_error"]) for c in output["constants"]]
    return {
        "kernel": next(
            library["architecture"]
            for library in threadpoolctl.threadpool_info()
            if "architecture" in library
        ),
        "formula": "" if output is None else output["expression"],
        "structure": "" if output is None else json.dumps(remove_constants(output["tree"])),
        "constants": json.dumps(constants),
        "member": ", ".join(serving) or "accurate",
        "cut": outcome.cut_by,
    }


def remove_constants(tree: Any) -> Any:
    """The tree without the values of its measured numbers."""
    if isinstance(tree, list):
        return [remove_constants(part) for part in tree]
    if isinstance(tree, dict):
        is_measured = "." in str(tree.get("number", ""))
        return {"number": ""} if is_measured else {key: remove_constants(part) for key, part in tree.items()}
    return tree


if __name__ == "__main__":
    main()
