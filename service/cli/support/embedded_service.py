"""A service of its own for a command: ``kan-service serve`` on a free port, over the same data folder.

It may run beside others over that folder: what it keeps is in the database, and whoever takes a job up there
does it to the end or hands it back.
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

from service.cli.support.errors import failed
from service.process_limits import end_with_parent

READY_WITHIN_S = 60.0
POLL_S = 0.3
STOP_WITHIN_S = 30.0
LOG_LINES = 20  # of a service that did not start


@contextmanager
def embedded_service(
    environment: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> Iterator[str]:
    """The address of a service that is configured by the environment, and ends with the block.

    Args:
        log: Where the service writes what it does; it is told to nobody otherwise, unless it fails.
    """
    port = _free_port()
    where = ["--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "service.cli", "serve", "--unannounced", *where]
    with (
        nullcontext(log) if log else TemporaryFile() as output,
        subprocess.Popen(  # noqa: S603  # our own command
            command,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env=environment,
            process_group=0,  # Ctrl-C is for the command, which still has to cancel its job here
            # Commands have one thread.
            preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509
        ) as process,
    ):
        try:
            if not _gets_ready(f"http://127.0.0.1:{port}", process):
                raise failed(f"the service did not start:\n{_tail(output)}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN_S)


def _gets_ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health/ready").is_success:
                return True
        time.sleep(POLL_S)
    return False


def _tail(output: IO[bytes]) -> str:
    if not output.readable():
        return "its log shows why"
    output.seek(0)
    return "\n".join(output.read().decode(errors="replace").splitlines()[-LOG_LINES:])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
