"""The best model so far of a training: it serves while the search goes on, and remains if the time ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kan_engine import SearchConfig, SearchResult
from kan_engine.assessment.comparison import compute_paired_rmse
from kan_engine.formulas.callbacks import ReportProgress
from kan_engine.search.assembly import assemble_predictor
from kan_engine.search.preview import find_preview
from worker.data.preparation import PreparedData
from worker.execution.outcome import Outcome
from worker.execution.stage_timer import StageTimer
from worker.pipelines.model_outcome import make_outcome
from worker.pipelines.thresholds import PipelineThresholds


class Preview:
    """Publishes a first model early in a search, and then the result of every stage that took long.

    A job whose process has to be ended at its time limit keeps the last of them. None of them affects the
    search: the same job has the same result, whatever was published.

    Args:
        data: The rows.
        config: Settings of the search.
        publish: Takes the models; None for no preview.
        thresholds: Decision numbers of the pipeline.
    """

    def __init__(
        self,
        data: PreparedData,
        config: SearchConfig,
        publish: Callable[[Outcome], None] | None,
        thresholds: PipelineThresholds,
    ) -> None:
        self._data, self._config, self._publish, self._thresholds = data, config, publish, thresholds
        self._best: SearchResult | None = None
        self._limits = thresholds.preview
        is_large = data.rows.x.size >= self._limits.at_once_cells
        is_short = config.max_seconds < self._limits.at_once_s
        wait_s = 0.0 if is_large or is_short else self._limits.after_s
        self._due = time.monotonic() + wait_s
        self._next = time.monotonic() + self._limits.after_s

    def publish_if_due(self) -> None:
        """Publish the first model once, when the search has taken some seconds."""
        if self._publish is None or self._best is not None or time.monotonic() < self._due:
            return
        self._best = find_preview(self._data, self._config)
        self._publish(replace(self._make_outcome(self._best), is_first=True))
        self._next = time.monotonic() + self._limits.period_s

    def publish_after(self, report: ReportProgress) -> ReportProgress:
        """Return a callback that also publishes the first model once it is due."""

        def report_and_publish(stage: str, fraction: float, message: str, error: float | None = None) -> None:
            report(stage, fraction, message, error)
            self.publish_if_due()

        return report_and_publish

    def publish_before(self, should_stop: Callable[[], bool]) -> Callable[[], bool]:
        """Return a callback that does so, too: every long loop asks it, also those that report nothing."""

        def publish_and_ask() -> bool:
            self.publish_if_due()
            return should_stop()

        return publish_and_ask

    def keep(self, result: SearchResult) -> None:
        """Publish the result of a stage in place of a model that is no better, at most once in a period.

        A network without a formula has that of the model before.
        """
        if self._publish is None or self._best is None or time.monotonic() < self._next:
            return
        if self._config.is_automatic and not self._is_as_good(result, self._best):
            return
        self._best = result if result.formulas else replace(result, formulas=self._best.formulas)
        self._publish(self._make_outcome(self._best))
        self._next = time.monotonic() + self._limits.period_s

    def _is_as_good(self, result: SearchResult, earlier: SearchResult) -> bool:
        """Whether a result has no larger error out of sample than another, on the rows that both have."""
        if not len(result.errors) or not len(earlier.errors):
            return True
        # NaN marks rows without an out-of-sample error; without common rows there is nothing to compare
        if not (~np.isnan(result.errors + earlier.errors)).any():
            return True
        rmse, earlier_rmse = compute_paired_rmse(result.errors, earlier.errors, self._data.training.weights)
        return rmse <= earlier_rmse

    def _make_outcome(self, result: SearchResult) -> Outcome:
        """Measure a model; of the work for its pictures only the smallest share is done."""
        data, thresholds = self._data, self._thresholds
        predictor, decision = assemble_predictor(result, data, self._config.thresholds)
        timer = StageTimer(lambda _: None, lambda: True)
        outcome = make_outcome(result, predictor, decision, data, self._config, timer, thresholds)
        return replace(outcome, cut_by=None)
