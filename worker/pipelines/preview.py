"""The best model so far of a training: it serves while the search goes on, and remains if the time ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from kan_engine import Callbacks, SearchResult, TrainingData
from kan_engine.search.preview import find_preview, is_as_good
from worker.execution.outcome import Outcome
from worker.execution.stage_timer import StageTimer
from worker.pipelines.model_outcome import make_outcome
from worker.pipelines.search_plan import SearchPlan
from worker.pipelines.trained_network import TrainedNetwork


class Preview:
    """Publishes a first model early in a search, and then the result of every stage that took long.

    A job whose process has to be ended at its time limit keeps the last of them. None of them affects the
    search: the same job has the same result, whatever was published.

    Args:
        plan: The plan of the training.
        data: Its rows.
        publish: Takes the models; None for no preview.
        at_once_cells: Rows times columns from which the first model is published as soon as possible: one
            long step could take the time.
    """

    def __init__(
        self,
        plan: SearchPlan,
        data: TrainingData,
        publish: Callable[[Outcome], None] | None,
        *,
        at_once_cells: int = 200_000,
    ) -> None:
        self._plan, self._data, self._publish = plan, data, publish
        self._best: SearchResult | None = None
        self._limits = plan.thresholds.preview
        is_large = data.rows.x.size >= at_once_cells
        is_short = plan.config.max_seconds < self._limits.at_once_s
        wait_s = 0.0 if is_large or is_short else self._limits.after_s
        self._due = time.monotonic() + wait_s
        self._next = time.monotonic() + self._limits.after_s

    def publish_if_due(self) -> None:
        """Publish the first model once, when the search has taken some seconds."""
        if self._publish is None or self._best is not None or time.monotonic() < self._due:
            return
        self._best = find_preview(self._data, self._plan.config)
        self._publish(replace(self._make_outcome(self._best), is_first=True))
        self._next = time.monotonic() + self._limits.period_s

    def observe(self, callbacks: Callbacks) -> Callbacks:
        """The callbacks of a search during which models are published.

        Every long loop asks whether to stop, also those that report nothing.
        """

        def report(stage: str, fraction: float, message: str, error: float | None = None) -> None:
            callbacks.report(stage, fraction, message, error)
            self.publish_if_due()

        def should_stop() -> bool:
            self.publish_if_due()
            return callbacks.should_stop()

        return replace(callbacks, report=report, should_stop=should_stop, keep=self.keep)

    def keep(self, result: SearchResult) -> None:
        """Publish the result of a stage in place of a model that is no better, at most once in a period.

        A network without a formula has that of the model before.
        """
        if self._publish is None or self._best is None or time.monotonic() < self._next:
            return
        if self._plan.config.is_automatic and not is_as_good(result, self._best, self._data):
            return
        self._best = result if result.formulas else replace(result, formulas=self._best.formulas)
        self._publish(self._make_outcome(self._best))
        self._next = time.monotonic() + self._limits.period_s

    def _make_outcome(self, result: SearchResult) -> Outcome:
        """Measure a model; of the work for its pictures only the smallest share is done."""
        trained = TrainedNetwork.assemble(result, self._plan, self._data)
        return make_outcome(trained, self._plan, self._data, StageTimer(lambda _: None, lambda: True))
