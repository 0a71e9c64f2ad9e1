"""Uploads that stand for far more than they look like: who sends something small does not wait for them."""

import gzip
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.errors import Invalid
from service.ingest import convert_upload
from service.ingest.limits import IngestLimits
from service.settings import GiB, MiB, Settings
from tests.support.servers import wait_until

JSON = {"content-type": "application/json"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Two hundred times as large when it is unpacked."""
    return gzip.compress(b"x,y\n" + b"".join(b"1.25,2.5\n" * 140 + b"%d,2.5\n" % i for i in range(85_000)), 9)


@pytest.mark.thorough
def test_a_small_upload_waits_for_no_large_one(server: str, bomb: bytes) -> None:
    def attack() -> None:
        httpx.post(f"{server}/datasets", files={"file": ("a.csv.gz", bomb)}, timeout=100)

    attackers = [threading.Thread(target=attack) for _ in range(3)]
    for attacker in attackers:
        attacker.start()
    time.sleep(1)
    since = time.monotonic()
    answer = httpx.post(f"{server}/datasets", files={"file": ("a.csv", b"x,y\n1,2\n")}, timeout=100)
    waited = time.monotonic() - since
    is_attacked = all(attacker.is_alive() for attacker in attackers)
    for attacker in attackers:
        attacker.join()
    assert answer.status_code == 201
    assert is_attacked
    assert waited < 5


def test_a_file_gets_time_by_the_size_that_was_sent(settings: Settings, bomb: bytes) -> None:
    assert len(bomb) < MiB // 2
    since = time.monotonic()
    with pytest.raises(Invalid, match="exceeded the limit of memory or time"):
        _converted(
            bomb,
            settings.model_copy(update={"max_body_bytes": GiB, "max_rows": 100_000_000}),
            IngestLimits(base_cpu_s=1),
        )
    assert time.monotonic() - since < 30


def _converted(content: bytes, settings: Settings, limits: IngestLimits) -> None:
    import tempfile

    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as parquet:
        file.write(content)
        convert_upload(file, "a.csv.gz", parquet, settings, limits=limits)


EMPTIES = {
    "lists": b"[" + b"[]," * (6 * MiB) + b"[]]",
    "lists in a column": b'{"columns": {"x": [' + b"[]," * (6 * MiB) + b"[]]}}",
    "rows without values": b'{"rows": [' + b"{}," * (6 * MiB) + b"{}]}",
    "lists behind a text": b'{"name": "\\\\\\"[", "rows": [' + b"[]," * (6 * MiB) + b"{}]}",
    "lists in an argument": b'{"jsonrpc": "2.0", "id": 1, "params": [' + b"[]," * (6 * MiB) + b"[]]}",
}


@pytest.mark.parametrize("path", ["/datasets", "/predict", "/mcp", "/v2/models/law/infer"])
@pytest.mark.parametrize("body", EMPTIES.values(), ids=EMPTIES.keys())
def test_a_body_of_empty_lists_is_refused_before_anything_parses_it(
    path: str, body: bytes, client: TestClient, app: FastAPI
) -> None:
    answer = client.post(path, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_costly")
    assert app.state.reader._process is None


@pytest.mark.parametrize("path", ["/datasets", "/predict", "/mcp", "/v2/models/law/infer"])
def test_nesting_that_never_ends_is_refused_before_anything_parses_it(
    path: str, client: TestClient, app: FastAPI
) -> None:
    answer = client.post(path, content=b'{"a":' * 50_000 + b"1" + b"}" * 50_000, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "too_deep")
    assert app.state.reader._process is None


def test_brackets_in_texts_are_no_lists(client: TestClient) -> None:
    text = 'a [bracket] {and} \\"[[[[[[[[[[[['
    answer = client.post("/datasets", json={"columns": {"x": [text] * 30_000}})
    assert answer.status_code == 201
    assert answer.json()["columns"][0]["top"][0]["value"] == text


TEXTS = b'{"columns": {"x": [' + b'"[[[[",' * (3 * MiB) + b'""]}}'  # takes some seconds
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv.gz"\r\n\r\n%s\r\n--b--\r\n'


@pytest.mark.parametrize("kind", ["a body of JSON", "a file"])
def test_the_work_for_a_client_that_left_ends(kind: str, server: str, app: FastAPI, bomb: bytes) -> None:
    is_file = kind == "a file"
    body, head = (FORM % bomb, "multipart/form-data; boundary=b") if is_file else (TEXTS, "application/json")
    at = urlsplit(server)
    with socket.create_connection((at.hostname, at.port)) as client:
        lines = ("POST /datasets HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {head}")
        client.sendall("\r\n".join((*lines, f"Content-Length: {len(body)}\r\n\r\n")).encode() + body)
        wait_until(lambda: bool(list_readers(app, is_file=is_file)), timeout_s=60)
    wait_until(lambda: not list_readers(app, is_file=is_file), timeout_s=60)
    assert httpx.get(f"{server}/datasets").json()["items"] == []


@pytest.fixture
def stopped(app: FastAPI) -> Iterator[Callable[[int], None]]:
    """Wait until so many processes read a body, and stop them, so that they hold their slots."""
    known = set[int]()

    def stop(count: int) -> None:
        wait_until(lambda: len(list_readers(app, is_file=False)) == count, timeout_s=60)
        for process in {*map(int, list_readers(app, is_file=False))} - known:
            os.kill(process, signal.SIGSTOP)
            known.add(process)

    yield stop
    for process in known:
        os.kill(process, signal.SIGKILL)


def test_two_tenants_with_large_bodies_leave_a_slot_for_a_third(
    server: str, sessions: Sessions, stopped: Callable[[int], None]
) -> None:
    with sessions.begin() as session:
        a, b, c = (
            JSON | {"Authorization": f"Bearer {ApiKeys(session).add('key', tenant=tenant)[1]}"}
            for tenant in ("a", "b", "c")
        )

    def send(headers: dict[str, str]) -> None:
        def run() -> None:
            with suppress(httpx.HTTPError):  # the service ends before the answer
                post(headers, TEXTS)

        threading.Thread(target=run).start()

    def post(headers: dict[str, str], body: bytes) -> int:
        return httpx.post(f"{server}/datasets", content=body, headers=headers, timeout=100).status_code

    for _ in range(2):
        send(a)
    stopped(2)
    for _ in range(2):
        send(b)
    stopped(3)  # the second waits
    table = b'{"columns": {"x": [' + b"1," * MiB + b"2]}}"
    assert post(c, table) == 201


def list_readers(app: FastAPI, *, is_file: bool) -> list[str]:
    """The processes that read a file for this one, or the forks that read a body."""
    if not is_file and app.state.reader._process is None:
        return []
    parent = os.getpid() if is_file else app.state.reader._process.pid
    command = "service.ingest.subprocess_reader" if is_file else "service.large_requests"
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            number = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            found += [path.name] if number == parent and command in (path / "cmdline").read_text() else []
    return found
