"""Submitting a prediction of a whole dataset, and downloading it; one dialect is enough."""

import csv
import io
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from service.db.session import Sessions
from service.settings import Settings
from tests.support.factories import make_model, make_predictor
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS

COLUMNS = {"x1": [0.1, 0.9], "x2": [1.0, 7.0], "=note": ["=1+1", 'a, "b"\n'], "y": [1, 2]}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def submit(client: TestClient, sessions: Sessions) -> Callable[..., Response]:
    """A job with a model called law, on a table that has more than the model reads."""
    make_model(sessions)

    def submit(columns: dict[str, Any] = COLUMNS, **body: Any) -> Response:
        table = {"name": 'rows "1"/é', "columns": columns}
        dataset_id = client.post("/datasets", json=table).json()["id"]
        return client.post(
            "/jobs", json={"kind": "predict", "model": "law", "dataset_id": dataset_id, **body}
        )

    return submit


@pytest.fixture
def result(
    client: TestClient, sessions: Sessions, settings: Settings, submit: Any
) -> Callable[..., Response]:
    def result(**body: Any) -> Response:
        job_id = submit(**body).json()["id"]
        run_job(job_id, None, sessions, settings, work_of=HANDLERS.__getitem__)
        return client.get(f"/jobs/{job_id}/result")

    return result


def test_a_csv_file_has_header_and_rows_that_any_reader_reads(result: Any) -> None:
    answer = result(format="csv", interval=0.5)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["x1", "x2", "'=note", "y", "y_predicted", "y_low", "y_high", "warning"]
    assert [row[2] for row in rows] == ["'=1+1", 'a, "b"\n']
    assert [row[-1] for row in rows] == ["", "outside_training_range"]
    assert float(rows[0][5]) < float(rows[0][4]) < float(rows[0][6])
    assert rows[1][5:7] == ["", ""]


def test_a_result_without_inputs_is_the_predictions_alone(result: Any) -> None:
    frame = pl.read_parquet(io.BytesIO(result(include_inputs=False).content))
    assert (frame.columns, frame.height) == (["y", "warning"], 2)


def test_a_result_is_a_file_with_a_name_and_a_size(result: Any) -> None:
    answer = result()
    name = "rows%20%221%22%2F%C3%A9-predictions.parquet"
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"


def test_a_batch_and_a_single_prediction_agree(client: TestClient, result: Any) -> None:
    frame = pl.read_parquet(io.BytesIO(result(interval=0.9).content))
    rows = frame.select("x1", "x2").rows(named=True)
    single = client.post("/predict", json={"model": "law", "rows": rows, "interval": 0.9}).json()
    assert frame["y_predicted"].to_list() == single["predictions"]
    bounds = [interval or [None, None] for interval in single["intervals"]]
    assert frame.select("y_low", "y_high").rows() == list(map(tuple, bounds))
    assert bounds[1] == [None, None]


def test_the_file_of_a_job_counts_in_the_usage(client: TestClient, result: Any) -> None:
    size = len(result().content)
    assert client.get("/usage").json()["results"] == {"count": 1, "bytes": size}


def test_a_result_comes_as_bytes_of_no_type_where_these_are_asked_for(
    client: TestClient, result: Any
) -> None:
    plain = result()
    octets = client.get(plain.request.url.path, headers={"Accept": "application/octet-stream"})
    assert octets.content == plain.content
    assert octets.headers["content-type"] == "application/octet-stream"


def test_there_is_no_result_before_the_end(client: TestClient, submit: Any) -> None:
    job_id = submit().json()["id"]
    for status in ("queued", "cancelled"):
        answer = client.get(f"/jobs/{job_id}/result")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_result")
        assert (answer.json()["job_status"], status in answer.json()["detail"]) == (status, True)
        client.post(f"/jobs/{job_id}/cancel")


def test_the_model_is_the_one_that_the_name_stood_for_at_submission(
    client: TestClient, sessions: Sessions, settings: Settings, submit: Any
) -> None:
    job_id = submit(include_inputs=False).json()["id"]
    make_model(sessions, make_predictor(seed=1))
    run_job(job_id, None, sessions, settings, work_of=HANDLERS.__getitem__)
    frame = pl.read_parquet(io.BytesIO(client.get(f"/jobs/{job_id}/result").content))
    rows = [{"x1": 0.1, "x2": 1.0}, {"x1": 0.9, "x2": 7.0}]
    first = client.get("/models?name=law").json()["items"][-1]["id"]
    expected = client.post(f"/models/{first}/predict", json={"rows": rows}).json()["predictions"]
    assert frame["y"].to_list() == expected
    assert client.post("/predict", json={"model": "law", "rows": rows}).json()["predictions"] != expected


def test_a_dataset_cannot_go_while_a_job_needs_it(client: TestClient, submit: Any) -> None:
    job = submit().json()
    answer = client.delete(f"/datasets/{job['dataset_id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_in_use")


@pytest.mark.parametrize(
    ("columns", "body", "code", "column"),
    [
        ({"x1": [0.1, 0.2]}, {}, "missing_columns", "x2"),
        ({"x1": [0.1, 0.2], "x2": ["a", "b"]}, {}, "invalid_values", "x2"),
        (COLUMNS, {"interval": 0.999}, "no_interval", None),
        (COLUMNS, {"format": "xlsx"}, "validation_failed", None),
        (COLUMNS, {"target": "y"}, "validation_failed", None),
    ],
)
def test_what_cannot_be_predicted_is_refused_at_once(
    submit: Any, columns: dict[str, Any], body: dict[str, Any], code: str, column: str | None
) -> None:
    problem = submit(columns, **body).json()
    assert (problem["status"], problem["code"]) == (422, code)
    assert problem["errors"][0].get("column") == column


@pytest.mark.parametrize(
    ("body", "code"),
    [({"model": "nobody"}, "model_not_found"), ({"dataset_id": "none"}, "dataset_not_found")],
)
def test_an_unknown_model_or_dataset_is_not_found(submit: Any, body: dict[str, str], code: str) -> None:
    answer = submit(**body)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_prediction_can_be_done_again_as_long_as_its_model_is_there(
    client: TestClient, submit: Any
) -> None:
    job_id = submit().json()["id"]
    client.post(f"/jobs/{job_id}/cancel")
    again = client.post(f"/jobs/{job_id}/retry").json()
    assert (again["kind"], again["retry_of"]) == ("predict", job_id)
    (model,) = client.get("/models").json()["items"]
    client.delete(f"/models/{model['id']}")
    answer = client.post(f"/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")
