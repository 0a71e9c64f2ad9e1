"""Measures the stages of a job, reports its progress, and records the stage that the time limit cut short."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.execution.outcome import JobProgress


class StageTimer:
    """Measures and reports the stages of a job.

    Attributes:
        seconds: Duration of every finished stage.
        cut_by: The stage in which the time ran out; None if it did not.
    """

    def __init__(self, report: Callable[[JobProgress], None], should_stop: Callable[[], bool]) -> None:
        self._report, self._should_stop, self._now = report, should_stop, "prepare"
        self.seconds: dict[str, float] = {}
        self.cut_by: str | None = None
        self._furthest = 0.0

    @contextmanager
    def stage(self, name: str, fraction: float, message: str) -> Iterator[None]:
        """Report a stage, and measure how long the block takes."""
        self.report(name, fraction, message)
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 3)

    def report(self, stage: str, fraction: float, message: str, error: float | None = None) -> None:
        """Report progress within a stage; the reported fraction never falls."""
        self._now = stage
        self._furthest = max(self._furthest, fraction)  # nested searches may report a smaller one
        self._report(JobProgress(stage, self._furthest, message, error))

    def should_stop(self) -> bool:
        """Return whether the time is up, and record the stage in which that was first seen."""
        if self.cut_by is None and self._should_stop():
            self.cut_by = self._now
        return self.cut_by is not None
