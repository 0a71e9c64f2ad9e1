"""Times the stages of a job, passes its progress on, and remembers where it was cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.execution.outcome import Progress


class Watch:
    """What a job tells of its stages, and what it is told of the time.

    Attributes:
        seconds: Of every stage that has ended.
        cut_by: The stage that was at work when time was up; None if it was not.
    """

    def __init__(self, report: Callable[[Progress], None], should_stop: Callable[[], bool]) -> None:
        self._report, self._should_stop, self._now = report, should_stop, "prepare"
        self.seconds: dict[str, float] = {}
        self.cut_by: str | None = None
        self._furthest = 0.0

    @contextmanager
    def stage(self, name: str, fraction: float, message: str) -> Iterator[None]:
        """A stage, timed."""
        self.tell(name, fraction, message)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)

    def tell(self, stage: str, fraction: float, message: str, error: float | None = None) -> None:
        """Progress within a stage."""
        self._now = stage
        self._furthest = max(self._furthest, fraction)  # some searches are run within others
        self._report(Progress(stage, self._furthest, message, error))

    def should_stop(self) -> bool:
        """Whether time is up."""
        if self.cut_by is None and self._should_stop():
            self.cut_by = self._now
        return self.cut_by is not None
