"""What a pipeline reports to its job, and asks of it. Imports no torch, to be quick to import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kan_engine.formulas.callbacks import TrialReport, ignore_trial
from kan_engine.search.subtasks import InProcess, SubtaskCache
from worker.execution.outcome import JobProgress, Outcome
from worker.execution.search_recorder import SearchRecorder


@dataclass(frozen=True, kw_only=True)
class JobCallbacks:
    """Callbacks of a pipeline; without a job nobody takes its reports, and it need not stop.

    Attributes:
        report: Takes the progress. It is called often: the receiver decides what to store.
        record_trial: Takes every network that was tried.
        recorder: Takes the steps of the search.
        should_stop: Once it returns true, the best network so far is used, and ``cut_by`` names the stage.
        resume: The last checkpoint of an earlier run of the same job; None without one.
        checkpoint: Called once, when the network is found, with what a later run can resume from.
        parts: Results of the search's subtasks, which other workers may compute.
        publish: Takes the best model so far, if the training takes longer than seconds; None for none.
    """

    report: Callable[[JobProgress], None] = lambda _: None
    record_trial: Callable[[TrialReport], None] = ignore_trial
    recorder: SearchRecorder = field(default_factory=SearchRecorder)
    should_stop: Callable[[], bool] = lambda: False
    resume: bytes | None = None
    checkpoint: Callable[[bytes], None] = lambda _: None
    parts: SubtaskCache = field(default_factory=InProcess)
    publish: Callable[[Outcome], None] | None = None
