"""All processes of a service as an operator runs them, each of which can be killed and started again."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from service.db.migrate import upgrade
from service.db.session import make_engine, make_sessions
from service.settings import Settings
from tests.faults.workers import START_TIMEOUT_S, Workers
from tests.support.servers import PostgresServer, Server, ValkeyServer, free_port, wait_until

ONE_MACHINE, MANY_MACHINES = "one machine", "many machines"
IDLE = "idle child"
VICTIMS = {
    ONE_MACHINE: ("child", IDLE, "worker", "api"),
    MANY_MACHINES: ("child", IDLE, "worker", "api", "broker", "database"),
}
IDLE_S, STARTED_TICKS = 0.5, 50  # a process that has imported its tasks has taken longer
START_AGAIN_S = 20.0  # a killed PostgreSQL may still have processes that are on their way out


class Deployment:
    """API and workers, and on many machines a broker and a database that nobody else uses."""

    def __init__(self, workers: Workers, servers: dict[str, Server]) -> None:
        self.workers = workers
        self._servers = servers
        self._port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self._port}"

    def start(self, name: str, **variables: str) -> None:
        """Start an API, a broker or a database, or a worker, whose name may be any other."""
        if name in self._servers:
            _start_again(self._servers[name])
        elif name == "api":
            self._processes[name] = self.workers.run("service.cli", "api", "--port", str(self._port))
        else:
            self._processes[name] = self.workers.start(machine=name, **variables)

    def kill(self, name: str) -> None:
        """As when its machine loses power."""
        if name in self._servers:
            self._servers[name].kill()
        else:
            self._processes[name].kill()
            self._processes[name].wait()

    def wait_for_api(self) -> None:
        """Until it answers."""
        wait_until(self._answers, timeout_s=START_TIMEOUT_S)

    def submit(self, dataset_id: str, **tags: str) -> str:
        """A job, over HTTP."""
        body = {"dataset_id": dataset_id, "target": "y", "tags": tags}
        return str(httpx.post(f"{self.url}/jobs", json=body, timeout=30).raise_for_status().json()["id"])

    def get(self, path: str) -> Any:
        """What the API says."""
        return httpx.get(f"{self.url}{path}", timeout=30).raise_for_status().json()

    def pid(self, name: str) -> int:
        """Of an API or a worker."""
        return self._processes[name].pid

    def children(self, name: str) -> list[int]:
        """Processes of a worker that train, or wait for something to train."""
        return training_processes(self.pid(name))

    def idle_children(self, name: str) -> list[int]:
        """Those that wait for something to train."""
        return idle_processes(self.pid(name))

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live", timeout=5).is_success
        except httpx.TransportError:
            return False


@contextmanager
def deployed(mode: str, folder: Path, **settings: Any) -> Iterator[Deployment]:
    """A service with nothing running but its servers."""
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        urls: dict[str, str] = {}
        if mode == MANY_MACHINES:
            broker, database = ValkeyServer(), PostgresServer()
            servers = {"broker": broker, "database": database}
            for server in servers.values():
                stack.callback(server.close)
                server.start()
            urls = {"broker_url": broker.url, "database_url": database.url}
        config = Settings(data_dir=folder, **urls, **settings)
        upgrade(config)
        engine = make_engine(config)
        stack.callback(engine.dispose)
        workers = Workers(config, make_sessions(engine))
        stack.callback(workers.close)
        yield Deployment(workers, servers)


def training_processes(worker: int) -> list[int]:
    """Processes of a worker that train, or wait for something to train."""
    return [pid for pid in children_of(worker) if "spawn" in command_of(pid)]


def idle_processes(worker: int) -> list[int]:
    """Those that have started, and have done nothing for a moment: they wait."""
    before = {pid: _ticks(pid) for pid in training_processes(worker)}
    time.sleep(IDLE_S)
    return [pid for pid, ticks in before.items() if STARTED_TICKS < ticks == _ticks(pid)]


def _ticks(pid: int) -> int:
    """Of the clock, in which a process has computed; none if it is gone."""
    with suppress(OSError):
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return int(facts[11]) + int(facts[12])
    return 0


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def _start_again(server: Server) -> None:
    ends_at = time.monotonic() + START_AGAIN_S
    while True:
        try:
            return server.start()
        except RuntimeError:
            if time.monotonic() > ends_at:
                raise
        time.sleep(0.2)
