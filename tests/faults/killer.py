"""Kills -9 a process every few seconds, and starts again what a supervisor would."""

import os
import random
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.faults.deployment import IDLE, VICTIMS, Deployment

PAUSES_S = (1.0, 4.0)  # between a restart and the next kill
CALM_S = 60.0  # at most, for a process to become idle
DOWN_S = (0.1, 2.0)  # before a supervisor notices


@dataclass(frozen=True)
class Kill:
    """What was killed, when, and which processes that train went with it."""

    victim: str
    at: datetime
    children: frozenset[int] = frozenset()


class Killer(threading.Thread):
    """Its choices depend on the seed alone, their effects also on chance."""

    def __init__(
        self, service: Deployment, mode: str, workers: Sequence[str], *, seed: int, seconds: float
    ) -> None:
        super().__init__(name="killer", daemon=True)
        self.kills: list[Kill] = []
        self.may_submit = threading.Event()  # what clients wait for
        self.may_submit.set()
        self._service, self._victims, self._workers = service, VICTIMS[mode], workers
        self._random, self._ends_at = random.Random(seed), time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Until the last kill."""
        return max(0.0, self._ends_at - time.monotonic())

    def run(self) -> None:
        """What the thread does."""
        while self.seconds_left() > 0:
            time.sleep(self._random.uniform(*PAUSES_S))
            self._kill(self._random.choice(self._victims), self._random.choice(self._workers))

    def _kill(self, victim: str, worker: str) -> None:
        if victim == "child":
            for child in self._service.children(worker)[:1]:
                self._kill_child(victim, child)
            return
        if victim == IDLE:
            self.may_submit.clear()
            idle = self._wait_for_idle(worker)
            if idle:
                self._kill_child(victim, self._random.choice(idle))
            self.may_submit.set()
            return
        name = worker if victim == "worker" else victim
        children = self._service.children(worker) if victim == "worker" else []
        self._service.kill(name)
        self._note(victim, children)
        time.sleep(self._random.uniform(*DOWN_S))
        self._service.start(name)

    def _wait_for_idle(self, worker: str) -> list[int]:
        """Processes that wait for something to do, as they do when clients submit nothing for a while."""
        ends_at = time.monotonic() + CALM_S
        while not (idle := self._service.idle_children(worker)) and time.monotonic() < ends_at:
            pass
        return idle

    def _kill_child(self, victim: str, child: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        self._note(victim, [child])

    def _note(self, victim: str, children: Sequence[int] = ()) -> None:
        self.kills.append(Kill(victim, datetime.now(UTC), frozenset(children)))
