"""Traces: nothing without an endpoint, nothing broken without the extra, the job's id in its span."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry import trace

from service.main import create_app
from service.observability import tracing
from service.settings import Settings
from tests.support.servers import LOOPBACK, free_port


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> str:
    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    return endpoint


class RecordingTracer:
    def __init__(self) -> None:
        self.spans: list[tuple[str, dict[str, str]]] = []

    @contextmanager
    def start_as_current_span(self, name: str, attributes: dict[str, str]) -> Iterator[None]:
        self.spans.append((name, attributes))
        yield


def test_requests_are_traced_only_where_there_is_somewhere_to_send_it(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    assert tracing.make_telemetry_config()["auto_configure"]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    assert not tracing.make_telemetry_config()["auto_configure"]


@pytest.mark.usefixtures("endpoint")
def test_the_service_works_where_the_extra_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for module in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter"):
        monkeypatch.setitem(sys.modules, module, None)
    with TestClient(create_app(Settings(data_dir=tmp_path)), base_url=LOOPBACK) as client:
        assert client.get("/health/live").status_code == 200
    tracing._configure_export.cache_clear()
    with tracing.trace_job("j"):
        assert any("install the extra" in record.message for record in caplog.records)
    tracing._configure_export.cache_clear()


def test_the_span_of_a_job_has_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    tracer: Any = RecordingTracer()
    monkeypatch.setattr(trace, "get_tracer", lambda _: tracer)
    with tracing.trace_job("0199"):
        pass
    assert tracer.spans == [("job", {"kan.job_id": "0199"})]
