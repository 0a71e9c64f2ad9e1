"""What a search tells and asks its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

from kan_engine.formulas.trace import TraceStep
from kan_engine.numerics.work import measure_work


@runtime_checkable
class ReportProgress(Protocol):
    """Callback that takes the stage, its fraction of the job, a message and the error so far."""

    def __call__(self, stage: str, fraction: float, message: str, error: float | None = None) -> None: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class TrialReport:
    """A network that a search has trained and evaluated.

    Attributes:
        kind: ``structure`` in the search for a small law, else ``network``.
        width: Nodes per layer of one network; an ensemble has several of them.
        grid: Intervals of its finest grid.
        error: Error on rows that it was not fitted to: for a regression relative to the standard deviation
            of the target, for a classification the log loss.
        optimizer: Of a network, like what follows; None for a structure.
        steps: Steps of the training, if it has any; epochs with Adam.
        weight_decay: Strength of the regularization.
        quantile: Whether inputs are scaled by their quantiles instead of their range.
    """

    kind: Literal["structure", "network"]
    width: tuple[int, ...]
    grid: int
    error: float
    optimizer: str | None = None
    steps: int | None = None
    weight_decay: float | None = None
    quantile: bool | None = None


def ignore_trial(trial: TrialReport) -> None:
    """Report to nobody."""


def ignore_step(step: TraceStep) -> None:
    """Report to nobody."""


def _ignore_progress(stage: str, fraction: float, message: str, error: float | None = None) -> None:
    """Report to nobody."""


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """Callbacks of a search.

    Attributes:
        report: Takes the progress. It is called often.
        record_trial: Takes every network that was tried, once, if its error is finite.
        record_step: Takes every step of the search when it has ended; see ``kan_engine.formulas.trace``.
        record_end: Takes why the search ended, once, unless an exception ends it.
        should_stop: Once it returns true, the search returns the best result so far.
        keep: Takes the result of every stage that could be the last one before the time is up.
        clock: Seconds from any start. The engine reads no clock of its own: with a clock that stands still
            no stage ends because its time is up.
    """

    report: ReportProgress = _ignore_progress
    record_trial: Callable[[TrialReport], None] = ignore_trial
    record_step: Callable[[TraceStep], None] = ignore_step
    record_end: Callable[[str], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False
    keep: Callable[[Any], None] = lambda _: None
    clock: Callable[[], float] = lambda: 0.0

    def limit_work(self, seconds: float) -> Callbacks:
        """The same, but the search also stops after this work from now; see ``kan_engine.numerics.work``."""
        until = measure_work() + seconds
        return replace(self, should_stop=lambda: measure_work() > until or self.should_stop())
