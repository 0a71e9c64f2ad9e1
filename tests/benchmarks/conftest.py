"""What benchmarks share: data, a running service, and tables for people to read."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.cli_client import embedded_service

JOB_WITHIN_S = 600

Report = Callable[[str, Sequence[str], Sequence[Sequence[object]]], None]


@pytest.fixture(scope="session")
def data() -> Path | None:
    """The folder that ``DATA`` names; without it, benchmarks use what ships with the package."""
    return Path(folder) if (folder := os.environ.get("DATA")) else None


@pytest.fixture(scope="session")
def examples() -> Path:
    """Data that ship with the package."""
    return Path(str(files("service") / "examples"))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A running service over a fresh folder."""
    folder = tmp_path_factory.mktemp("service")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KAN_")}
    with (
        (folder / "log").open("wb") as log,
        embedded_service(environment | {"KAN_DATA_DIR": str(folder)}, log) as url,
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        yield client


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Print a table, whatever pytest does with output."""

    def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        with capsys.disabled():
            lines = ("| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows))
            sys.stdout.write("\n".join(["", "", title, "", *lines, ""]))

    return print_table


def finished_job(service: httpx.Client, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Submit a job, wait for its end; the job, and the seconds from submission to end."""
    started = time.monotonic()
    job = service.post("/jobs", json=body).raise_for_status().json()
    while job["finished_at"] is None:
        assert time.monotonic() < started + JOB_WITHIN_S, f"job {job['id']} does not end"
        time.sleep(0.1)
        job = service.get(f"/jobs/{job['id']}").raise_for_status().json()
    return job, time.monotonic() - started
