"""Texts from clients stay texts: in SQL, in logs, in answers that a browser could open."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from service.db.session import Sessions
from service.observability.logs import FactsFormatter, JsonFormatter
from tests.support.factories import EDGES, make_model

TEXTS = (
    "' OR 1=1 --",
    "'; DROP TABLE model; --",
    "%",
    "_aw",
    "law' --",
    "law\\",
    "${jndi:x}",
    "%s%n",
)
PATHS = ("/models/{}", "/models/{}/symbolic", "/models?name={}", "/jobs/{}", "/datasets/{}", "/v2/models/{}")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_compared_and_not_interpreted(
    client: TestClient, sessions: Sessions, path: str, text: str
) -> None:
    make_model(sessions, name="law")
    quoted = "".join(f"%{byte:02x}" for byte in text.encode())
    answer = client.get(path.format(quoted))
    assert answer.status_code == 404 or answer.json()["items"] == []
    assert len(client.get("/models").json()["items"]) == 1


@contextmanager
def log_lines(formatter: logging.Formatter) -> Iterator[list[str]]:
    """What a log file gets meanwhile, line by line."""
    written: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: written.extend(formatter.format(record).split("\n"))  # type: ignore[method-assign]
    logger = logging.getLogger("service")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.mark.parametrize(
    ("formatter", "never"),
    [(FactsFormatter("%(message)s"), "\r\x1b\x9b\x85\u2028\u202e"), (JsonFormatter(), "\r\x1b")],
    ids=["plain", "json"],
)
def test_an_address_cannot_forge_a_line_of_the_log_or_color_it(
    client: TestClient, formatter: logging.Formatter, never: str
) -> None:
    with log_lines(formatter) as lines:
        client.get("/models/x%0a2026-01-01%20ERROR%20forged%0d%1b%5b31m%e2%80%a8%c2%85%c2%9b%e2%80%aey")
    assert len(lines) == 1
    assert "forged" in lines[0]
    assert not set(lines[0]) & set(never)


def test_bodies_and_keys_are_not_logged(client: TestClient) -> None:
    with log_lines(JsonFormatter()) as lines:
        headers = {"Authorization": "Bearer kan_hush"}
        client.post("/predict", json={"model": "x", "rows": [{"secret": 42.5}]}, headers=headers)
        client.post("/predict", content=b'{"secret": 42.5', headers={"content-type": "application/json"})
    assert lines
    assert "secret" not in "".join(lines)
    assert "hush" not in "".join(lines)


@pytest.mark.parametrize(
    "path", ["/<script>alert(1)</script>", "/models/<img src=x onerror=alert(1)>", "/jobs?<b>=1"]
)
def test_a_refusal_is_no_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name", ["</text><script>alert(1)</script>", 'a" onload="alert(1)', "&amp;<!--", "]]>"]
)
def test_a_name_in_a_picture_is_no_markup(client: TestClient, sessions: Sessions, name: str) -> None:
    nodes = [[{"name": name}], [{"name": "y"}]]
    model = make_model(sessions, edges={**EDGES, "inputs": [name], "nodes": nodes})
    svg = client.get(f"/models/{model.id}/plot.svg").text
    assert "<script" not in svg
    assert 'onload="' not in svg
    assert "<!--" not in svg
