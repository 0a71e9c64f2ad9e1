"""A temporary service for one command: ``kan-service serve`` on a free port, with the same data folder.

It may run beside other services on that folder. All state is in the database, and a worker that claims a job
finishes it or returns it to the queue.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from tempfile import TemporaryFile
from typing import IO

import httpx

from service.cli.support.errors import report_failure
from service.process_limits import end_with_parent

START_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.3
STOP_TIMEOUT_S = 30.0
MAX_LOG_LINES = 20  # printed if the service does not start


@contextmanager
def run_embedded_service(
    environment: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> Iterator[str]:
    """Run a service within the block; yield its URL.

    Args:
        environment: Environment that configures the service; by default this process's own.
        log: File for the log; by default a temporary file, of which the end is printed on failure.
    """
    port = _find_free_port()
    where = ["--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "service.cli", "serve", "--unannounced", *where]
    with (
        nullcontext(log) if log else TemporaryFile() as output,
        subprocess.Popen(  # noqa: S603  # our own command
            command,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env=environment,
            process_group=0,  # Ctrl-C reaches only the command, which then cancels its job here
            # Safe: a command has only one thread.
            preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509
        ) as process,
    ):
        try:
            if not _wait_until_ready(f"http://127.0.0.1:{port}", process):
                raise report_failure(f"the service did not start:\n{_read_tail(output)}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health/ready").is_success:
                return True
        time.sleep(POLL_INTERVAL_S)
    return False


def _read_tail(output: IO[bytes]) -> str:
    if not output.readable():
        return "its log shows why"
    output.seek(0)
    return "\n".join(output.read().decode(errors="replace").splitlines()[-MAX_LOG_LINES:])


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
