"""Datasets over HTTP, on both dialects."""

import gzip
import io
import json
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from service.caller import LOCAL_CALLER
from service.db.repositories import Datasets, Jobs
from service.db.session import Sessions
from service.db.tables import Blob, JobStatus
from service.storage.stored_table import open_table
from tests.support.databases import ON_ONE_DATABASE
from tests.support.factories import make_job

CSV = b"x,y,color,ok,day\n1,0.5,red,true,2024-01-01\n2,,blue,false,2024-01-02\n"


def upload(client: TestClient, content: bytes = CSV, filename: str = "data.csv", **fields: str) -> Any:
    return client.post("/datasets", files={"file": (filename, content)}, data=fields)


def test_an_upload_answers_with_the_dataset_and_where_it_is(client: TestClient) -> None:
    answer = upload(client)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/datasets/{answer.json()['id']}"
    assert client.get(answer.headers["location"]).json() == answer.json()


def test_a_dataset_tells_name_type_and_statistics_of_its_columns(client: TestClient) -> None:
    body = upload(client).json()
    assert (body["name"], body["rows"]) == ("data", 2)
    assert [column["type"] for column in body["columns"]] == [
        "integer", "number", "category", "boolean", "datetime"
    ]  # fmt: skip
    assert body["columns"][1] | {"top": []} == {
        "name": "y", "type": "number", "missing": 1, "distinct": 1,
        "min": 0.5, "max": 0.5, "mean": 0.5, "std": None, "top": [], "histogram": None,
        "possible_missing": [], "is_id": False, "form": None,
    }  # fmt: skip


CODES = "x,y\n" + "".join(f"{number},{number}.5\n" for number in range(8)) + "-999,1\n-999,2\n"


@ON_ONE_DATABASE
def test_codes_for_missing_values_are_proposed_and_taken_when_an_upload_names_them(
    client: TestClient,
) -> None:
    proposed = upload(client, CODES.encode()).json()
    assert proposed["columns"][0]["possible_missing"] == [{"value": -999, "count": 2}]
    accepted = upload(client, CODES.encode(), missing='{"*": [-999]}').json()
    assert (accepted["columns"][0]["missing"], accepted["columns"][0]["min"]) == (2, 0)
    large = upload(client, (CODES + "8,8.5\n" * 60_000).encode(), missing='{"x": [-999]}').json()
    assert large["columns"][0]["missing"] == 2  # read by a process of its own
    columns = {"x": [*range(8), -999, -999]}
    body = client.post("/datasets", json={"columns": columns, "missing": {"x": [-999]}}).json()
    assert body["columns"][0]["missing"] == 2


@ON_ONE_DATABASE
def test_a_sample_is_spread_over_the_whole_table(client: TestClient) -> None:
    moments = [f"2024-01-{day:02}" for day in range(1, 11)]
    columns = {"x": [*range(9), None], "when": moments}
    dataset = client.post("/datasets", json={"columns": columns}).json()["id"]
    told = client.get(f"/datasets/{dataset}/sample", params={"limit": 4}).json()
    assert (told["columns"], told["numbers"]) == (["x", "when"], [0, 2, 5, 7])
    assert [row["x"] for row in told["rows"]] == [0, 2, 5, 7]
    assert told["rows"][1]["when"].startswith("2024-01-03T00:00")
    whole = client.get(f"/datasets/{dataset}/sample").json()
    assert (whole["numbers"], whole["rows"][-1]["x"]) == (list(range(10)), None)
    assert client.get(f"/datasets/{dataset}/sample", params={"limit": 1001}).status_code == 422
    assert client.get("/datasets/none/sample").status_code == 404


REPEATS = "x,y\n1,2\n1,2\n3,4\n"


@ON_ONE_DATABASE
@pytest.mark.parametrize("table", ["small", "large", "columns"])
def test_an_upload_leaves_repeated_rows_out_on_request(client: TestClient, table: str) -> None:
    content = REPEATS + ("5,6\n" * 600_000 if table == "large" else "")  # read by a process of its own
    if table == "columns":
        columns = {"x": [1, 1, 3], "y": [2, 2, 4]}
        told = client.post("/datasets", json={"columns": columns, "repeated_rows": "drop"}).json()
    else:
        told = upload(client, content.encode(), repeated_rows="drop").json()
    assert told["rows"] == (3 if table == "large" else 2)
    assert [warning["code"] for warning in told["warnings"]] == ["dropped_rows"]


