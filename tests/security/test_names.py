"""Names from clients are labels: never a path, never a header, never lost."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.settings import Settings

NAMES = {
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot",
    "/etc/passwd": "passwd",
    "C:\\con.csv": "con",
    "a\u202egpj.csv": "a\u202egpj",
    "%2e%2e%2f.csv": "%2e%2e%2f",
    "x" * 1_000 + ".csv": "x" * 200,
    "\U0001f600.csv.gz": "\U0001f600",
    ".": "dataset",
    "..": "dataset",
    "": "dataset",
    "a b.csv": "a b",
    "=cmd|' C calc'!A0.csv": "=cmd|' C calc'!A0",
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.mark.parametrize(("filename", "name"), NAMES.items(), ids=range(len(NAMES)))
def test_a_file_name_becomes_a_label(filename: str, name: str, client: TestClient) -> None:
    header = f'Content-Disposition: form-data; name="file"; filename="{filename}"'
    form = f"--b\r\n{header}\r\n\r\nx,y\n1,2\n\r\n--b--\r\n"
    answer = client.post(
        "/datasets", content=form.encode(), headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.json()["name"] == name


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x=1", 'a"; filename="b.exe', "\u202e\U0001f600", "a/b\\c", "%0d%0a"]
)
def test_a_name_cannot_leave_its_place_in_a_header(name: str, client: TestClient) -> None:
    dataset = client.post("/datasets", json={"columns": {"x": [1]}, "name": name}).json()
    assert dataset["name"] == name
    headers = client.get(f"/datasets/{dataset['id']}/content").headers
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[\w.~%-]+\.parquet", headers["content-disposition"])
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "column",
    [
        "__proto__",
        "'; DROP TABLE dataset; --",
        "=1+1",
        "<script>",
        "a\nb",
        "constructor",
        "\u202e",
        "x" * 200,
    ],
)
def test_a_column_may_have_any_name(column: str, client: TestClient) -> None:
    dataset = client.post("/datasets", json={"columns": {column: [1, 2]}, "units": {column: "m"}}).json()
    assert dataset["columns"][0]["name"] == column
    assert client.get(f"/datasets/{dataset['id']}/preview").json()["rows"][0] == {column: 1}


def test_nothing_of_an_upload_lies_on_the_disk_afterwards(client: TestClient, settings: Settings) -> None:
    before = set(settings.data_dir.rglob("*"))
    client.post("/datasets", files={"file": ("../x.csv", b"x,y\n1,2\n")})
    client.post("/datasets", files={"file": ("../y.csv", b"x,y\n1\n")})
    assert {path for path in set(settings.data_dir.rglob("*")) - before if "kan.db" not in path.name} == set()
    assert not Path(settings.data_dir, "..", "x.csv").exists()
