"""The preview of a training: a first model that serves while the search goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from kan_engine import SearchConfig
from kan_engine.search.assembly import assemble_predictor
from kan_engine.search.callbacks import ReportProgress
from kan_engine.search.preview import find_preview
from worker.data.preparation import PreparedData
from worker.execution.outcome import Outcome
from worker.execution.stage_timer import StageTimer
from worker.pipelines.model_outcome import make_outcome
from worker.pipelines.thresholds import PipelineThresholds


class Preview:
    """Makes and publishes the preview, once, when a search has taken some seconds.

    Args:
        data: The rows.
        config: Settings of the search.
        publish: Takes the preview; None for no preview.
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
        self._due = time.monotonic() + thresholds.preview_after_s

    def publish_after(self, report: ReportProgress) -> ReportProgress:
        """Return a callback that also publishes the preview once it is due."""

        def report_and_publish(stage: str, fraction: float, message: str, error: float | None = None) -> None:
            report(stage, fraction, message, error)
            if self._publish is not None and time.monotonic() >= self._due:
                publish, self._publish = self._publish, None
                publish(self._make())

        return report_and_publish

    def _make(self) -> Outcome:
        data, thresholds = self._data, self._thresholds
        config = replace(self._config, serve="accurate")
        found = find_preview(data, config)
        predictor, decision = assemble_predictor(found, data, config.thresholds)
        silent = StageTimer(lambda _: None, lambda: False)
        return make_outcome(found, predictor, decision, data, config, silent, thresholds)
