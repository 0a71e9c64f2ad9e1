"""Connections that ask nothing: however many there are, those who do ask are answered."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.http.limits import ConnectionLimits
from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK, free_port, serving, wait_until

MAY_OPEN = 200
HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BEGINNINGS = {
    "nothing": b"",
    "half a head": b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "a request and nothing more": b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture(scope="module")
def narrow_port(new_settings: Callable[[], Settings]) -> Iterator[int]:
    """The API in a process that may open few files."""
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "api", "--port", str(port)]
    process = subprocess.Popen(
        ["sh", "-c", f'ulimit -n {MAY_OPEN}; exec "$@"', "sh", *command],
        env={"KAN_DATA_DIR": str(new_settings().data_dir), "PYTHONPATH": str(Path.cwd())},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_live(port), timeout_s=90)
        yield port
    finally:
        process.terminate()
        process.wait()


def is_live(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{LOOPBACK}:{port}/health/live").is_success
    return False


IMPATIENT = ConnectionLimits(head_timeout_s=0.5, idle_timeout_s=0.5)


@contextmanager
def crowd(port: int, number: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as opened:
        connections = []
        for _ in range(number):
            connection = opened.enter_context(closing(socket.create_connection(("127.0.0.1", port), 10)))
            with suppress(ConnectionError):
                connection.sendall(beginning)
            connections.append(connection)
        yield connections


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_more_idle_connections_than_files_take_nothing_down(narrow_port: int, beginning: bytes) -> None:
    with crowd(narrow_port, MAY_OPEN + 50, beginning):
        for path in ("/health/live", "/health/ready", "/models"):
            assert httpx.get(f"{LOOPBACK}:{narrow_port}{path}", timeout=20).status_code in (200, 503)
        answer = httpx.post(f"{LOOPBACK}:{narrow_port}/datasets", json={"columns": {"x": [1]}}, timeout=20)
        assert answer.status_code == 201


def has_ended(connection: socket.socket, within_s: float = 10) -> bool:
    connection.settimeout(within_s)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_a_connection_ends_on_which_nothing_more_comes(settings: Settings, beginning: bytes) -> None:
    with (
        serving(create_app(settings), IMPATIENT) as url,
        crowd(int(url.rpartition(":")[2]), 1, beginning) as (alone,),
    ):
        assert has_ended(alone)


def test_a_head_that_comes_byte_by_byte_has_an_end(settings: Settings) -> None:
    with (
        serving(create_app(settings), ConnectionLimits(head_timeout_s=0.5)) as url,
        crowd(int(url.rpartition(":")[2]), 1, b"GET /") as (alone,),
    ):
        ends_at = time.monotonic() + 20
        is_open = True
        while is_open and time.monotonic() < ends_at:
            time.sleep(0.05)
            try:
                alone.sendall(b"a")
            except ConnectionError:
                is_open = False
        assert not is_open


async def _answers_late(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    if not scope["path"].startswith("/health"):
        await asyncio.sleep(3)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def test_an_answer_that_takes_longer_than_a_client_may_be_silent_is_waited_for() -> None:
    with serving(_answers_late, IMPATIENT) as url:
        assert httpx.get(url, timeout=30).status_code == 200


def test_where_all_connections_are_busy_probes_are_answered_and_nobody_else() -> None:
    busy, few = b"GET /jobs/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", ConnectionLimits(max_connections=5)
    with serving(_answers_late, few) as url, crowd(int(url.rpartition(":")[2]), 5, busy) as connections:
        time.sleep(0.5)
        assert httpx.get(f"{url}/health/live", timeout=20).status_code == 200
        refused = httpx.get(f"{url}/models", timeout=20)
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_connections")
        assert refused.headers["retry-after"]
        for connection in connections:
            connection.settimeout(20)
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
