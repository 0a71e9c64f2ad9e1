"""What clients compute themselves of what a job left: numbers that the service has no name for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.subjects import baselines
from tests.benchmarks.subjects.equations import problems, solved
from tests.benchmarks.subjects.service import probabilities
from tests.gallery.experiments import Experiment, Made
from tests.gallery.tables import FLIGHTS, LATE, Tables

RECALL = 0.2


def of(client: httpx.Client, each: Experiment, made: Made, tables: Tables) -> dict[str, Any]:
    """Of flights, the precision among those called late, the model's beside boosting's."""
    if each.body.get("dataset_id") != FLIGHTS or made.model is None:
        return {}
    table, split = tables.table(FLIGHTS), each.body["split"]
    table = table.select(*each.body.get("features", [name for name in table.columns if name != LATE]), LATE)
    how = {"fraction": split["test_fraction"], "seed": split["seed"]}
    rows = table[baselines.held_out(table.height, **how)]
    late = rows[LATE].to_numpy()
    ours = probabilities(client, made.model["id"], rows.drop(LATE), "1")
    x, x_test, y, _ = baselines.split(table, LATE, **how)
    boosting = baselines.MODELS["boosting 200"]().fit(x, y).predict_proba(x_test)[:, 1]
    return {
        "at_recall": {
            "kan": baselines.precision_at(RECALL, late, ours),
            "boosting": baselines.precision_at(RECALL, late, boosting),
            "boosting_at_threshold": baselines.precision_at(made.model["metrics"]["recall"], late, boosting),
        }
    }


def equations(client: httpx.Client, path: Path) -> dict[str, Any]:
    """Errors, seconds and formulas of the problems of a file."""
    found = {}
    for name, problem in problems(path).items():
        values = solved(client, problem)
        sys.stderr.write(f"{name}: {values['seconds']:.1f} s\n")
        found[name] = {key.replace(" ", "_"): value for key, value in values.items()}
    return found
