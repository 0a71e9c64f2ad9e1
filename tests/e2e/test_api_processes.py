"""Several processes of the API on one port, over one SQLite database."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.db.migrate import upgrade
from service.settings import Settings
from tests.support.servers import free_port, wait_until

START_S = 60.0


# Of a slow import in every process that uvicorn starts: more than uvicorn's own patience of 5 s.
SLOW_S = 7
SLOW_IMPORT = f"""
import sys, time
class Slow:
    def find_spec(self, name, *_):
        if name == "fastapi" and "spawn_main" in " ".join(sys.orig_argv):
            time.sleep({SLOW_S})
sys.meta_path.insert(0, Slow())
"""


@dataclass
class Api:
    """An API of several processes, and all of them that there were until it answered."""

    process: subprocess.Popen[bytes]
    url: str
    seen: set[int]


@pytest.fixture
def api(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Api]:
    """Two processes; their imports are slow if the parameter says so."""
    upgrade(settings)
    port, folders = free_port(), [str(Path.cwd())]
    if getattr(request, "param", None) == "slow":
        (settings.data_dir / "sitecustomize.py").write_text(SLOW_IMPORT)
        folders.insert(0, str(settings.data_dir))
    environment = os.environ | {
        "KAN_DATA_DIR": str(settings.data_dir),
        "KAN_DATABASE_URL": settings.database_url,
        "PYTHONPATH": os.pathsep.join(folders),
    }
    command = [sys.executable, "-m", "service.cli", "api", "--port", str(port), "--processes", "2"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            seen = set[int]()

            def is_ready() -> bool:
                running = servers(process.pid)
                seen.update(running)
                return len(running) == 2 and is_up(port)

            wait_until(is_ready, lambda: None, START_S)
            yield Api(process, f"http://127.0.0.1:{port}", seen)
        finally:
            process.kill()


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_processes_share_port_database_and_metrics_and_none_outlives_the_first(
    api: Api,
) -> None:
    process, url = api.process, api.url

    def upload(number: int) -> int:
        return httpx.post(
            f"{url}/datasets", json={"name": str(number), "columns": {"x": [number, 2]}}
        ).status_code

    with ThreadPoolExecutor(8) as clients:
        assert set(clients.map(upload, range(24))) == {201}
    assert 'route="/datasets",status="2xx"} 24.0' in httpx.get(f"{url}/metrics").text

    first, second = servers(process.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(
        lambda: len(set(servers(process.pid)) - {first, second}) == 1, lambda: None, START_S
    )  # it is replaced
    assert len(httpx.get(f"{url}/datasets").json()["items"]) == 24

    running = servers(process.pid)
    process.kill()
    wait_until(lambda: not any(map(is_running, running)), lambda: None, START_S)


@pytest.mark.parametrize("api", ["slow"], indirect=True)
def test_a_process_that_imports_for_long_is_left_alone(api: Api) -> None:
    assert sorted(servers(api.process.pid)) == sorted(api.seen)


def servers(parent: int) -> list[int]:
    """The processes that answer requests."""
    return [child for child in list_children(parent) if is_running(child)]


def list_children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def is_running(process: int) -> bool:
    with suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live").is_success
    except httpx.TransportError:
        return False
