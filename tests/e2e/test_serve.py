"""``kan-service serve`` as an operator runs it, and the command line as a scientist uses it."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.cli.support import connection
from service.client import Client
from service.client.limits import ClientLimits
from tests.support.servers import Serving, free_port, wait_until, whole_service

START_TIMEOUT_S = 90.0
JOB_TIMEOUT_S = 200.0


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with whole_service(tmp_path_factory.mktemp("serve"), KAN_LEASE_S="2") as serving:
        yield serving


@pytest.fixture
def client(serving: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serving.url, timeout=30) as client:
        yield client


@pytest.fixture
def kan(serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [*arguments, "--server", serving.url])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 400))
    path = tmp_path_factory.mktemp("table") / "law.csv"
    pl.DataFrame({"x1": x1, "x2": x2, "y": x1 + x2**2}).write_csv(path)
    return path


def test_api_and_worker_run_under_the_commands_of_an_operator(serving: Serving) -> None:
    assert set(children_by_name(serving)) == {"api", "worker"}
    assert {os.getpgid(pid) for pid in children_by_name(serving).values()} == {
        os.getpgid(serving.process.pid)
    }


def test_a_file_becomes_a_formula_and_predictions(kan: Any, table: Path, tmp_path: Path) -> None:
    trained = kan("train", str(table), "--target", "y", "--name", "law")
    assert trained.exit_code == 0, trained.output
    assert "formula:   y = x1 + x2**2\nverdict:   exact" in trained.stdout
    assert (tmp_path / "law.svg").read_text().startswith("<svg")
    assert kan("formula", "law").output == "x1 + x2**2\n"
    assert kan("formula", "law", "--format", "latex").output == "x_{1} + x_{2}^{2}\n"
    rows = tmp_path / "rows.csv"
    rows.write_text("x1,x2\n0.5,0.5\n-0.25,0\n")
    predictions = [float(line) for line in kan("predict", "law", str(rows)).output.split()]
    assert predictions == pytest.approx([0.75, -0.25], abs=1e-5)
    written = tmp_path / "with predictions.csv"
    before = len(kan("datasets").stdout.splitlines())
    assert kan("predict", "law", str(rows), "--out", str(written), "--interval", "0.9").exit_code == 0
    table = pl.read_csv(written)
    assert table.columns == ["x1", "x2", "y", "y_low", "y_high", "warning"]
    assert table["y"].to_list() == pytest.approx([0.75, -0.25], abs=1e-5)
    assert len(kan("datasets").stdout.splitlines()) == before
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"x1": 0.5, "x2": 0.5}\n')
    assert float(kan("predict", "law", str(rows)).output) == pytest.approx(0.75, abs=1e-5)


def test_a_table_becomes_a_formula_in_python(serving: Serving, table: Path) -> None:
    stages: list[str | None] = []
    with Client(serving.url) as kan:
        dataset = kan.upload(pl.read_csv(table), units={"x1": "m"})
        model = kan.train(dataset, "y", name="in python", progress=lambda now: stages.append(now.stage))
        assert kan.symbolic(model).exact
        assert kan.formula("in python") == "x1 + x2**2"
        assert kan.predict(model, {"x1": [0.5], "x2": [0.5]}).values == pytest.approx([0.75], abs=1e-5)
        assert kan.plot(model).startswith("<svg")
    assert model.lineage["dataset_sha256"] == dataset.sha256
    assert stages


def test_what_the_service_refuses_is_said_in_one_line(kan: Any, table: Path) -> None:
    refused = kan("train", str(table), "--target", "z")
    assert (refused.exit_code, "there is no column 'z'" in refused.output) == (1, True)
    unknown = kan("formula", "nothing")
    assert (unknown.exit_code, "Traceback" in unknown.output) == (1, False)


def test_a_service_that_is_not_there_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "Client", partial(Client, limits=ClientLimits(first_pause_s=0.001)))
    result = CliRunner().invoke(app, ["formula", "law", "--server", f"http://127.0.0.1:{free_port()}"])
    assert (result.exit_code, "cannot be reached" in result.output) == (1, True)


def test_without_a_server_the_command_asks_the_one_that_runs_over_the_folder(
    serving: Serving, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAN_DATA_DIR", str(serving.folder))
    with Client(serving.url) as kan:
        dataset = kan.upload(table, name="seen by both")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a service was started"))
    assert dataset.id in CliRunner().invoke(app, ["datasets"]).stdout


def test_without_any_server_the_command_starts_one_and_stops_it_again(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KAN_SHORT_JOBS", "off")  # or one process more would start
    before = children_of(os.getpid())
    result = CliRunner().invoke(app, ["train", str(table), "--target", "y", "--no-picture"])
    assert (result.exit_code, "formula:   y = x1 + x2**2" in result.output) == (0, True)
    assert children_of(os.getpid()) == before


@pytest.mark.thorough
@pytest.mark.parametrize("victim", ["the process that trains", "the worker"])
def test_a_real_job_survives_what_is_killed(
    serving: Serving, client: httpx.Client, table: Path, victim: str
) -> None:
    with table.open("rb") as content:
        dataset_id = client.post("/datasets", files={"file": ("law.csv", content)}).json()["id"]
    job_id = client.post("/jobs", json=long_job(dataset_id)).json()["id"]
    wait_until(lambda: stage_of(client, job_id) not in (None, "starting"), timeout_s=START_TIMEOUT_S)
    worker = children_by_name(serving)["worker"]
    os.kill(training_process(worker) if victim == "the process that trains" else worker, signal.SIGKILL)
    wait_until(
        lambda: client.get(f"/jobs/{job_id}").json()["finished_at"] is not None, timeout_s=JOB_TIMEOUT_S
    )
    job = client.get(f"/jobs/{job_id}").json()
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    events = client.get(f"/jobs/{job_id}/events", params={"limit": 200}).json()["items"]
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert [e["data"]["status"] for e in events if e["kind"] == "status"] == [
        "queued",
        "running",
        "queued",
        "running",
        "succeeded",
    ]
    models = [m for m in client.get("/models").json()["items"] if m["job_id"] == job_id]
    assert [m["id"] for m in models] == [job["model_id"]]


def test_a_signal_stops_everything_with_exit_code_zero(serving: Serving) -> None:
    children = list(children_by_name(serving).values())
    descendants = [*children, *(pid for child in children for pid in children_of(child))]
    serving.process.send_signal(signal.SIGINT)
    assert serving.process.wait(timeout=30) == 0
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in descendants))


def long_job(dataset_id: str) -> dict[str, Any]:
    """A real training of some seconds, whatever the machine."""
    training = {"optimizer": "adam", "steps": 500}
    network = {"hidden": [5], "grid": 5}
    stages = {"symbolic": False, "prune": False, "baselines": False}
    return {"dataset_id": dataset_id, "target": "y", "network": network, "training": training, **stages}


def stage_of(client: httpx.Client, job_id: str) -> str | None:
    stage: str | None = client.get(f"/jobs/{job_id}").json()["progress"]["stage"]
    return stage


def children_by_name(serving: Serving) -> dict[str, int]:
    """Pids of ``api`` and ``worker``."""
    return {command[-1]: pid for pid, command in commands_of(children_of(serving.process.pid))}


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def commands_of(pids: list[int]) -> list[tuple[int, list[str]]]:
    return [(pid, Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")) for pid in pids]


def training_process(worker: int) -> int:
    """The child that Celery started to train, not the one that looks after semaphores."""
    return next(
        pid
        for pid, command in commands_of(children_of(worker))
        if re.search("spawn_main|billiard.spawn", " ".join(command))
    )
