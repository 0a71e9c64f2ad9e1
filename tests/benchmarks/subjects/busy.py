"""Predictions at half of what the service can do, while nothing else happens and beside jobs of clients."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import httpx
import numpy as np
import polars as pl

from tests.benchmarks.rows import Values
from tests.benchmarks.subjects.service import finished_job, running, upload

CLIENTS = 8
BRIEF: dict[str, Any] = {
    "target": "y",
    "network": {"hidden": [2], "grid": 3},
    "training": {"optimizer": "levenberg_marquardt", "steps": 5, "restarts": 1},
    "symbolic": False,
    "prune": False,
    "baselines": False,
}
ROW = json.dumps({"model": "law", "rows": [{"x1": 0.1, "x2": 0.2}]}).encode()


def timed(jobs: int, seconds: float) -> Values:
    """99th percentiles of the latency at half of the capacity, idle and beside jobs of eight clients."""
    with running() as client:
        x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 200))
        dataset_id = upload(client, pl.DataFrame({"x1": x1, "x2": x2, "y": x1 * x2}))
        finished_job(client, dataset_id, {**BRIEF, "name": "law"})
        port = client.base_url.port or 80
        capacity = len(_asked(port, seconds)) / seconds
        rate = capacity / 2
        idle = _asked(port, seconds, rate)
        end_event = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            busy = pool.submit(_asked, port, 600.0, rate, end_event.is_set)
            since = time.monotonic()
            ends = _work(client, dataset_id, jobs)
            took = time.monotonic() - since
            end_event.set()
            beside = busy.result()
    quantiles = [statistics.quantiles(latencies, n=100)[-1] for latencies in (idle, beside)]
    return {
        "requests/s at capacity": capacity,
        "idle p99 ms": 1e3 * quantiles[0],
        "busy p99 ms": 1e3 * quantiles[1],
        "busy over idle p99": quantiles[1] / quantiles[0],
        "jobs that did not succeed": sum(end != "succeeded" for end in ends),
        "jobs s": took,
    }


def _work(client: httpx.Client, dataset_id: str, jobs: int) -> list[str]:
    """Statuses in which so many jobs ended, of eight clients that submit all of theirs and then wait."""

    def submit(count: int) -> list[str]:
        with httpx.Client(base_url=client.base_url, timeout=60) as session:
            ids = [
                session.post("/jobs", json={"dataset_id": dataset_id, **BRIEF})
                .raise_for_status()
                .json()["id"]
                for _ in range(count)
            ]
            return [_end(session, job_id) for job_id in ids]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [end for ends in pool.map(submit, [jobs // CLIENTS] * CLIENTS) for end in ends]


def _end(client: httpx.Client, job_id: str) -> str:
    while True:
        job = client.get(f"/jobs/{job_id}", params={"wait": 20}).raise_for_status().json()
        if job["finished_at"]:
            return str(job["status"])


def _asked(
    port: int, seconds: float, rate: float | None = None, is_over: Callable[[], bool] = lambda: False
) -> list[float]:
    """Seconds that each answer took, asked as fast as they come, or about so many times a second."""
    until = time.perf_counter() + seconds

    def ask(number: int) -> list[float]:
        connection, latencies = HTTPConnection("127.0.0.1", port), list[float]()
        pause = 0.0 if rate is None else CLIENTS / rate
        due = time.perf_counter() + number * pause / CLIENTS
        while time.perf_counter() < until and not is_over():
            time.sleep(max(0.0, due - time.perf_counter()))
            due += pause
            start = time.perf_counter()
            connection.request("POST", "/predict", ROW, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the server answered {answer.status}: {content[:200]!r}")
            latencies.append(time.perf_counter() - start)
        return latencies

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [latency for latencies in pool.map(ask, range(CLIENTS)) for latency in latencies]