@ON_ONE_DATABASE
def test_day_and_month_are_exchanged_where_an_upload_says_so(client: TestClient) -> None:
    table = b"day,y\n01/02/2026,1\n03/04/2026,2\n"
    guessed = upload(client, table).json()
    assert [warning["code"] for warning in guessed["warnings"]] == ["date_form", "ambiguous_dates"]
    copy = client.get(f"/datasets/{guessed['id']}/content").content
    swapped = upload(client, copy, "copy.parquet", swap_day_and_month='["day"]').json()
    assert swapped["columns"][0]["max"].startswith("2026-03-04")
    refused = upload(client, table, swap_day_and_month='["y"]')
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_dates")
    assert upload(client, table, swap_day_and_month='{"day": 1}').status_code == 422


@ON_ONE_DATABASE
def test_units_in_cells_are_those_of_the_columns(client: TestClient) -> None:
    told = upload(client, b"mass,y\n1kg,2\n900g,4\n2kg,5\n").json()
    assert told["units"] == {"mass": "kg"}
    assert told["warnings"][0]["unit"] == "kg"
    assert upload(client, b"mass,y\n1kg,2\n2kg,4\n", units='{"mass": ""}').json()["units"] == {"mass": ""}


@ON_ONE_DATABASE
def test_an_upload_may_name_its_encoding(client: TestClient) -> None:
    table = "кг,y\n1,2\n3,4\n".encode("cp866")
    told = upload(client, table, encoding="cp866").json()
    assert [column["name"] for column in told["columns"]] == ["кг", "y"]
    large = upload(client, table + b"5,6\n" * 600_000, encoding="CP866").json()
    assert large["columns"][0]["name"] == "кг"  # read by a process of its own
    assert upload(client, table, encoding="utf-8").json()["code"] == "not_text"


@ON_ONE_DATABASE
@pytest.mark.parametrize("name", ["klingon", "base64", "undefined", "punycode", "x" * 5000, ""])
def test_an_unknown_encoding_is_refused_with_known_ones(client: TestClient, name: str) -> None:
    refused = upload(client, b"x,y\n1,2\n", encoding=name)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "encoding"
    assert "such as utf-8, cp1251" in refused.json()["errors"][0]["detail"]


@ON_ONE_DATABASE
def test_repeated_rows_stay_unless_the_upload_says_otherwise(client: TestClient) -> None:
    told = upload(client, REPEATS.encode()).json()
    assert (told["rows"], told["warnings"][0]["code"], told["warnings"][0]["count"]) == (
        3,
        "repeated_rows",
        1,
    )
    refused = upload(client, REPEATS.encode(), repeated_rows="perhaps")
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("missing", "code"),
    [('{"z": [-999]}', "invalid_missing"), ("[-999]", "validation_failed"), ("-999", "validation_failed")],
)
def test_missing_values_must_belong_to_columns(missing: str, code: str, client: TestClient) -> None:
    answer = upload(client, CODES.encode(), missing=missing)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("filename", "content"),
    [
        ("a.csv", b"x,y\n1,2\n3,4\n"),
        ("a.tsv", b"x\ty\n1\t2\n3\t4\n"),
        ("a.csv.gz", gzip.compress(b"x,y\n1,2\n3,4\n")),
        ("a.jsonl", b'{"x": 1, "y": 2}\n{"x": 3, "y": 4}\n'),
        ("a.jsonl.gz", gzip.compress(b'{"x": 1, "y": 2}\n{"x": 3, "y": 4}\n')),
    ],
    ids=["csv", "tsv", "csv.gz", "jsonl", "jsonl.gz"],
)
def test_every_text_format_gives_the_same_table(filename: str, content: bytes, client: TestClient) -> None:
    dataset = upload(client, content, filename).json()
    preview = client.get(f"/datasets/{dataset['id']}/preview").json()
    assert preview == {"columns": ["x", "y"], "rows": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}


def test_rows_are_shown_from_any_on(client: TestClient) -> None:
    url = f"/datasets/{upload(client).json()['id']}/preview"
    rows = client.get(url).json()["rows"]
    assert client.get(url, params={"limit": 1, "offset": 1}).json()["rows"] == rows[1:2]
    assert client.get(url, params={"offset": len(rows)}).json()["rows"] == []


@ON_ONE_DATABASE
def test_parquet_gives_the_same_table(client: TestClient) -> None:
    file = io.BytesIO()
    pl.DataFrame({"x": [1, 3], "y": [2, 4]}).write_parquet(file)
    dataset = upload(client, file.getvalue(), "a.parquet").json()
    assert client.get(f"/datasets/{dataset['id']}/preview").json()["rows"] == [
        {"x": 1, "y": 2},
        {"x": 3, "y": 4},
    ]


