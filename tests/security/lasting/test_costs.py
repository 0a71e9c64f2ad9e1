"""Requests for more than there is: refused at once, in few words, before anything is queued."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.db.session import Sessions
from tests.support.factories import make_model

HUGE = 10**15


@pytest.fixture(scope="module")
def table(client: TestClient) -> str:
    columns = {name: [float(i * power) for i in range(40)] for power, name in enumerate(("x", "y"), start=1)}
    return str(client.post("/datasets", json={"columns": columns}).json()["id"])


JOBS: dict[str, dict[str, Any]] = {
    "a layer of a million nodes": {"network": {"hidden": [10**6]}},
    "two wide layers": {"network": {"hidden": [10**4, 10**4]}},
    "a layer wider than any": {"network": {"hidden": [HUGE]}},
    "a layer beyond integers": {"network": {"hidden": [10**30]}},
    "a thousand layers": {"network": {"hidden": [2] * 1000}},
    "a hundred thousand layers": {"network": {"hidden": [1] * 100_001}},
    "a grid of a thousand million": {"network": {"grid": 10**9}},
    "splines of order 50": {"network": {"order": 50}},
    "endless steps": {"training": {"steps": 10**12}},
    "a thousand million restarts": {"training": {"restarts": 10**9}},
    "a schedule of many grids": {"training": {"grid_schedule": list(range(3, 30))}},
    "a schedule up to the sky": {"training": {"grid_schedule": [3, HUGE]}},
    "all time there is": {"max_seconds": 1e12},
    "twenty thousand features": {"features": [f"x{i}" for i in range(20_000)]},
    "one feature, again and again": {"features": ["x"] * 20_000},
    "a seed beyond 32 bits": {"seed": 2**32},
    "a complexity without bound": {"symbolic": {"max_complexity": HUGE}},
    "twenty thousand tags": {"tags": {f"t{i}": "" for i in range(20_000)}},
    "a label of a megabyte": {"tags": {"t" * 2**20: ""}},
    "a value of a megabyte": {"tags": {"t": "v" * 2**20}},
    "a name of a megabyte": {"name": "n" * 2**20},
    "a target of a megabyte": {"target": "y" * 2**20},
    "a split by many values": {"split": {"kind": "column", "column": "x", "test": list(range(10**5))}},
    "types of columns that are not there": {"types": {f"x{i}": "number" for i in range(20_000)}},
    "weights of classes that are not there": {
        "task": "classification",
        "training": {"class_weight": {f"c{i}": 1.0 for i in range(20_000)}},
    },
    "the same baseline, again and again": {"baselines": ["mlp"] * 20_000},
}  # fmt: skip


@pytest.fixture
def unmoved(client: TestClient) -> Iterator[TestClient]:
    """A client after whose request no job is queued, and whose answer is short."""
    yield client
    assert client.get("/jobs").json()["items"] == []


@pytest.mark.parametrize("body", JOBS.values(), ids=JOBS.keys())
def test_a_job_beyond_all_bounds_is_refused(unmoved: TestClient, table: str, body: dict[str, Any]) -> None:
    answer = unmoved.post("/jobs", json={"dataset_id": table, "target": "y"} | body)
    assert answer.status_code == 422
    assert len(answer.content) < 100_000


@pytest.mark.parametrize(
    "path",
    [
        "/datasets?limit=1000000000",
        "/jobs?limit=-1",
        "/models?limit=201",
        "/audit?limit=99999999999999999999999",
        f"/models?cursor={'A' * 50_000}",
        "/jobs/x/events?cursor=9223372036854775808",
        "/jobs/x/events?limit=0",
        "/jobs/x?wait=1e9",
        "/jobs/x?wait=nan",
        "/jobs/x?wait=inf",
        "/datasets/x/preview?limit=1000000000",
    ],
)
def test_no_list_is_longer_and_no_wait_either(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) in (
        (422, "validation_failed"),
        (422, "invalid_cursor"),
    )
    assert len(answer.content) < 10_000


PREDICTIONS: dict[str, Any] = {
    "ten thousand columns": {"rows": [{f"x{i}": 0 for i in range(10_000)}] * 20},
    "columns of different lengths": {"columns": {"x1": [0] * 10_000, "x2": [0]}},
    "an interval of everything": {"rows": [{"x1": 0, "x2": 0}], "interval": 1.0},
    "an integer beyond doubles": {"rows": [{"x1": 10**400, "x2": 0}]},
}


@pytest.mark.parametrize("body", PREDICTIONS.values(), ids=PREDICTIONS.keys())
def test_a_prediction_beyond_all_bounds_is_refused(
    client: TestClient, sessions: Sessions, body: dict[str, Any]
) -> None:
    model = make_model(sessions)
    answer = client.post(f"/models/{model.id}/predict", json=body)
    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 100_000


TENSORS: dict[str, dict[str, Any]] = {
    "more rows than may be": {"shape": [100_001, 2], "data": [0.0] * 200_002},
    "a shape beyond all memory": {"shape": [10**15, 10**15], "data": [0.0]},
    "a shape beyond all memory of nothing": {"shape": [10**15, 0], "data": []},
    "a shape of nothing beyond all memory": {"shape": [0, 10**15], "data": []},
    "a shape beyond integers": {"shape": [10**30], "data": []},
    "a thousand dimensions": {"shape": [1] * 1000, "data": [0.0]},
    "bytes that are not there": {"shape": [10**9, 2], "parameters": {"binary_data_size": 16 * 10**9}},
}


@pytest.mark.parametrize("tensor", TENSORS.values(), ids=TENSORS.keys())
def test_a_tensor_beyond_all_bounds_is_refused(
    client: TestClient, sessions: Sessions, tensor: dict[str, Any]
) -> None:
    model = make_model(sessions)
    body = {"inputs": [{"name": "x", "datatype": "FP64"} | tensor]}
    answer = client.post(f"/v2/models/{model.id}/infer", content=json.dumps(body).encode())
    assert 400 <= answer.status_code < 500, answer.text[:500]
