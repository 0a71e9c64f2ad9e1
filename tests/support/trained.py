"""Models that a running service trains for a test."""

from typing import Any

import httpx
import numpy as np

JOB_TIMEOUT_S = 60
SMALL: dict[str, Any] = {"network": {"hidden": [], "grid": 3}, "training": {"steps": 20}}


def trained(
    api: httpx.Client,
    columns: dict[str, Any],
    *,
    name: str = "table",
    units: dict[str, str] | None = None,
    **body: Any,
) -> str:
    """Id of the model of a new table.

    Args:
        body: What the job is asked for.
    """
    lists = {column: np.asarray(values).tolist() for column, values in columns.items()}
    dataset = api.post("/datasets", json={"name": name, "columns": lists, "units": units or {}}).json()
    return str(done(api, dataset_id=dataset["id"], name=name, **body)["model_id"])


def done(api: httpx.Client, **body: Any) -> dict[str, Any]:
    """A job that was asked for and has succeeded."""
    answer = api.post("/jobs", json=body)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = api.get(f"/jobs/{answer.json()['id']}", params={"wait": JOB_TIMEOUT_S}).json()
    assert job["status"] == "succeeded", job
    return job
