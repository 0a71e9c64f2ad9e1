"""Numbers for Prometheus: what they count, that their labels are ours alone, and who may see them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from service.caller import DEFAULT_TENANT, Scope
from service.db.repositories import Jobs, Workers
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.main import create_app
from service.settings import Settings
from tests.support.factories import make_job, make_model
from tests.support.servers import LOOPBACK

Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is read from the database is tested in both dialects by the tests of figures."""
    return sqlite_url


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    app = create_app(settings)
    with TestClient(app, base_url=LOOPBACK, raise_server_exceptions=False) as client:
        yield client


def scrape(client: TestClient) -> dict[Sample, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = read_text(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(client: TestClient, name: str, **labels: str) -> float | None:
    return scrape(client).get((name, frozenset(labels.items())))


def test_requests_are_counted_by_the_template_of_their_path(client: TestClient) -> None:
    for path in ("/models/a", "/v1/models/b", "/models/c?secret=1"):
        client.get(path)
    client.head("/models/d")
    of = {"route": "/models/{model_id}", "status": "4xx"}
    assert value(client, "kan_requests_total", method="GET", **of) == 3
    assert value(client, "kan_requests_total", method="HEAD", **of) == 1
    assert value(client, "kan_request_seconds_count", method="GET", route=of["route"]) == 3


def test_no_word_of_a_client_becomes_a_label(client: TestClient) -> None:
    client.get("/evil-path")
    client.get("/models/evil-name")
    client.request("EVIL", "/")
    client.post("/jobs", json={"evil-field": "evil"})
    client.post("/predict", json={"model": "evil", "rows": [{"evil-column": 1.0}]})
    samples = scrape(client)
    assert "evil" not in str(samples).lower()
    of = {"route": "other", "method": "GET", "status": "4xx"}
    assert samples["kan_requests_total", frozenset(of.items())] == 1


def test_errors_are_counted_by_their_code(client: TestClient) -> None:
    client.get("/models/none")
    client.get("/datasets?limit=0")
    assert value(client, "kan_errors_total", code="model_not_found") == 1
    assert value(client, "kan_errors_total", code="validation_failed") == 1


def test_a_fault_of_ours_is_an_error_too(client: TestClient) -> None:
    def fail() -> None:
        raise RuntimeError

    client.app.router.add_api_route("/fails", fail)  # type: ignore[attr-defined]
    assert client.get("/fails").status_code == 500
    assert value(client, "kan_errors_total", code="internal_error") == 1
    assert value(client, "kan_requests_total", method="GET", route="/fails", status="5xx") == 1


def test_predicted_rows_are_counted_by_the_kind_of_call(client: TestClient, sessions: Sessions) -> None:
    make_model(sessions)
    rows = [{"x1": 0.1, "x2": 0.2}] * 3
    tensor = {"name": "rows", "shape": [2, 2], "datatype": "FP64", "data": [0.1, 0.2, 0.3, 0.4]}
    assert client.post("/predict", json={"model": "law", "rows": rows}).status_code == 200
    assert client.post("/models/law/predict", json={"rows": rows}).status_code == 200
    assert client.post("/v2/models/law/infer", json={"inputs": [tensor]}).status_code == 200
    client.post("/predict", json={"model": "law", "rows": [{}]})
    assert value(client, "kan_predicted_rows_total", call="predict") == 6
    assert value(client, "kan_predicted_rows_total", call="infer") == 2
    assert value(client, "kan_prediction_seconds_count", call="predict") == 2


def test_jobs_and_workers_are_told_as_the_database_has_them(client: TestClient, sessions: Sessions) -> None:
    make_job(sessions)
    job_id = make_job(sessions).id
    with sessions.begin() as session:
        Workers(session).report("w", host="h", pid=1, slots=4)
        job = Jobs(session).claim(job_id, lease_s=60)
        assert job is not None
        Jobs(session).succeed(job_id, str(job.token), model_id="m")
    samples = scrape(client)

    def of(name: str, **labels: str) -> float:
        return samples[name, frozenset(labels.items())]

    assert (of("kan_workers"), of("kan_worker_slots"), of("kan_database_up")) == (1, 4, 1)
    assert of("kan_jobs", kind="train", status="queued") == 1
    assert of("kan_jobs", kind="train", status="running") == 0
    assert of("kan_queue_oldest_seconds", kind="train") > 0
    assert of("kan_jobs_finished_total", kind="train", status="succeeded") == 1
    for name in ("kan_job_wait_seconds", "kan_job_run_seconds"):
        counts = [of(f"{name}_bucket", kind="train", le=le) for le in ("1.0", "3600.0", "+Inf")]
        assert counts == sorted(counts)
        assert counts[-1] == of(f"{name}_count", kind="train") == 1


def test_a_lost_database_is_a_number_and_the_rest_is_still_told(tmp_path: Path) -> None:
    settings = Settings(database_url="postgresql+psycopg://kan@127.0.0.1:1/kan", data_dir=tmp_path)
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        client.get("/health/live")
        assert value(client, "kan_database_up") == 0
        assert value(client, "kan_requests_total", method="GET", route="/health/live", status="2xx") == 1


def test_who_speaks_openmetrics_gets_it(client: TestClient) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {family.name for family in read_openmetrics(answer.text)} >= {"kan_requests", "kan_workers"}


@pytest.mark.parametrize(
    ("tenant", "scope", "status"),
    [(DEFAULT_TENANT, Scope.ADMIN, 200), (DEFAULT_TENANT, Scope.READ, 403), ("lab", Scope.ADMIN, 403)],
)
def test_only_an_admin_of_the_service_s_own_tenant_sees_numbers_of_all(
    settings: Settings, sessions: Sessions, tenant: str, scope: Scope, status: int
) -> None:
    with sessions.begin() as session:
        key = ApiKeys(session).add("prometheus", tenant=tenant, scopes=[scope])[1]
    open_to_all = settings.model_copy(update={"host": "0.0.0.0"})
    with TestClient(create_app(open_to_all), base_url=LOOPBACK) as client:
        assert client.get("/metrics").status_code == 401
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == status


COUNT_IN_TWO_PROCESSES = """
import os
from prometheus_client import CollectorRegistry
from service.api.telemetry.request_metrics import RequestMetrics

class Nothing:
    def collect(self):
        return ()

def answer():
    meters = RequestMetrics(Nothing())
    meters.count_request({"method": "GET", "state": {}}, 200, 0.1)
    return meters

if os.fork() == 0:
    answer()
    os._exit(0)
os.wait()
print(answer().render("")[0].decode())
"""


def test_processes_that_count_into_one_folder_answer_for_each_other(tmp_path: Path) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    told: Any = subprocess.run(
        [sys.executable, "-c", COUNT_IN_TWO_PROCESSES], env=environment, capture_output=True, check=True
    )
    assert 'kan_requests_total{method="GET",route="other",status="2xx"} 2.0' in told.stdout.decode()
