"""OpenTelemetry traces, if an operator enables them: FastAPI traces requests, the worker traces jobs.

They need the extra ``otel`` and ``OTEL_EXPORTER_OTLP_ENDPOINT``. Without both nothing is recorded, and a
span costs nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from opentelemetry import trace

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def make_telemetry_config() -> TelemetryConfig:
    """Telemetry options of FastAPI: one span per request; metrics go to Prometheus, errors to the log."""
    return {"auto_configure": _is_enabled(), "metrics": False, "logs": False, "operation_spans": False}


@contextmanager
def trace_job(job_id: str) -> Iterator[None]:
    """Record a span while a worker process runs a job."""
    _configure_export()
    with trace.get_tracer("kan-service").start_as_current_span("job", attributes={"kan.job_id": job_id}):
        yield


def _is_enabled() -> bool:
    is_wanted = any(os.environ.get(variable) for variable in ENDPOINTS)
    if is_wanted:
        os.environ.setdefault("OTEL_SERVICE_NAME", "kan-service")
    return is_wanted


@cache
def _configure_export(*, timeout_s: float = 2.0) -> None:
    """Export each span as soon as it ends: worker processes are killed when they are no longer needed.

    The end of a job waits for a collector that does not answer, up to ``timeout_s``.
    """
    if not _is_enabled():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        log.warning("jobs leave no traces: install the extra 'otel'", extra={"reason": str(error)})
        return
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(timeout=timeout_s)))
    trace.set_tracer_provider(provider)