@pytest.mark.parametrize(
    "table", [{"columns": {"x": [1, 3], "y": [2, None]}}, {"rows": [{"x": 1, "y": 2}, {"x": 3, "y": None}]}]
)
def test_a_body_of_columns_or_rows_is_a_dataset(table: dict[str, Any], client: TestClient) -> None:
    answer = client.post("/datasets", json={"name": "mine", "units": {"x": "m"}, **table})
    assert answer.status_code == 201
    dataset = answer.json()
    assert (dataset["name"], dataset["units"], dataset["rows"]) == ("mine", {"x": "m"}, 2)
    assert client.get(f"/datasets/{dataset['id']}/preview").json()["rows"] == [
        {"x": 1, "y": 2},
        {"x": 3, "y": None},
    ]


@ON_ONE_DATABASE
@pytest.mark.parametrize("units", ["m/s", "{", '{"x": NaN}', "[]", '{"x": 1}', '{"x": "m", "x": "s"}'])
def test_malformed_units_of_a_form_are_laid_to_their_field(client: TestClient, units: str) -> None:
    answer = upload(client, units=units)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [entry["field"] for entry in answer.json()["errors"]] == ["units"]
    assert "units" in answer.json()["detail"]


def test_a_form_can_name_the_dataset_and_its_units(client: TestClient) -> None:
    dataset = upload(client, name="Öl, 2024", units=json.dumps({"x": "m/s"})).json()
    assert (dataset["name"], dataset["units"]) == ("Öl, 2024", {"x": "m/s"})


@pytest.mark.parametrize("units", [{"z": "m"}, {"x": "m" * 65}])
def test_units_that_fit_no_column_are_refused_with_code_and_place(
    client: TestClient, units: dict[str, str]
) -> None:
    (entry,) = upload(client, units=json.dumps(units)).json()["errors"]
    assert (entry["code"], entry["column"]) == ("invalid_units", *units)


def test_warnings_are_kept_with_the_dataset(client: TestClient) -> None:
    dataset = upload(client, b"x;y\n1,5;2\n2,5;n/a\n").json()
    shown = client.get(f"/datasets/{dataset['id']}").json()
    assert [(w["code"], w.get("column"), w.get("line")) for w in shown["warnings"]] == [
        ("separator", None, None),
        ("decimal_comma", "x", 2),
        ("missing_words", "y", 3),
    ]


def test_times_and_truth_values_are_previewed_as_json_knows_them(client: TestClient) -> None:
    rows = client.get(f"/datasets/{upload(client).json()['id']}/preview?limit=1").json()["rows"]
    assert rows == [{"x": 1, "y": 0.5, "color": "red", "ok": True, "day": "2024-01-01T00:00:00.000000"}]


def test_the_content_is_the_whole_table_as_parquet(client: TestClient) -> None:
    dataset = upload(client, name="a/b “c”").json()
    answer = client.get(f"/datasets/{dataset['id']}/content")
    assert pl.read_parquet(io.BytesIO(answer.content))["x"].to_list() == [1, 2]
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''a%2Fb%20%E2%80%9Cc%E2%80%9D.parquet"
    )
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["etag"] == f'"sha256-{dataset["sha256"]}"'


def test_a_file_has_an_upload_of_its_own_that_takes_nothing_else(client: TestClient) -> None:
    answer = client.post("/datasets/upload", files={"file": ("data.csv", CSV)}, data={"name": "mine"})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/datasets/{answer.json()['id']}"
    assert client.get(answer.headers["location"]).json()["name"] == "mine"
    assert client.post("/datasets/upload", json={"columns": {"x": [1]}}).status_code == 415


def test_the_content_comes_as_bytes_of_no_type_where_these_are_asked_for(client: TestClient) -> None:
    path = f"/datasets/{upload(client).json()['id']}/content"
    plain, octets = client.get(path), client.get(path, headers={"Accept": "application/octet-stream"})
    assert octets.content == plain.content
    assert plain.headers["content-type"] == "application/vnd.apache.parquet"
    assert octets.headers["content-type"] == "application/octet-stream"
    assert octets.headers["vary"] == plain.headers["vary"] == "Accept"


def test_a_large_table_travels_in_chunks(client: TestClient) -> None:
    values = np.random.default_rng(0).standard_normal((30_000, 5))
    lines = "\n".join(",".join(map(repr, row)) for row in values.tolist())
    dataset = upload(client, f"a,b,c,d,e\n{lines}\n".encode()).json()
    content = client.get(f"/datasets/{dataset['id']}/content").content
    assert len(content) > 2**20
    assert (pl.read_parquet(io.BytesIO(content)).to_numpy() == values).all()


def test_equal_content_is_stored_once_under_two_names(client: TestClient, sessions: Sessions) -> None:
    first, second = upload(client, name="a").json(), upload(client, name="a").json()
    assert first["id"] != second["id"]
    with sessions.read() as session:
        assert session.scalar(select(func.count()).select_from(Blob)) == 1


