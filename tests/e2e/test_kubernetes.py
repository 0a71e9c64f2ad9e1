"""The pods of service/kubernetes, each container run by its own command and settings against real servers.

There is no cluster here: a container is a process of this machine, in whose environment only the addresses
differ.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.containers.compose import ROOT
from tests.support.containers.kubernetes import Manifest, list_pods, read_environment
from tests.support.servers import free_port, wait_until

OVERLAY = "example"
SECRETS = "/run/secrets/kan"


class Pods:
    """The processes of the pods, with one folder each."""

    def __init__(self, folder: Path, database_url: str, broker_url: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "database_url").write_text(database_url)
        (folder / "broker_url").write_text(broker_url)

    def start(self, name: str, kind: str = "containers") -> subprocess.Popen[bytes]:
        """Start the first container of a pod."""
        container = list_pods(OVERLAY)[name]["spec"][kind][0]
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._command(container["command"]),
                env=self._environment(container),
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def execute(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a pod, as ``kubectl exec`` does."""
        container = list_pods(OVERLAY)[name]["spec"]["containers"][0]
        return subprocess.run(
            self._command(list(command)),
            env=self._environment(container),
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def probe(self, kind: str) -> bool:
        """Whether the API answers a probe as the kubelet sends it."""
        probe = list_pods(OVERLAY)["kan-api"]["spec"]["containers"][0][f"{kind}Probe"]["httpGet"]
        headers = {header["name"]: header["value"] for header in probe["httpHeaders"]}
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{probe['path']}", headers=headers).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=30)

    def _command(self, command: list[str]) -> list[str]:
        here = {"kan-service": [sys.executable, "-m", "service.cli"], "python": [sys.executable]}
        return [*here[command[0]], *command[1:]]

    def _environment(self, container: Manifest) -> dict[str, str]:
        given = {
            name: value.replace(SECRETS, str(self._folder))
            for name, value in read_environment(OVERLAY, container).items()
        }
        if "KAN_PORT" in given:
            given["KAN_PORT"] = str(self.port)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("KAN_")}
        folder = {"KAN_DATA_DIR": str(self._folder / "data"), "PYTHONPATH": str(ROOT)}
        return inherited | folder | given


@pytest.fixture
def pods(tmp_path: Path, empty_postgres_url: str, redis_url: str) -> Iterator[Pods]:
    pods = Pods(tmp_path, empty_postgres_url, redis_url)
    yield pods
    pods.stop()


@pytest.mark.thorough
def test_pods_start_in_any_order_and_become_ready(pods: Pods) -> None:
    first = [pods.start("kan-api", "initContainers"), pods.start("kan-worker", "initContainers")]
    assert pods.start("kan-migrate").wait(timeout=60) == 0
    assert [process.wait(timeout=60) for process in first] == [0, 0]

    pods.start("kan-worker")
    worker = list_pods(OVERLAY)["kan-worker"]["spec"]["containers"][0]["readinessProbe"]["exec"]["command"]
    wait_until(lambda: pods.execute("kan-worker", *worker).returncode == 0, timeout_s=60)
    key = pods.execute("kan-worker", "kan-service", "keys", "create", "prometheus", "--scope", "admin")

    pods.start("kan-api")
    wait_until(lambda: pods.probe("readiness"), timeout_s=60)
    assert pods.probe("liveness")
    metrics = httpx.get(
        f"http://127.0.0.1:{pods.port}/metrics", headers={"Authorization": f"Bearer {key.stdout.strip()}"}
    )
    assert "kan_worker_slots 2.0" in metrics.text
