"""Bodies of many megabytes: whoever sends them gets the usual answer, and nobody else notices."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.api.http.limits import DEFAULT_LIMITS
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.main import create_app
from service.settings import MiB, Settings
from tests.support.factories import make_model, make_predictor
from tests.support.peak import forget_peak, own_peak
from tests.support.servers import LOOPBACK, serving

JSON = {"content-type": "application/json"}
MANY_MISTAKES = b'{"model": "x", "rows": [' + b"1," * 2 * MiB + b"1]}"
MANY_ROWS = b'{"model": "x", "rows": [' + b'{"x":1},' * 1_400_000 + b'{"x":12345678901234567890}]}'


def pieces(body: bytes) -> Iterator[bytes]:
    """A body without a copy of it, and without its length in advance."""
    return (body[start : start + MiB] for start in range(0, len(body), MiB))


def patient(server: str, **more: Any) -> httpx.Client:
    return httpx.Client(base_url=server, timeout=200, **more)


def test_others_are_answered_while_a_large_body_is_read(server: str) -> None:
    answers: list[int] = []

    def attack() -> None:
        with patient(server) as client:
            answers.append(client.post("/predict", content=pieces(MANY_MISTAKES), headers=JSON).status_code)

    attacker = threading.Thread(target=attack)
    attacker.start()
    waits = []
    with patient(server) as client:
        while attacker.is_alive():
            since = time.monotonic()
            assert client.get("/health/live").status_code == 200
            waits.append(time.monotonic() - since)
            time.sleep(0.02)
    attacker.join()
    assert answers == [422]
    assert max(waits) < 5  # half a second, on a machine with nothing else to do


def test_a_large_body_takes_no_memory_of_the_service(server: str) -> None:
    with patient(server) as client:
        client.post("/predict", content=pieces(MANY_MISTAKES[: 2 * MiB]), headers=JSON)
        forget_peak()
        before = own_peak()
        assert client.post("/predict", content=pieces(MANY_MISTAKES), headers=JSON).status_code == 422
        assert client.post("/datasets", content=pieces(MANY_MISTAKES), headers=JSON).status_code == 422
    assert own_peak() - before < 8 * MiB


def test_a_body_that_takes_too_much_memory_is_refused_and_the_next_is_read(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"max_json_bytes": len(MANY_ROWS)}))
    with serving(app) as url, patient(url) as client:
        refused = client.post("/predict", content=pieces(MANY_ROWS), headers=JSON)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_costly")
        assert client.post("/predict", content=pieces(MANY_MISTAKES), headers=JSON).status_code == 422


def test_nesting_without_end_is_refused(client: TestClient) -> None:
    answer = client.post("/datasets", content=b'{"columns": ' * 100_000, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "too_deep")


@pytest.mark.parametrize("path", ["/predict", "/jobs", "/datasets", "/models/import"])
def test_what_is_in_no_form_that_a_path_takes_is_not_even_received(path: str, server: str) -> None:
    body = bytes(64 * MiB)
    with patient(server) as client:
        forget_peak()
        before = own_peak()
        answer = client.post(path, content=pieces(body), headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert own_peak() - before < 8 * MiB


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "x", "rows": [' + b"1," * 400_000 + b"1]}",
        b'{"model": "x", "columns": {' + b",".join(b'"%d":1' % i for i in range(90_000)) + b"}}",
        b'{"model": "x", ' + b",".join(b'"%d":1' % i for i in range(90_000)) + b"}",
    ],
    ids=["rows that are none", "columns that are none", "unknown fields"],
)
def test_the_mistakes_of_a_body_of_a_megabyte_are_told_at_once(body: bytes, client: TestClient) -> None:
    assert len(body) < DEFAULT_LIMITS.max_inline_table_bytes
    since = time.monotonic()
    answer = client.post("/predict", content=body, headers=JSON)
    assert time.monotonic() - since < 10
    assert answer.status_code == 422
    assert 1 <= len(answer.json()["errors"]) <= 100


def test_a_job_cannot_be_as_large_as_a_table(client: TestClient) -> None:
    answer = client.post("/jobs", content=b" " * 9 * MiB, headers=JSON)
    assert (answer.status_code, answer.json()["limit"]) == (413, 8 * MiB)


def test_many_mistakes_in_a_job_keep_nobody_waiting(client: TestClient) -> None:
    body = b'{"dataset_id": "x", "target": "y", "features": [' + b"1," * 200_000 + b"1]}"
    answer = client.post("/jobs", content=body, headers=JSON)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100
    assert client.app.state.reader._process is not None  # type: ignore[attr-defined]  # not here


def test_a_large_table_becomes_the_dataset_that_a_small_one_would(client: TestClient) -> None:
    values = [number / 7 for number in range(100_000)]
    answer = client.post("/v1/datasets", json={"name": "large", "columns": {"x": values}})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/datasets/{answer.json()['id']}"
    assert answer.headers["x-request-id"]
    preview = client.get(f"{answer.headers['location']}/preview", params={"limit": 3})
    assert [row["x"] for row in preview.json()["rows"]] == values[:3]


@pytest.fixture
def rows() -> dict[str, list[float]]:
    generator = np.random.default_rng(0)
    return {name: generator.uniform(-1, 1, 40_000).tolist() for name in ("x1", "x2")}


def test_a_large_prediction_is_the_same_and_is_counted(
    client: TestClient, sessions: Sessions, rows: dict[str, list[float]]
) -> None:
    predictor = make_predictor()
    model = make_model(sessions, predictor)
    answer = client.post("/predict", json={"model": model.id, "columns": rows})
    expected = predictor.predict({name: np.array(values) for name, values in rows.items()})
    assert answer.json()["predictions"] == expected.tolist()
    told = client.get("/metrics").text
    assert 'kan_predicted_rows_total{call="predict"} 40000.0' in told
    assert 'kan_requests_total{method="POST",route="/predict",status="2xx"} 1.0' in told


def test_a_large_inference_is_the_same_and_is_counted(
    client: TestClient, sessions: Sessions, rows: dict[str, list[float]]
) -> None:
    model = make_model(sessions)
    inputs = [{"name": n, "shape": [len(v)], "datatype": "FP64", "data": v} for n, v in rows.items()]
    answer = client.post(f"/v2/models/{model.id}/infer", json={"inputs": inputs})
    few = client.post(
        f"/v2/models/{model.id}/infer",
        json={"inputs": [tensor | {"shape": [5], "data": tensor["data"][:5]} for tensor in inputs]},
    )
    assert answer.json()["outputs"][0]["data"][:5] == few.json()["outputs"][0]["data"]
    stats = client.get(f"/v2/models/{model.id}/stats").json()["model_stats"][0]
    assert (stats["execution_count"], stats["inference_count"]) == (2, 40_005)


@pytest.fixture
def key_of(sessions: Sessions) -> Callable[..., dict[str, str]]:
    def made(tenant: str, **more: Any) -> dict[str, str]:
        with sessions.begin() as session:
            return {"Authorization": f"Bearer {ApiKeys(session).add('key', tenant=tenant, **more)[1]}"}

    return made


def with_keys(settings: Settings) -> TestClient:
    return TestClient(create_app(settings.model_copy(update={"host": "0.0.0.0"})), base_url=LOOPBACK)


def test_a_large_body_comes_from_the_tenant_of_its_key(
    app: FastAPI, settings: Settings, key_of: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.main.LargeBodyReader", lambda _: app.state.reader)  # it knows no keys
    keyed, mine, theirs = with_keys(settings), key_of("mine"), key_of("theirs")
    body = {"columns": {"x": [number / 7 for number in range(100_000)]}}
    made = keyed.post("/datasets", json=body, headers=mine)
    assert made.status_code == 201
    assert keyed.get(made.headers["location"], headers=mine).status_code == 200
    assert keyed.get(made.headers["location"], headers=theirs).status_code == 404


def test_nothing_of_a_large_body_is_kept_for_one_without_a_key(settings: Settings) -> None:
    with with_keys(settings) as keyed:
        assert keyed.post("/datasets", content=MANY_MISTAKES, headers=JSON).status_code == 401
        assert keyed.app.state.reader._process is None  # type: ignore[attr-defined]


def test_the_process_that_reads_is_started_anew_when_it_has_died(
    client: TestClient, app: FastAPI, key_of: Callable[..., dict[str, str]]
) -> None:
    headers = JSON | key_of("mine")
    body = b"[" + b"1," * DEFAULT_LIMITS.max_inline_other_bytes + b"1]"
    assert client.post("/jobs", content=body, headers=headers).status_code == 422
    app.state.reader._process.kill()
    app.state.reader._process.wait()
    assert client.post("/jobs", content=body, headers=headers).status_code == 422