def test_the_worker_reads_the_same_table(client: TestClient, sessions: Sessions, tmp_path: Path) -> None:
    dataset = upload(client, units='{"x": "m"}').json()
    with ExitStack() as stack:
        with sessions.read() as session:
            stored = Datasets(session).get(dataset["id"])
            table = stack.enter_context(open_table(session, stored, tmp_path / "worker"))
        columns = {name: table.column(name) for name in table.types}
    assert list((tmp_path / "worker").iterdir()) == []
    assert (table.rows, table.units) == (2, {"x": "m"})
    assert table.types == {
        "x": "integer",
        "y": "number",
        "color": "category",
        "ok": "boolean",
        "day": "datetime",
    }
    np.testing.assert_array_equal(columns["x"], np.array([1.0, 2.0]))
    np.testing.assert_array_equal(columns["y"], np.array([0.5, np.nan]))
    assert columns["color"].tolist() == ["red", "blue"]
    assert columns["ok"].tolist() == [True, False]
    assert columns["day"].tolist() == ["2024-01-01T00:00:00.000000", "2024-01-02T00:00:00.000000"]


def test_datasets_are_listed_newest_first_in_pages(client: TestClient) -> None:
    ids = [upload(client, name=str(number)).json()["id"] for number in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/datasets?limit=2{cursor and '&cursor=' + cursor}").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]


def test_a_new_dataset_does_not_shift_the_pages(client: TestClient) -> None:
    ids = [upload(client, name=str(number)).json()["id"] for number in range(3)]
    page = client.get("/datasets?limit=2").json()
    upload(client, name="late")
    rest = client.get(f"/datasets?limit=2&cursor={page['next_cursor']}").json()
    assert [item["id"] for item in rest["items"]] == [ids[0]]


def test_a_deleted_dataset_is_gone_with_its_bytes(client: TestClient, sessions: Sessions) -> None:
    dataset = upload(client).json()
    assert client.delete(f"/datasets/{dataset['id']}").status_code == 204
    assert client.get(f"/datasets/{dataset['id']}").status_code == 404
    with sessions.read() as session:
        assert session.scalar(select(func.count()).select_from(Blob)) == 0


def test_deleting_one_of_two_equal_datasets_keeps_the_bytes(client: TestClient) -> None:
    first, second = upload(client).json(), upload(client).json()
    client.delete(f"/datasets/{first['id']}")
    assert client.get(f"/datasets/{second['id']}/preview").status_code == 200


@pytest.mark.parametrize("running", [False, True])
def test_a_dataset_that_an_unfinished_job_uses_cannot_be_deleted(
    running: bool, client: TestClient, sessions: Sessions
) -> None:
    dataset = upload(client).json()
    job = make_job(sessions, dataset_id=dataset["id"])
    if running:
        with sessions.begin() as session:
            session.merge(job).status = JobStatus.RUNNING
    answer = client.delete(f"/datasets/{dataset['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_in_use")
    assert client.get(f"/datasets/{dataset['id']}").status_code == 200


def test_a_dataset_cannot_be_deleted_while_a_job_is_being_submitted(
    client: TestClient, sessions: Sessions
) -> None:
    dataset_id = upload(client).json()["id"]
    statuses: list[int] = []
    deleting = Thread(target=lambda: statuses.append(client.delete(f"/datasets/{dataset_id}").status_code))
    with sessions.restrict_to(LOCAL_CALLER).begin() as session:
        Datasets(session).hold(dataset_id)
        deleting.start()
        deleting.join(0.3)  # it waits for this transaction
        Jobs(session).add(kind="train", request={}, request_sha256="0" * 64, dataset_id=dataset_id)
    deleting.join()
    assert statuses == [409]


def test_a_dataset_of_finished_jobs_can_be_deleted(client: TestClient, sessions: Sessions) -> None:
    dataset = upload(client).json()
    job = make_job(sessions, dataset_id=dataset["id"])
    with sessions.begin() as session:
        session.merge(job).status = JobStatus.SUCCEEDED
    assert client.delete(f"/datasets/{dataset['id']}").status_code == 204


@pytest.mark.parametrize("path", ["", "/preview", "/content"])
@pytest.mark.parametrize(
    "unknown", ["0", "019aa000-0000-7000-8000-000000000000", "../../etc/passwd", "%27%20OR%201"]
)
def test_an_unknown_dataset_is_not_found(unknown: str, path: str, client: TestClient) -> None:
    answer = client.get(f"/datasets/{unknown}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_deleting_an_unknown_dataset_is_not_found(client: TestClient) -> None:
    assert client.delete("/datasets/0").json()["code"] == "dataset_not_found"


def test_the_same_calls_work_under_v1_and_stay_there(client: TestClient) -> None:
    answer = client.post("/v1/datasets", json={"columns": {"x": [1, 2]}})
    assert answer.headers["location"] == f"/v1/datasets/{answer.json()['id']}"
    assert client.get(answer.headers["location"]).status_code == 200
