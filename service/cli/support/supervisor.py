"""``kan-service serve``: the API and a worker as child processes, which are restarted when they end.

The children run the commands that an operator would type, in the process group of the supervisor. They end
with the supervisor, whether it receives a signal or is killed.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import FrameType

from service.process_limits import end_with_parent

log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 0.1
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 30.0
MIN_STEADY_RUN_S = 60.0  # a child that ran this long restarts after the shortest pause
KILL_AFTER_S = 5.0  # after the time that a child may take to drain


@dataclass
class Child:
    """A command that is kept running."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    starts_at: float = 0.0
    pause_s: float = 0.0

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the process in the group of the supervisor."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  # commands of the service
            self.command,
            env=dict(environment),
            # Safe: the supervisor has only one thread.
            preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509
        )

    def schedule_restart(self) -> None:
        """Schedule the restart; the pause doubles with each early end, up to ``MAX_PAUSE_S``."""
        assert self.process is not None  # noqa: S101
        lived_s = time.monotonic() - self.started_at
        self.pause_s = (
            FIRST_PAUSE_S
            if lived_s >= MIN_STEADY_RUN_S
            else min(MAX_PAUSE_S, self.pause_s * 2 or FIRST_PAUSE_S)
        )
        self.starts_at = time.monotonic() + self.pause_s
        facts = {"command": self.name, "exit_code": self.process.returncode, "pause_s": self.pause_s}
        log.error("process ended, starts again", extra=facts)
        self.process = None


class Supervisor:
    """Keeps commands running until it receives a signal.

    Args:
        commands: Commands by their name in the log.
        environment: Environment of the children.
        drain_s: Time that a child may take to stop.
        on_look: Called several times a second until it returns true, for example once the service is ready.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        environment: Mapping[str, str],
        *,
        drain_s: float,
        on_look: Callable[[], bool] = lambda: True,
    ) -> None:
        self._children = [Child(name, command) for name, command in commands.items()]
        self._environment, self._drain_s, self._on_look = environment, drain_s, on_look
        self._stopped = threading.Event()

    def run(self) -> int:
        """Start the children, restart those that end, stop all on SIGTERM or SIGINT; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)
        is_satisfied = False
        try:
            while not self._stopped.is_set():
                self.check_children()
                is_satisfied = is_satisfied or self._on_look()
                self._stopped.wait(CHECK_INTERVAL_S)
        finally:
            self.stop()
        return 0

    def check_children(self) -> None:
        """Notice ended children, and start those that are due."""
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                child.schedule_restart()
            if child.process is None and time.monotonic() >= child.starts_at:
                child.start(self._environment)

    def stop(self) -> None:
        """Send SIGTERM to all children, wait for them, and kill those that do not end in time."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        ends_at = time.monotonic() + self._drain_s + KILL_AFTER_S
        for process in running:
            try:
                process.wait(max(0.0, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _handle_signal(self, _: int, __: FrameType | None) -> None:
        self._stopped.set()
