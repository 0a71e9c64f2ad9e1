"""What the API counts of its own work, for Prometheus. Labels are names of ours, never of a client.

Several processes of one API count into one folder, which prometheus-client reads the variable
``PROMETHEUS_MULTIPROC_DIR`` for; whichever is asked then answers for all.
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
OTHER = "other"  # route of what has none, and method of what is none
REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PREDICTION_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
Call = Literal["predict", "infer"]


class Meters:
    """The counters of this process, and how they are told.

    Args:
        others: Further numbers, read when someone asks.
    """

    def __init__(self, others: Collector) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else a second series for each
        own = CollectorRegistry()
        self._requests = Counter(
            "kan_requests", "Requests answered.", ["route", "method", "status"], registry=own
        )
        self._request_seconds = Histogram(
            "kan_request_seconds",
            "Time until a request was answered in full; event streams and answers that wait take theirs.",
            ["route", "method"],
            buckets=REQUEST_BOUNDS,
            registry=own,
        )
        self._errors = Counter("kan_errors", "Problems answered, by their code.", ["code"], registry=own)
        self._rows = Counter("kan_predicted_rows", "Rows predicted.", ["call"], registry=own)
        self._prediction_seconds = Histogram(
            "kan_prediction_seconds",
            "Time of a prediction without its transport.",
            ["call"],
            buckets=PREDICTION_BOUNDS,
            registry=own,
        )
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._told = _all_processes(own)
        self._told.register(others)

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request by the template of its path, not by the path."""
        route = getattr(scope.get("route"), "path", OTHER)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        series = self._series.get((route, method, status // 100)) or self._find(route, method, status // 100)
        series[0].inc()
        series[1].observe(seconds)
        if status >= 400:
            code = scope["state"].get("error_code", "internal_error" if status >= 500 else OTHER)
            self._errors.labels(code).inc()

    def _find(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        """Looking a series up by its labels takes longer than counting in it, so it is done once."""
        series = (
            self._requests.labels(route, method, f"{status}xx"),
            self._request_seconds.labels(route, method),
        )
        self._series[route, method, status] = series
        return series

    @contextmanager
    def predicting(self, call: Call) -> Iterator[Callable[[float], None]]:
        """While a prediction is made; the value counts its rows. One that fails is an error, and no time."""
        since = perf_counter()
        yield self._rows.labels(call).inc
        self._prediction_seconds.labels(call).observe(perf_counter() - since)

    def note_prediction(self, call: Call, rows: float, seconds: float) -> None:
        """Count a prediction that another process made."""
        self._rows.labels(call).inc(rows)
        self._prediction_seconds.labels(call).observe(seconds)

    def tell(self, accept: str) -> tuple[bytes, str]:
        """All numbers as text, and its media type: Prometheus's, or OpenMetrics' for who asks for that."""
        encode, media_type = choose_encoder(accept)
        return encode(self._told), media_type


def _all_processes(own: CollectorRegistry) -> CollectorRegistry:
    """What this process has counted, or all that count into the same folder."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        ProcessCollector(registry=own)
        return own
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
