"""Requests that are nearly right: every kind of body, cut off, bent and stuffed at many places.

Each is answered with 2xx or 4xx, and the process takes no more memory for all of them.
"""

import io
import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from service.db.session import Sessions
from tests.support.factories import EDGES, make_model, make_predictor
from tests.support.peak import forget_peak, own_peak

HEADER_LENGTH = "Inference-Header-Content-Length"
JSON = {"content-type": "application/json"}
ROOM = 32 * 2**20
# Fmt: skip
PIECES = (
    b"",
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\r",
    b"\n",
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"-",
    b"1e999",
    b"NaN",
    b"-0",
    b"null",
    b"true",
    b"9" * 400,
    b"[" * 200,
    b"\x1f\x8b",
    b"PAR1",
    b"=1+1",
    b"%s%n",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
)

TABLE = b'{"name": "t", "units": {"x": "m"}, "columns": {"x": [1, 2.5, null], "y": ["a", "b", "\\u00e9"]}}'
ROWS = b'{"name": "t", "rows": [{"x": 1, "y": true}, {"x": -2e-3, "y": null}]}'
JOB = (
    b'{"dataset_id": "x", "target": "y", "features": ["x"], "network": {"hidden": [2, 1], "grid": 5},'
    b' "training": {"lamb": 0.1}, "split": {"kind": "column", "column": "s", "test": [1, "a"]},'
    b' "symbolic": true, "tags": {"a": "b"}}'
)
FIX = b'{"kind": "symbolic", "model_id": "law", "fix": [{"layer": 0, "in": 0, "out": 0, "function": "x^2"}]}'
PREDICT = b'{"model": "law", "rows": [{"x1": 0.1, "x2": 1e-3}, {"x1": null, "x2": 2}], "interval": 0.9}'
DATASET_PATCH = b'{"name": "b", "tags": {"a": "b"}, "units": {"x": "m"}, "types": {"x": "category"}}'
PATCH = b'{"name": "b", "tags": {"a": "b"}, "alias": "live"}'
TENSORS = (
    b'{"id": "a", "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [[0.1, 2]]}],'
    b' "outputs": [{"name": "y", "parameters": {"binary_data": true}}]}'
)
CSV = 'größe;y;t\n1,5;"a ""b""";2024-01-02\n-2,5;"c\nd";2024-01-03T04:05:06Z\n;NA;\n'.encode()
LINES = b'{"x": 1, "y": "a"}\n\n{"x": 2.5, "z": true}\n'


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def flat(client: TestClient, sessions: Sessions) -> Iterator[TestClient]:
    """A client whose process takes no more memory for what it is sent."""
    make_model(sessions, make_predictor(), edges=EDGES)
    client.post("/predict", content=PREDICT, headers=JSON)
    forget_peak()
    before = own_peak()
    yield client
    assert own_peak() - before < ROOM


def bent(seed: bytes, number: int) -> Iterator[bytes]:
    """The seed cut off, with a byte turned, with something put in, and with a part twice."""
    chance = random.Random(seed)
    for _ in range(number // 4):
        at, to = sorted(chance.randrange(len(seed)) for _ in range(2))
        yield seed[:at]
        yield seed[:at] + bytes([seed[at] ^ 1 << chance.randrange(8)]) + seed[at + 1 :]
        yield seed[:at] + chance.choice(PIECES) + seed[to:]
        yield seed[:to] + seed[at:]


def answers(send: Callable[[bytes], Any], seed: bytes, number: int = 48) -> set[int]:
    """The statuses of all answers; each refusal is a problem."""
    statuses = set()
    for body in bent(seed, number):
        answer = send(body)
        assert answer.status_code < 500, body
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", body
            assert len(answer.content) < 10_000, body
        statuses.add(answer.status_code)
    return statuses


@pytest.mark.parametrize(
    ("method", "path", "seed"),
    [
        ("POST", "/datasets", TABLE),
        ("POST", "/datasets", ROWS),
        ("POST", "/jobs", JOB),
        ("POST", "/jobs", FIX),
        ("POST", "/predict", PREDICT),
        ("PATCH", "/models/x", PATCH),
        ("PATCH", "/datasets/x", DATASET_PATCH),
        ("POST", "/v2/models/law/infer", TENSORS),
    ],
)
def test_json_that_is_nearly_right(flat: TestClient, method: str, path: str, seed: bytes) -> None:
    statuses = answers(lambda body: flat.request(method, path, content=body, headers=JSON), seed)
    assert {400, 422} <= statuses


@pytest.mark.parametrize(("name", "seed"), [("a.csv", CSV), ("a.tsv", CSV), ("a.jsonl", LINES)])
def test_text_that_is_nearly_a_table(flat: TestClient, name: str, seed: bytes) -> None:
    assert answers(lambda body: flat.post("/datasets", files={"file": (name, body)}), seed, 24) == {201, 422}


def test_parquet_that_is_nearly_a_table(flat: TestClient) -> None:
    file = io.BytesIO()
    pl.DataFrame({"x": range(50), "y": ["a", "b"] * 25}).write_parquet(file)
    assert 422 in answers(lambda body: flat.post("/datasets", files={"file": body}), file.getvalue(), 4)


def test_a_form_that_is_nearly_right(flat: TestClient) -> None:
    seed = (
        b'--b\r\nContent-Disposition: form-data; name="units"\r\n\r\n{"x": "m"}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nX: y\r\n\r\n'
        b"x,y\n1,2\n\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    statuses = answers(lambda body: flat.post("/datasets", content=body, headers=headers), seed)
    assert {201, 400, 422} <= statuses


@pytest.mark.parametrize("length", [None, "told", 0, 1, 10**6, -1, 2**63, "0x10", "1e2", "\u0661"])
def test_tensors_in_bytes_that_are_nearly_right(flat: TestClient, length: Any) -> None:
    size = {"binary_data_size": 16}
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP64", "parameters": size}
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    told = str(len(header) if length == "told" else length).encode()
    headers = {} if length is None else {HEADER_LENGTH: told}

    def send(body: bytes) -> Any:
        return flat.post("/v2/models/law/infer", content=body, headers=headers)

    whole = send(header + struct.pack("<2d", 0.5, 1.5))
    assert whole.status_code == 200 if length == "told" else 400 <= whole.status_code < 500
    assert answers(send, header + struct.pack("<2d", 0.5, 1.5), 16) & {400, 422}


@pytest.mark.parametrize(
    "path", ["/models", "/v2/models/%s", "/models/%s/symbolic", "/jobs/%s", "/datasets/%s", "/jobs?cursor=%s"]
)
def test_addresses_that_are_nearly_right(flat: TestClient, path: str) -> None:
    for piece in PIECES[1:]:
        quoted = "".join(f"%{byte:02x}" for byte in piece)
        answer = flat.get(path % quoted if "%s" in path else f"{path}/{quoted}")
        assert 400 <= answer.status_code < 500, piece
