"""Servers with a model in their database, and clients that ask them as fast as they answer."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

import kan_engine
from service.db.migrate import upgrade
from service.db.repositories.api_keys import ApiKeys
from service.db.session import make_engine, make_sessions
from service.settings import Settings
from tests.benchmarks.rows import Values
from tests.support.factories import make_model, make_predictor
from tests.support.servers import free_port, wait_until

FEATURES, HIDDEN = 8, (10,)
WARM_UP = 30
START_S = 60.0
SERVE = """
import sys, uvicorn
from service.api.http.uvicorn_protocol import BoundedHttpProtocol
app, port = sys.argv[1:]
as_the_service_does = {"http": BoundedHttpProtocol, "access_log": False, "log_level": "warning"}
uvicorn.run(app, factory=True, host="0.0.0.0", port=int(port), **as_the_service_does)
"""
Headers = Mapping[str, str]


@dataclass(frozen=True)
class Server:
    """A server of a model."""

    port: int
    key: str
    predictor: kan_engine.Predictor

    @property
    def headers(self) -> Headers:
        """Of a request with JSON."""
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}


@contextmanager
def serving(app: str) -> Iterator[Server]:
    """A server process over a database with one model, KAN[8, 10, 1]; it wants a key."""
    rng = np.random.default_rng(0)
    predictor = make_predictor(
        {f"x{number}": rng.uniform(-1, 1, 200).tolist() for number in range(FEATURES)}, hidden=HIDDEN
    )
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        settings = Settings(data_dir=folder, database_url=f"sqlite:///{folder / 'kan.db'}")
        upgrade(settings)
        engine = make_engine(settings)
        sessions = make_sessions(engine)
        make_model(sessions, predictor)
        with sessions.begin() as session:
            key = ApiKeys(session).add("bench")[1]
        engine.dispose()
        environment = {
            **os.environ,
            "KAN_DATA_DIR": name,
            "KAN_HOST": "0.0.0.0",
            "KAN_RATE_LIMIT": "0",
            "PYTHONPATH": str(Path.cwd()),
        }
        with subprocess.Popen([sys.executable, "-c", SERVE, app, str(port)], env=environment) as process:
            server = Server(port, key, predictor)
            try:
                wait_until(
                    lambda: is_up(server), lambda: None if process.poll() is None else "ended", START_S
                )
                yield server
            finally:
                process.terminate()


def is_up(server: Server) -> bool:
    try:
        asking(server, "/predict", rows_of(1), server.headers)()
    except (OSError, RuntimeError):
        return False
    return True


def rows_of(count: int) -> bytes:
    """A request in JSON."""
    x = matrix(count)
    rows = [{f"x{place}": value for place, value in enumerate(row)} for row in x.tolist()]
    return json.dumps({"model": "law", "rows": rows}).encode()


def columns_of(count: int) -> bytes:
    """The same by columns."""
    x = matrix(count)
    return json.dumps(
        {"model": "law", "columns": {f"x{n}": x[:, n].tolist() for n in range(FEATURES)}}
    ).encode()


def tensor_of(count: int) -> tuple[bytes, Headers]:
    """The same with a binary tensor, and the headers that it needs."""
    x = matrix(count)
    tensor = {"name": "rows", "shape": list(x.shape), "datatype": "FP64"}
    tensor["parameters"] = {"binary_data_size": x.nbytes}
    head = json.dumps({"parameters": {"binary_data_output": True}, "inputs": [tensor]}).encode()
    return head + x.tobytes(), {"Inference-Header-Content-Length": str(len(head))}


def matrix(count: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (count, FEATURES))


def asking(server: Server, path: str, body: bytes, headers: Headers) -> Callable[[], None]:
    """What sends a request, again and again on a connection of its own, and reads the answer."""
    connection = HTTPConnection("127.0.0.1", server.port)

    def ask() -> None:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the server answered {answer.status}: {content[:200]!r}")

    return ask


def latencies(server: Server, clients: int, seconds: float) -> Values:
    """One row at a time, from so many clients at once, each on a connection of its own."""
    body = rows_of(1)
    times: list[float] = []

    def ask() -> None:
        send = asking(server, "/predict", body, server.headers)
        for _ in range(WARM_UP):
            send()
        start.wait()
        until = time.perf_counter() + seconds
        while (now := time.perf_counter()) < until:
            send()
            times.append(time.perf_counter() - now)

    start = threading.Barrier(clients)
    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p99 = statistics.quantiles(times, n=100)[-1]
    return {"p50 ms": 1e3 * statistics.median(times), "p99 ms": 1e3 * p99, "requests/s": len(times) / seconds}


def rows_per_second(call: Callable[[], object], count: int, rounds: int) -> Values:
    """Of the median call."""
    call()
    times = []
    for _ in range(rounds):
        since = time.perf_counter()
        call()
        times.append(time.perf_counter() - since)
    return {"rows/s": count / statistics.median(times), "ms": 1e3 * statistics.median(times)}
