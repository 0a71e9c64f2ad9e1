"""What holds for every call: problem+json, strict bodies, limits, documentation without a CDN."""

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from kan_engine.errors import InvalidConfig, InvalidData
from service.api.http.dependencies import StrictRoute
from service.db.migrate import head_revision
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.db.tables import JobEvent, Worker
from service.main import RESOURCES, create_app
from service.settings import Settings
from tests.support.factories import make_dataset, make_job, start_job
from tests.support.servers import LOOPBACK, ValkeyServer


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The frame is the same on both dialects."""
    return sqlite_url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url, data_dir=tmp_path, max_json_bytes=10_000, max_body_bytes=50_000
    )


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=LOOPBACK, raise_server_exceptions=False) as client:
        yield client


def problem_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body.keys() >= {"type", "title", "status", "detail", "instance", "code", "errors"}
    assert body["status"] == status
    return body


def fails(app: FastAPI, error: Exception) -> str:
    """A path that fails with this error."""

    def fail() -> None:
        raise error

    app.router.add_api_route("/fails", fail)
    return "/fails"


def see_worker(sessions: Sessions, ago: timedelta = timedelta()) -> None:
    with sessions.begin() as session:
        session.add(Worker(id="w", host="h", pid=1, slots=1, seen_at=datetime.now(UTC) - ago))


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    assert problem_of(client.get("/nowhere"), 404)["code"] == "path_not_found"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/health/live", "GET, HEAD"),
        ("/datasets", "GET, HEAD, POST"),
        ("/predict", "POST"),
        ("/v1/datasets/x", "DELETE, GET, HEAD, PATCH"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_a_problem_that_names_the_right_ones(
    path: str, methods: str, client: TestClient
) -> None:
    answer = client.put(path)
    assert problem_of(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == methods


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/health/live", "/health/ready", "/v1/health/live", "/datasets", "/jobs", "/models/x"],
)
def test_head_answers_as_get_does_but_without_a_body(path: str, client: TestClient) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert (head.headers["content-type"], head.headers["content-length"]) == (
        get.headers["content-type"],
        get.headers["content-length"],
    )


def test_a_path_without_get_has_no_head_either(client: TestClient) -> None:
    answer = client.head("/predict")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("method", "path", "possible"),
    [
        ("POST", "/jobs/x/cancel?kep=best", "possible here: keep"),
        ("GET", "/v1/datasets?size=10", "possible here: cursor, limit, name"),
        ("GET", "/models?limit=1&nam=law", "possible here: cursor, dataset, limit, name"),
        ("DELETE", "/datasets/x?force", "none is possible here"),
        ("POST", "/predict?verbose=1", "none is possible here"),
    ],
)
def test_an_unknown_parameter_is_refused_with_those_that_are_known(
    method: str, path: str, possible: str, client: TestClient
) -> None:
    (entry,) = problem_of(client.request(method, path), 422)["errors"]
    assert (entry["in"], entry["code"]) == ("query", "extra_forbidden")
    assert repr(entry["parameter"]) in entry["detail"]
    assert possible in entry["detail"]


def test_a_wrong_parameter_is_named(client: TestClient) -> None:
    (entry,) = problem_of(client.get("/datasets?limit=201"), 422)["errors"]
    assert (entry["parameter"], entry["in"]) == ("limit", "query")


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "%20", "' OR 1=1", "é"])
def test_an_edited_cursor_is_refused(cursor: str, client: TestClient) -> None:
    assert problem_of(client.get("/datasets", params={"cursor": cursor}), 422)["code"] == "invalid_cursor"


def test_every_wrong_field_is_pointed_at(client: TestClient) -> None:
    body = {"columns": {"x": 1}, "units": {"x": 2}, "extra": 3}
    problem = problem_of(client.post("/datasets", json=body), 422)
    assert {entry["pointer"] for entry in problem["errors"]} == {"#/columns/x", "#/units/x", "#/extra"}
    assert problem["detail"].startswith("3 problems")


def test_a_missing_field_of_an_alternative_is_pointed_at_without_the_name_of_the_type(
    client: TestClient,
) -> None:
    body = {"dataset_id": "d", "target": "y", "network": {"hidden": ["a"]}}
    pointers = [entry["pointer"] for entry in problem_of(client.post("/jobs", json=body), 422)["errors"]]
    assert set(pointers) <= {"#/network/hidden", "#/network/hidden/0"}


def test_a_refusal_of_the_engine_is_the_clients_to_correct(app: FastAPI, client: TestClient) -> None:
    path = fails(app, InvalidData("x is not a number", column="x", row=3))
    (entry,) = problem_of(client.get(path), 422)["errors"]
    assert (entry["column"], entry["row"], entry["code"]) == ("x", 3, "invalid_data")


def test_a_bad_configuration_is_the_clients_to_correct(app: FastAPI, client: TestClient) -> None:
    path = fails(app, InvalidConfig("order must be between 0 and 5, got -1"))
    problem = problem_of(client.get(path), 422)
    assert (problem["code"], problem["detail"]) == ("invalid_config", "order must be between 0 and 5, got -1")


def test_a_fault_of_ours_tells_nothing_but_where_to_look(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    problem = problem_of(client.get(fails(app, RuntimeError("password is hush"))), 500)
    assert "hush" not in str(problem)
    (record,) = [record for record in caplog.records if record.message == "request failed"]
    assert record.__dict__["instance"] == problem["instance"]


def test_a_lost_database_is_a_reason_to_come_again(app: FastAPI, client: TestClient) -> None:
    answer = client.get(fails(app, OperationalError("SELECT", {}, Exception("gone"))))
    assert problem_of(answer, 503)["code"] == "database_unavailable"
    assert int(answer.headers["retry-after"]) > 0


def test_every_route_with_a_body_reads_it_strictly() -> None:
    lax = [
        route.path
        for router in RESOURCES
        for route in router.routes
        if isinstance(route, APIRoute) and route.body_field and not isinstance(route, StrictRoute)
    ]
    assert lax == []


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "text/plain"}, {"content-type": "application/json; charset=utf-16"}]
)
def test_a_body_in_another_form_is_refused(headers: dict[str, str], client: TestClient) -> None:
    problem_of(client.post("/jobs", content=b'{"dataset_id": "d", "target": "y"}', headers=headers), 415)


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json; charset=UTF-8"])
def test_json_is_taken_under_its_names(kind: str, client: TestClient) -> None:
    answer = client.post("/datasets", content=b'{"columns": {"x": [1]}}', headers={"content-type": kind})
    assert answer.status_code == 201


def test_a_missing_body_is_a_problem(client: TestClient) -> None:
    problem_of(client.post("/jobs"), 422)


def test_a_json_body_over_its_limit_is_refused_with_the_limit(client: TestClient) -> None:
    problem = problem_of(client.post("/datasets", json={"columns": {"x": [0] * 10_000}}), 413)
    assert (problem["code"], problem["limit"]) == ("body_too_large", 10_000)


def test_an_upload_over_the_limit_is_refused_with_the_limit(client: TestClient) -> None:
    answer = client.post("/datasets", files={"file": ("a.csv", b"x,y\n" + b"1,2\n" * 20_000)})
    assert problem_of(answer, 413)["limit"] == 50_000


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_a_body_of_untold_length_is_counted(kind: str, client: TestClient) -> None:
    endless = (b"x" * 1000 for _ in range(100))
    first = iter([b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n'])
    body = (chunk for chunks in (first, endless) for chunk in chunks)
    problem_of(client.post("/datasets", content=body, headers={"content-type": kind}), 413)


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    problem_of(client.post("/datasets", content=b"\x1f\x8b", headers=headers), 415)


@pytest.mark.parametrize("path", ["/datasets/%00", "/datasets?cursor=%00"])
def test_nul_in_an_address_is_refused(path: str, client: TestClient) -> None:
    problem_of(client.get(path), 400)


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/assets/swagger-ui.css", "/health/live"])
def test_pages_and_probes_are_under_v1_too(client: TestClient, path: str) -> None:
    assert client.get(f"/v1{path}").text == client.get(path).text
    assert client.get(f"/v1{path}").status_code == 200


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_pages_need_nothing_from_elsewhere(page: str, client: TestClient) -> None:
    html = client.get(page).text
    assert re.findall(r"https?://", html) == []
    addresses = re.findall(r"(?:src|href)=\"([^#\"]+)\"", html)
    assert addresses
    assert all(client.get(address).status_code in (200, 503) for address in addresses)


def test_pages_know_the_prefix_of_a_proxy(settings: Settings) -> None:
    with TestClient(create_app(settings), base_url=LOOPBACK, root_path="/kan") as client:
        assert "/kan/docs/assets/swagger-ui.css" in client.get("/kan/docs").text


@pytest.mark.parametrize("name", ["main.py", "..%2fmain.py", "%2e%2e/main.py"])
def test_an_unknown_asset_is_not_found(name: str, client: TestClient) -> None:
    problem_of(client.get(f"/docs/assets/{name}"), 404)


def test_a_client_that_leaves_is_no_fault_of_ours(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """The framework's own client cannot hang up, so this speaks ASGI."""
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/datasets",
        "query_string": b"",
    }
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(app, scope | {"headers": headers}, receive, send)
    assert sent[0]["status"] == 400
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_every_operation_has_a_name_and_a_problem_in_the_documentation(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all("application/problem+json" in o["responses"]["4XX"]["content"] for o in operations)


def test_the_process_is_alive(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}


def test_ready_with_database_migrations_and_a_worker(client: TestClient, app: FastAPI) -> None:
    see_worker(app.state.sessions)
    body = client.get("/health/ready").json()
    assert body["status"] == "ready"
    assert body["checks"]["migrations"] == {"ok": True, "detail": head_revision()}


def test_not_ready_without_a_worker(client: TestClient) -> None:
    problem = problem_of(client.get("/health/ready"), 503)
    assert problem["detail"] == "not ready: worker"


def test_not_ready_when_the_worker_went_quiet(client: TestClient, app: FastAPI) -> None:
    see_worker(app.state.sessions, ago=timedelta(seconds=60))
    check = problem_of(client.get("/health/ready"), 503)["checks"]["worker"]
    assert not check["ok"]
    assert re.search(r"the newest 6\d s ago", check["detail"])


def test_readiness_tells_how_old_the_newest_word_of_a_worker_is(client: TestClient, app: FastAPI) -> None:
    see_worker(app.state.sessions, ago=timedelta(seconds=5))
    detail = client.get("/health/ready").json()["checks"]["worker"]["detail"]
    assert re.fullmatch(r"1 seen in the last 15 s, the newest [5-9] s ago", detail)


@pytest.mark.parametrize("path", ["/health/ready", "/v2/health/ready"])
def test_not_ready_from_the_moment_on_at_which_the_process_is_told_to_stop(
    client: TestClient, app: FastAPI, path: str
) -> None:
    see_worker(app.state.sessions)
    assert client.get(path).status_code == 200
    app.state.watch.close()
    assert problem_of(client.get(path), 503)["detail"] == "not ready: process"
    assert client.get("/health/live").status_code == 200


def test_not_ready_on_a_database_that_is_not_migrated(empty_sqlite_url: str, tmp_path: Path) -> None:
    with TestClient(
        create_app(Settings(database_url=empty_sqlite_url, data_dir=tmp_path)), base_url=LOOPBACK
    ) as client:
        check = problem_of(client.get("/health/ready"), 503)["checks"]["migrations"]
    assert f"none, this version needs {head_revision()}" in check["detail"]


def test_not_ready_without_its_database(tmp_path: Path) -> None:
    nowhere = "postgresql+psycopg://kan:hush@127.0.0.1:1/kan"
    with TestClient(
        create_app(Settings(database_url=nowhere, data_dir=tmp_path)), base_url=LOOPBACK
    ) as client:
        problem = problem_of(client.get("/health/ready"), 503)
    assert not problem["checks"]["database"]["ok"]
    assert "hush" not in str(problem)


def test_ready_only_while_the_broker_answers(valkey: ValkeyServer, settings: Settings) -> None:
    with TestClient(
        create_app(settings.model_copy(update={"broker_url": valkey.url})), base_url=LOOPBACK
    ) as client:
        assert problem_of(client.get("/health/ready"), 503)["checks"]["broker"]["ok"]
        valkey.close()
        assert not problem_of(client.get("/health/ready"), 503)["checks"]["broker"]["ok"]


def test_not_ready_where_the_driver_of_the_broker_cannot_be_loaded(
    no_redis_transport: None, valkey: ValkeyServer, settings: Settings
) -> None:
    with TestClient(
        create_app(settings.model_copy(update={"broker_url": valkey.url})), base_url=LOOPBACK
    ) as client:
        check = problem_of(client.get("/health/ready"), 503)["checks"]["broker"]
    assert (check["ok"], "packaging" in check["detail"]) == (False, True)


def test_a_job_is_accepted_where_the_driver_of_the_broker_cannot_be_loaded(
    no_redis_transport: None, valkey: ValkeyServer, settings: Settings
) -> None:
    with TestClient(
        create_app(settings.model_copy(update={"broker_url": valkey.url})), base_url=LOOPBACK
    ) as client:
        body = {"dataset_id": make_dataset(client.app.state.sessions), "target": "y"}
        answer = client.post("/jobs", json=body)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_not_ready_while_jobs_wait_and_none_is_taken(client: TestClient, app: FastAPI) -> None:
    sessions = app.state.sessions
    see_worker(sessions)
    waiting, working = make_job(sessions), make_job(sessions)
    assert client.get("/health/ready").status_code == 200
    with sessions.begin() as session:
        session.execute(update(JobEvent).values(created_at=datetime.now(UTC) - timedelta(seconds=60)))
    check = problem_of(client.get("/health/ready"), 503)["checks"]["queue"]
    assert re.search(r"waiting for 6\d s, and no worker takes one", check["detail"])
    token = start_job(sessions, working.id)
    assert client.get("/health/ready").status_code == 200
    with sessions.begin() as session:
        Jobs(session).fail(working.id, token, code="c", detail="d")
    assert client.get("/health/ready").status_code == 200
    assert waiting.status == "queued"
