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


@dataclass(frozen=True, kw_only=True)
class RestartPolicy:
    """When ended children start again, and when running ones are killed.

    Attributes:
        check_interval_s: Between two looks at the children.
        first_pause_s, max_pause_s: Before a restart: doubles with each early end.
        min_steady_run_s: A child that ran this long restarts after the shortest pause.
        kill_after_s: After the time that a child may take to drain.
    """

    check_interval_s: float = 0.1
    first_pause_s: float = 0.5
    max_pause_s: float = 30.0
    min_steady_run_s: float = 60.0
    kill_after_s: float = 5.0


DEFAULT_POLICY = RestartPolicy()


@dataclass
class Child:
    """A command that is kept running."""

    name: str
    command: Sequence[str]
    policy: RestartPolicy
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
        """Schedule the restart; the pause doubles with each early end, up to the longest."""
        assert self.process is not None  # noqa: S101
        lived_s = time.monotonic() - self.started_at
        policy = self.policy
        self.pause_s = (
            policy.first_pause_s
            if lived_s >= policy.min_steady_run_s
            else min(policy.max_pause_s, self.pause_s * 2 or policy.first_pause_s)
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
        policy: When children start again.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        environment: Mapping[str, str],
        *,
        drain_s: float,
        on_look: Callable[[], bool] = lambda: True,
        policy: RestartPolicy = DEFAULT_POLICY,
    ) -> None:
        self._children = [Child(name, command, policy) for name, command in commands.items()]
        self._environment, self._drain_s, self._on_look = environment, drain_s, on_look
        self._policy, self._stopped = policy, threading.Event()

    def run(self) -> int:
        """Start the children, restart those that end, stop all on SIGTERM or SIGINT; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)
        is_satisfied = False
        try:
            while not self._stopped.is_set():
                self.check_children()
                is_satisfied = is_satisfied or self._on_look()
                self._stopped.wait(self._policy.check_interval_s)
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
        ends_at = time.monotonic() + self._drain_s + self._policy.kill_after_s
        for process in running:
            try:
                process.wait(max(0.0, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _handle_signal(self, _: int, __: FrameType | None) -> None:
        self._stopped.set()
