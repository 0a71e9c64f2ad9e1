"""Metrics of jobs and workers for Prometheus, read from the database and therefore equal in all processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from service.db.session import Sessions
from service.operations.job_statistics import (
    RUN_BOUNDS,
    WAIT_BOUNDS,
    DurationHistogram,
    JobStatistics,
    JobStatisticsReader,
)

log = logging.getLogger(__name__)


class JobMetricsCollector(Collector):
    """Reads the database; if it is unavailable, reports only that."""

    def __init__(self, sessions: Sessions) -> None:
        self._figures = JobStatisticsReader(sessions)

    def collect(self) -> Iterator[Metric]:
        """The current metrics."""
        try:
            figures = self._figures.read()
        except SQLAlchemyError as error:
            log.warning("jobs cannot be counted", extra={"reason": type(error).__name__})
            yield GaugeMetricFamily("kan_database_up", "Whether the database answers.", value=0)
            return
        yield GaugeMetricFamily("kan_database_up", "Whether the database answers.", value=1)
        yield GaugeMetricFamily("kan_workers", "Workers that are alive.", value=figures.workers.count)
        yield GaugeMetricFamily(
            "kan_worker_slots", "Capacity of workers in jobs.", value=figures.workers.slots
        )
        yield from _queue_metrics(figures)
        yield from _outcome_metrics(figures)


def _queue_metrics(figures: JobStatistics) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("kan_jobs", "Jobs queued and running.", labels=["kind", "status"])
    for (kind, status), count in figures.unfinished.items():
        jobs.add_metric([kind, status], count)
    yield jobs
    oldest = GaugeMetricFamily(
        "kan_queue_oldest_seconds", "Age of the oldest queued job; 0 if there is none.", labels=["kind"]
    )
    for kind, seconds in figures.oldest_s.items():
        oldest.add_metric([kind], seconds)
    yield oldest


def _outcome_metrics(figures: JobStatistics) -> Iterator[Metric]:
    counter = CounterMetricFamily("kan_jobs_finished", "Jobs that have ended.", labels=["kind", "status"])
    for (kind, status), count in figures.finished.items():
        counter.add_metric([kind, status], count)
    yield counter
    yield _make_histogram(
        "kan_job_wait_seconds", "From submission to the first start.", figures.waits, WAIT_BOUNDS
    )
    yield _make_histogram("kan_job_run_seconds", "From the first start to the end.", figures.runs, RUN_BOUNDS)


def _make_histogram(
    name: str, words: str, spreads: dict[str, DurationHistogram], bounds: Sequence[float]
) -> Metric:
    family = HistogramMetricFamily(name, f"{words} Of jobs that have ended.", labels=["kind"])
    for kind, spread in spreads.items():
        edges = [*(f"{float(edge)}" for edge in bounds), "+Inf"]
        counts = [*spread.at_most, spread.count]
        family.add_metric([kind], buckets=list(zip(edges, counts, strict=True)), sum_value=spread.total)
    return family
