"""Metrics of requests and predictions for Prometheus. Labels are names of the service, never of a client.

Several processes of one API count into one folder, which the variable ``PROMETHEUS_MULTIPROC_DIR`` of
prometheus-client names. Each process then reports the sum over all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import Scope

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_LABEL = "other"  # label of requests without a route, and of unknown methods
REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PREDICTION_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
PredictionCall = Literal["predict", "infer"]


class RequestMetrics:
    """The counters of this process.

    Args:
        others: Further metrics, read when the metrics are requested.
    """

    def __init__(self, job_collector: Collector) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the series
        registry = CollectorRegistry()
        self._requests = Counter(
            "kan_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "kan_request_seconds",
            "Time until the complete response was sent, including event streams and long polling.",
            ["route", "method"],
            buckets=REQUEST_BOUNDS,
            registry=registry,
        )
        self._errors = Counter("kan_errors", "Error responses, by their code.", ["code"], registry=registry)
        self._rows = Counter("kan_predicted_rows", "Rows predicted.", ["call"], registry=registry)
        self._prediction_seconds = Histogram(
            "kan_prediction_seconds",
            "Time of a prediction without network transfer.",
            ["call"],
            buckets=PREDICTION_BOUNDS,
            registry=registry,
        )
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._told = _combine_processes(registry)
        self._told.register(job_collector)

    def count_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request under its path template and method, with its duration and its error code."""
        route = getattr(scope.get("route"), "path", OTHER_LABEL)
        method = scope["method"] if scope["method"] in METHODS else OTHER_LABEL
        series = self._series.get((route, method, status // 100)) or self._get_series(
            route, method, status // 100
        )
        series[0].inc()
        series[1].observe(seconds)
        if status >= 400:
            code = scope["state"].get("error_code", "internal_error" if status >= 500 else OTHER_LABEL)
            self._errors.labels(code).inc()

    def _get_series(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        """Find a series by its labels and cache it, because the lookup takes longer than counting."""
        series = (
            self._requests.labels(route, method, f"{status}xx"),
            self._request_seconds.labels(route, method),
        )
        self._series[route, method, status] = series
        return series

    @contextmanager
    def time_prediction(self, call: PredictionCall) -> Iterator[Callable[[float], None]]:
        """Time a prediction within the block; yields a function that counts rows. Failures are not timed."""
        since = perf_counter()
        yield self._rows.labels(call).inc
        self._prediction_seconds.labels(call).observe(perf_counter() - since)

    def count_prediction(self, call: PredictionCall, rows: float, seconds: float) -> None:
        """Count a prediction that another process made."""
        self._rows.labels(call).inc(rows)
        self._prediction_seconds.labels(call).observe(seconds)

    def render(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text with its media type, in the format that ``accept`` asks for."""
        encode, media_type = choose_encoder(accept)
        return encode(self._told), media_type


def _combine_processes(registry: CollectorRegistry) -> CollectorRegistry:
    """The registry of this process, or of all processes that count into the same folder."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        ProcessCollector(registry=registry)
        return registry
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
