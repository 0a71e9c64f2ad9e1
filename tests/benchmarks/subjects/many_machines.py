"""A service on many machines, all of them this one: PostgreSQL, Valkey, an API and workers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

START_S = 120.0


@contextmanager
def many_machines(workers: int = 1) -> Iterator[httpx.Client]:
    """A client of the processes that an operator starts, with so many workers that do one job at a time."""
    from tests.support.servers import PostgresServer, ValkeyServer, free_port, wait_until

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        database, broker, port = PostgresServer(), ValkeyServer(), free_port()
        for server in (database, broker):
            stack.callback(server.close)
            server.start()
        urls = {"KAN_DATABASE_URL": database.url, "KAN_BROKER_URL": broker.url}
        environment = {**os.environ, **urls, "KAN_DATA_DIR": str(folder), "KAN_PORT": str(port)}
        log = stack.enter_context((folder / "log").open("wb"))
        command = [sys.executable, "-m", "service.cli"]
        subprocess.run([*command, "migrate"], env=environment, check=True, stdout=log)
        for name in ("api", *["worker"] * workers):
            process = subprocess.Popen([*command, name], env=environment, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600))
        wait_until(lambda: _is_ready(client, workers), timeout_s=START_S)
        yield client


def _is_ready(client: httpx.Client, workers: int) -> bool:
    try:
        answer = client.get("/health/ready")
    except httpx.TransportError:
        return False
    return answer.is_success and answer.json()["checks"]["worker"]["detail"].startswith(f"{workers} seen")
