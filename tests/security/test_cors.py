"""Pages of other origins that the operator has named may call the API, and no others."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from service.settings import InvalidSettings, load_settings

LAB = "https://lab.example"
PREFLIGHT = {"Origin": LAB, "Access-Control-Request-Method": "POST"}
TABLE = {"columns": {"x": [1, 2], "y": [2, 4]}}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_no_origin_is_allowed_by_default(client: TestClient) -> None:
    assert client.options("/datasets", headers=PREFLIGHT).status_code == 405
    answer = client.get("/datasets", headers={"Origin": LAB})
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_a_named_origin_uploads_and_reads(start: Callable[..., TestClient]) -> None:
    client = start(cors_origins=f"{LAB}, http://localhost:3000")
    asked = PREFLIGHT | {"Access-Control-Request-Headers": "authorization, content-type, idempotency-key"}
    allowed = client.options("/datasets", headers=asked)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, LAB)
    browser = {"Origin": LAB, "Sec-Fetch-Site": "cross-site"}
    added = client.post("/datasets", json=TABLE, headers=browser)
    assert (added.status_code, added.headers["access-control-allow-origin"]) == (201, LAB)
    assert "Location" in added.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in added.headers


def test_an_agent_in_a_page_of_a_named_origin_speaks_its_protocol(start: Callable[..., TestClient]) -> None:
    client = start(cors_origins=LAB)
    names = "content-type, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id"
    allowed = client.options("/mcp", headers=PREFLIGHT | {"Access-Control-Request-Headers": names})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, LAB)
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    sent = {
        "Origin": LAB,
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-06-18",
    }
    answer = client.post("/mcp", json=asked, headers=sent)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, LAB)
    assert "mcp-session-id" not in answer.headers  # which would have to be exposed


def test_an_answer_that_refuses_is_readable_for_a_named_origin_too(start: Callable[..., TestClient]) -> None:
    client = start(cors_origins=LAB, host="0.0.0.0")
    refused = client.get("/datasets", headers={"Origin": LAB})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, LAB)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://lab.example", f"{LAB}:8443", "null"])
def test_another_origin_stays_outside(start: Callable[..., TestClient], origin: str) -> None:
    client = start(cors_origins=LAB)
    assert client.options("/datasets", headers=PREFLIGHT | {"Origin": origin}).status_code == 400
    added = client.post("/datasets", json=TABLE, headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})
    assert added.status_code == 403
    assert "access-control-allow-origin" not in added.headers


def test_every_origin_may_be_allowed_where_keys_are_needed() -> None:
    assert load_settings({"KAN_CORS_ORIGINS": "*", "KAN_HOST": "0.0.0.0"}).origins == ("*",)
    with pytest.raises(InvalidSettings, match="needs keys"):
        load_settings({"KAN_CORS_ORIGINS": "*"})


@pytest.mark.parametrize(
    "text", ["lab.example", f"{LAB}/", "https://*.example", "ftp://lab.example", "https://"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings, match="origin"):
        load_settings({"KAN_CORS_ORIGINS": text})
