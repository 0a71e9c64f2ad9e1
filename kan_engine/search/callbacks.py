"""What a search tells and asks its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class ReportProgress(Protocol):
    """Callback that takes the stage, its fraction of the job, a message and the error so far."""

    def __call__(self, stage: str, fraction: float, message: str, error: float | None = None) -> None: ...  # noqa: D102


def _ignore_progress(stage: str, fraction: float, message: str, error: float | None = None) -> None:
    """Report to nobody."""


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """Callbacks of a search.

    Attributes:
        report: Takes the progress. It is called often.
        should_stop: Once it returns true, the search returns the best result so far.
        clock: Seconds from any start. The engine reads no clock of its own: with a clock that stands still
            no stage ends because its time is up.
    """

    report: ReportProgress = _ignore_progress
    should_stop: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = lambda: 0.0
