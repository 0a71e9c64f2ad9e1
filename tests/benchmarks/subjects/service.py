"""Our service over HTTP, as a client sees it: a table goes up, a job runs, a model comes back."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl

from service.cli.support.embedded_service import run_embedded_service
from service.documents.training_plan import TrainingPlan
from service.ingest.column_report import RawTable, check_and_describe
from service.ingest.limits import DEFAULT_INGEST
from service.operations.jobs.cost_estimate import Cost, estimate_cost
from service.operations.jobs.limits import DEFAULT_COSTS
from service.schemas.training import TrainRequest
from tests.benchmarks.rows import Values

POLL_S = 0.1


@contextmanager
def running() -> Iterator[httpx.Client]:
    """A client of a service over a fresh folder, as it comes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "log").open("wb") as log,
        run_embedded_service({**os.environ, "KAN_DATA_DIR": folder}, log) as (url, _),
        httpx.Client(base_url=url, timeout=600) as client,
    ):
        yield client


def trained(
    table: pl.DataFrame,
    body: Mapping[str, Any],
    metrics: Mapping[str, str],
    beside: Callable[[httpx.Client, str], Values] = lambda *_: {},
) -> Values:
    """Train on a table.

    Args:
        body: The job, without its dataset.
        metrics: Which metrics of the hold-out rows to report, by the name that the report gives them.
        beside: Further figures, of the service and the id of the model.

    Returns:
        The metrics; seconds from the submission to the end of the job, of its training stage alone, and of
        this while it reported networks in training (not compact ones, which follow); the network that was
        chosen, and the stage that the time limit cut.
    """
    stages: list[str | None] = []
    with running() as client:
        job, model, seconds = finished_model(client, upload(client, table), body, stages.append)
        further = beside(client, model["id"])
    return {
        **{label: model["metrics"].get(name) for label, name in metrics.items()},
        **further,
        "seconds": seconds,
        "training s": model["timings"]["train"],
        "network s": seconds * stages.count("train") / len(stages),
        "network": f"{model['network']['width']}, G = {model['network']['grid']}",
        "cut by": job["cut_by"],
    }


def estimated(table: pl.DataFrame, body: Mapping[str, Any]) -> Cost:
    """What a job on this table is admitted by."""
    reports = {
        report.name: report for report in check_and_describe(RawTable(table), limits=DEFAULT_INGEST).columns
    }
    request = TrainRequest.model_validate({"dataset_id": "d", **body})
    return estimate_cost(TrainingPlan(request, reports, table.height), costs=DEFAULT_COSTS)


def upload(client: httpx.Client, table: pl.DataFrame) -> str:
    """Id of the dataset; the file is sent in pieces, so that its size does not count as our memory."""
    with tempfile.TemporaryFile() as file:
        table.write_parquet(file)
        file.seek(0)
        return str(checked(client.post("/datasets", files={"file": ("table.parquet", file)}))["id"])


def probabilities(client: httpx.Client, model: str, rows: pl.DataFrame, label: str) -> np.ndarray:
    """The probability of a class for every row."""
    body = {"columns": rows.to_dict(as_series=False)}
    answer = checked(client.post(f"/models/{model}/predict", json=body))
    return np.array([entry[label] for entry in answer["probabilities"]])


def hold_out(table: pl.DataFrame, is_held: np.ndarray) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The table with a column that names the hold-out rows, and the split of a job by that column."""
    marks = pl.Series("part", np.where(is_held, "held out", "learnt"))
    return table.with_columns(marks), {"kind": "column", "column": marks.name, "test": ["held out"]}


def finished_model(
    client: httpx.Client,
    dataset_id: str | None,
    body: Mapping[str, Any],
    on_stage: Callable[[str | None], None] = lambda _: None,
) -> tuple[dict[str, Any], dict[str, Any], float]:
    """The job, its model, and the seconds to its end; see ``finished_job``.

    Raises:
        RuntimeError: The job has not succeeded.
    """
    job, seconds = finished_job(client, dataset_id, body, on_stage)
    if job["status"] != "succeeded":
        raise RuntimeError(f"the job {job['status']}: {job['error']}")
    return job, checked(client.get(f"/models/{job['model_id']}")), seconds


def finished_job(
    client: httpx.Client,
    dataset_id: str | None,
    body: Mapping[str, Any],
    on_stage: Callable[[str | None], None] = lambda _: None,
) -> tuple[dict[str, Any], float]:
    """Submit a job and wait for its end; the job, and the seconds that took.

    Args:
        dataset_id: None for a job that needs no dataset.
        on_stage: Called with the stage of the job at equal intervals.
    """
    start = time.perf_counter()
    about = {} if dataset_id is None else {"dataset_id": dataset_id}
    job = checked(client.post("/jobs", json={**about, **body}))
    while job["finished_at"] is None:
        time.sleep(POLL_S)
        job = checked(client.get(f"/jobs/{job['id']}"))
        on_stage(job["progress"]["stage"])
    return job, time.perf_counter() - start


def checked(response: httpx.Response) -> dict[str, Any]:
    """The answer; a refusal with what it says."""
    if response.is_error:
        raise RuntimeError(f"{response.status_code}: {response.text[:300]}")
    return dict(response.json())
