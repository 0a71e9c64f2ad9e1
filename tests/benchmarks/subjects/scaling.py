"""Work of one client that several workers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import polars as pl

from tests.benchmarks.rows import Values
from tests.benchmarks.subjects.many_machines import many_machines
from tests.benchmarks.subjects.service import finished_job, upload

SEARCH = "training without a law"
ASKED: dict[str, Any] = {"target": "y", "symbolic": False, "baselines": False, "prune": False}
NETWORK = {"network": {"hidden": [8], "grid": 5}}
WORKS: Mapping[str, dict[str, Any]] = {
    "study of 8 trainings": ASKED
    | NETWORK
    | {"kind": "study", "training": {"optimizer": "adam", "steps": 1000}, "vary": {"seed": list(range(8))}},
    "study of 40 brief trainings": ASKED
    | NETWORK
    | {"kind": "study", "training": {"optimizer": "adam", "steps": 1}, "vary": {"seed": list(range(40))}},
    SEARCH: {"target": "y", "baselines": False, "max_seconds": 300},
}


def timed(work: str, workers: int) -> Values:
    """Seconds from the submission to the end, on workers whose processes are warm."""
    with many_machines(workers) as client:
        dataset_id = upload(client, _table(work))
        warm_up = ASKED | NETWORK | {"training": {"optimizer": "adam", "steps": 30}}
        finished_job(
            client, dataset_id, warm_up | {"kind": "study", "vary": {"seed": list(range(4 * workers))}}
        )
        job, seconds = finished_job(client, dataset_id, WORKS[work])
        if job["status"] != "succeeded":
            raise RuntimeError(f"the job {job['status']}: {job['error']}")
        return {"workers": workers, "seconds": seconds, "cut by": job["cut_by"], **_result(client, job)}


def _result(client: httpx.Client, job: dict[str, Any]) -> Values:
    """What tells whether several workers give what one gives."""
    if job["model_id"] is None:
        return {}
    model = client.get(f"/models/{job['model_id']}").raise_for_status().json()
    return {"rmse": model["metrics"]["rmse"]}


def _table(work: str) -> pl.DataFrame:
    """Inputs, and a target that no small law explains; for a long search it has many bends and more rows."""
    rng = np.random.default_rng(0)
    if work != SEARCH:
        x = rng.uniform(-1, 1, (6, 400))
        y = np.sin(3 * x[0] * x[1]) + np.abs(x[2] + x[3]) * x[4] + rng.normal(0, 0.3, 400)
    else:
        x = rng.uniform(-1, 1, (8, 800))
        bends = np.abs(x[2] + x[3] * x[4]) + np.sign(x[5]) * x[6] ** 2 + np.maximum(x[7], x[0] * x[2])
        y = np.sin(5 * x[0] * x[1]) + bends + rng.normal(0, 0.1, 800)
    return pl.DataFrame({**{f"x{place}": values for place, values in enumerate(x)}, "y": y})
