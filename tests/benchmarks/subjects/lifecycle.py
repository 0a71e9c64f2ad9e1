"""A service whose jobs are timed from the outside, on one machine and with PostgreSQL and Valkey."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import polars as pl

from tests.benchmarks.rows import Values
from tests.benchmarks.subjects.many_machines import many_machines
from tests.benchmarks.subjects.service import finished_job, running, upload

POLL_S = 0.02
LONG: dict[str, Any] = {
    "target": "y",
    "network": {"hidden": [5], "grid": 5},
    "training": {"optimizer": "adam", "steps": 200_000},
    "symbolic": False,
    "prune": False,
    "baselines": False,
}


def timed(mode: str, jobs: int) -> Values:
    """Medians, over jobs on an idle worker whose process is warm, of what a client waits for."""
    with running() if mode == "one machine" else many_machines() as client:
        x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 400))
        dataset_id = upload(client, pl.DataFrame({"x1": x1, "x2": x2, "y": x1 + x2**2}))
        short = {**LONG, "training": {"optimizer": "adam", "steps": 10}}
        finished_job(client, dataset_id, short)  # warms the process up
        figures = [_timed_job(client, dataset_id, number / jobs) for number in range(jobs)]
    return {name: float(np.median([figure[name] for figure in figures])) for name in figures[0]} | {
        "longest cancel s": max(figure["cancel s"] for figure in figures)
    }


def _timed_job(client: httpx.Client, dataset_id: str, cancel_after_s: float) -> dict[str, float]:
    job_id = client.post("/jobs", json={"dataset_id": dataset_id, **LONG}).raise_for_status().json()["id"]
    while not (times := _times(client, job_id)).get("train"):
        time.sleep(POLL_S)
    time.sleep(cancel_after_s)
    client.post(f"/jobs/{job_id}/cancel").raise_for_status()
    job = client.get(f"/jobs/{job_id}", params={"wait": 30}).raise_for_status().json()
    if job["status"] != "cancelled":
        raise RuntimeError(f"the job {job['status']}: {job['error']}")
    request_time, end_time = (
        datetime.fromisoformat(job[name]) for name in ("cancel_requested_at", "finished_at")
    )
    return {
        "claimed s": (times["claimed"] - times["submitted"]).total_seconds(),
        "training s": (times["train"] - times["submitted"]).total_seconds(),
        "cancel s": (end_time - request_time).total_seconds(),
    }


def _times(client: httpx.Client, job_id: str) -> dict[str, datetime]:
    """When the job was submitted, claimed, and at its training, by its own events."""
    events = client.get(f"/jobs/{job_id}/events", params={"limit": 50}).raise_for_status().json()["items"]
    names = {"queued": "submitted", "running": "claimed", "train": "train"}
    times: dict[str, datetime] = {}
    for event in events:
        name = names.get(event["data"].get("status") or event["data"].get("stage"))
        if name is not None:
            times.setdefault(name, datetime.fromisoformat(event["created_at"]))
    return times
