"""A temporary service for one command: ``kan-service serve`` on a free port, with the same data folder.

It may run beside other services on that folder. All state is in the database, and a worker that claims a job
finishes it or returns it to the queue.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import IO

import httpx

from service.cli.support.errors import report_failure
from service.local_session import SESSION_VARIABLE, make_session_key
from service.process_limits import end_with_parent


@dataclass(frozen=True, kw_only=True)
class EmbeddedServiceLimits:
    """How long a command waits for its service.

    Attributes:
        start_timeout_s: Until the service is ready; importing torch is slow on a busy machine.
        poll_interval_s: Between two questions whether it is ready.
        stop_timeout_s: After which the command ends before its service.
        max_log_lines: Printed if the service does not start.
    """

    start_timeout_s: float = 60.0
    poll_interval_s: float = 0.3
    stop_timeout_s: float = 30.0
    max_log_lines: int = 20


DEFAULT_LIMITS = EmbeddedServiceLimits()


@contextmanager
def run_embedded_service(
    environment: Mapping[str, str] = os.environ,
    log: IO[bytes] | None = None,
    *,
    limits: EmbeddedServiceLimits = DEFAULT_LIMITS,
) -> Iterator[tuple[str, str]]:
    """Run a service within the block; yield its URL and the key of its session.

    Args:
        environment: Environment that configures the service; by default this process's own.
        log: File for the log; by default a temporary file, of which the end is printed on failure.
        limits: Times to wait.
    """
    port, session_key = _find_free_port(), make_session_key()
    where = ["--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "service.cli", "serve", "--unannounced", *where]
    with (
        nullcontext(log) if log else TemporaryFile() as output,
        subprocess.Popen(  # noqa: S603  # our own command
            command,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env={**environment, SESSION_VARIABLE: session_key},
            process_group=0,  # Ctrl-C reaches only the command, which then cancels its job here
            # Safe: a command has only one thread.
            preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509
        ) as process,
    ):
        try:
            if not _wait_until_ready(f"http://127.0.0.1:{port}", process, limits):
                raise report_failure(f"the service did not start:\n{_read_tail(output, limits)}")
            yield f"http://127.0.0.1:{port}", session_key
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(limits.stop_timeout_s)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], limits: EmbeddedServiceLimits) -> bool:
    deadline = time.monotonic() + limits.start_timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health/ready").is_success:
                return True
        time.sleep(limits.poll_interval_s)
    return False


def _read_tail(output: IO[bytes], limits: EmbeddedServiceLimits) -> str:
    if not output.readable():
        return "its log shows why"
    output.seek(0)
    return "\n".join(output.read().decode(errors="replace").splitlines()[-limits.max_log_lines :])


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
