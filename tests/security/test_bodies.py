"""Hostile bodies: each is answered with a 4xx problem, and the service goes on working."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
END = b"--b--\r\n"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def part(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return PART % (name, more, value)


TABLE = part(b"file", b"x,y\n1,2\n", b'; filename="a.csv"')

BODIES = {
    "nothing": b"",
    "null": b"null",
    "an empty list": b"[]",
    "a text": b'"x"',
    "NaN": b'{"columns": {"x": [NaN]}}',
    "Infinity": b'{"columns": {"x": [Infinity]}}',
    "a number beyond doubles": b'{"columns": {"x": [-1e400]}}',
    "an integer of 5000 digits": b'{"columns": {"x": [' + b"9" * 5000 + b"]}}",
    "nesting without end": b'{"columns": ' * 10_000,
    "deep nesting": b'{"columns": {"x": ' + b"[" * 100 + b"]" * 100 + b"}}",
    "a key twice": b'{"name": "a", "name": "b", "columns": {"x": [1]}}',
    "a column twice": b'{"columns": {"x": [1], "x": [2]}}',
    "trailing garbage": b'{"columns": {"x": [1]}} x',
    "a byte order mark": b'\xef\xbb\xbf{"columns": {"x": [1]}}',
    "UTF-16": '{"columns": {"x": [1]}}'.encode("utf-16"),
    "no UTF-8": b'{"name": "\xff", "columns": {"x": [1]}}',
    "a lone surrogate": rb'{"name": "\ud800", "columns": {"x": [1]}}',
    "NUL in a name": rb'{"name": "a\u0000b", "columns": {"x": [1]}}',
    "NUL in a value": rb'{"columns": {"x": ["\u0000"]}}',
    "NUL in a column": rb'{"columns": {"x\u0000": [1]}}',
    "both forms": b'{"columns": {"x": [1]}, "rows": [{"x": 1}]}',
    "neither form": b'{"name": "x"}',
    "an unknown field": b'{"columns": {"x": [1]}, "tenant_id": "root"}',
    "a text for a name": b'{"columns": {"x": [1]}, "name": 3}',
    "an empty name": b'{"columns": {"x": [1]}, "name": ""}',
    "a name of spaces": b'{"columns": {"x": [1]}, "name": "  "}',
    "a name of 10 kB": b'{"columns": {"x": [1]}, "name": "' + b"a" * 10_000 + b'"}',
    "a column that is no list": b'{"columns": {"x": "123"}}',
    "units of no column": b'{"columns": {"x": [1]}, "units": {"y": "m"}}',
    "a unit of 1 kB": b'{"columns": {"x": [1]}, "units": {"x": "' + b"m" * 1000 + b'"}}',
}

FORMS = {
    "nothing": b"",
    "no file": part(b"name", b"a") + END,
    "an unknown field": TABLE + part(b"path", b"/etc/passwd") + END,
    "a nameless field": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
    "two files": TABLE + TABLE + END,
    "two names": TABLE + part(b"name", b"a") + part(b"name", b"b") + END,
    "no end": TABLE,
    "cut off": TABLE[:-6],
    "another boundary": TABLE.replace(b"--b", b"--c") + END,
    "no multipart at all": b'{"columns": {"x": [1]}}',
    "a name with NUL": TABLE + part(b"name", b"a\0b") + END,
    "a name that is no UTF-8": TABLE + part(b"name", b"\xff") + END,
    "a name over the limit": TABLE + part(b"name", b"a" * 201) + END,
    "a field of 2 MB": TABLE + part(b"name", b"a" * 2**21) + END,
    "units that are no JSON": TABLE + part(b"units", b"m/s") + END,
    "units that are a list": TABLE + part(b"units", b"[1]") + END,
    "units with a key twice": TABLE + part(b"units", b'{"x": "m", "x": "s"}') + END,
    "a header of 100 kB": TABLE.replace(b"form-data;", b"form-data;" + b" " * 100_000) + END,
    "a thousand headers": TABLE.replace(b"\r\n\r\n", b"\r\nX: y" * 1000 + b"\r\n\r\n", 1) + END,
    "ten thousand parts": TABLE * 10_000 + END,
}

FORM_TYPES = {
    "no boundary": "multipart/form-data",
    "an empty boundary": "multipart/form-data; boundary=",
    "a boundary of 1 MB": "multipart/form-data; boundary=" + "b" * 2**20,
    "another multipart": "multipart/mixed; boundary=b",
    "an urlencoded form": "application/x-www-form-urlencoded",
    "no type": "",
    "junk": ";;;=",
}


def is_refused(answer: Any) -> bool:
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:500]
    return 400 <= answer.status_code < 500


@pytest.fixture
def steady(client: TestClient) -> Iterator[TestClient]:
    """A client for which an ordinary upload must still work afterwards."""
    yield client
    assert client.post("/datasets", files={"file": ("a.csv", b"x,y\n1,2\n")}).status_code == 201


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_hostile_json_body_is_refused(body: bytes, steady: TestClient) -> None:
    assert is_refused(steady.post("/datasets", content=body, headers=JSON))


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS.keys())
def test_a_hostile_form_is_refused(body: bytes, steady: TestClient) -> None:
    assert is_refused(steady.post("/datasets", content=body, headers=FORM))


@pytest.mark.parametrize("kind", FORM_TYPES.values(), ids=FORM_TYPES.keys())
def test_a_hostile_content_type_is_refused(kind: str, steady: TestClient) -> None:
    assert is_refused(steady.post("/datasets", content=TABLE + END, headers={"content-type": kind}))


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 100])
def test_a_length_that_lies_is_no_way_in(length: str, steady: TestClient) -> None:
    answer = steady.post("/datasets", content=b"{", headers={**JSON, "content-length": length})
    assert is_refused(answer)


@pytest.mark.parametrize(
    "values", [[1e-300, -0.0, 2**63], ["\U0001f600", "\u202e"]], ids=["numbers", "texts"]
)
def test_unusual_but_valid_json_is_taken(values: list[Any], client: TestClient) -> None:
    assert client.post("/datasets", json={"columns": {"x": values}}).status_code == 201
