"""Who gets in: nobody from another machine without a key."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from service.api.http.auth import check_key_exists, needs_key
from service.api.http.limits import HttpLimits
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.local_session import write_link
from service.main import create_app
from service.settings import InvalidSettings, Settings, load_settings
from tests.support.servers import LOOPBACK, serving, wait_until

SESSION = "kan_session_of_a_test"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough here: that keys are found in both is tested with the repository."""
    return sqlite_url


@pytest.fixture
def open_client(settings: Settings) -> Iterator[TestClient]:
    """The API as other machines see it."""
    with TestClient(create_app(settings.model_copy(update={"host": "0.0.0.0"})), base_url=LOOPBACK) as client:
        yield client


@pytest.fixture
def key(sessions: Sessions) -> str:
    with sessions.begin() as session:
        return ApiKeys(session).add("lab")[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    assert not needs_key(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", "", "127.0.0.1.example.org"])
def test_every_other_address_needs_a_key(host: str) -> None:
    assert needs_key(host)


def test_an_open_address_is_refused_while_there_is_no_key(sessions: Sessions) -> None:
    with pytest.raises(InvalidSettings, match="keys create"):
        check_key_exists("0.0.0.0", sessions)


def test_an_open_address_is_refused_when_all_keys_are_revoked(sessions: Sessions) -> None:
    with sessions.begin() as session:
        key, _ = ApiKeys(session).add("lab")
        ApiKeys(session).revoke(key.id)

    with pytest.raises(InvalidSettings):
        check_key_exists("0.0.0.0", sessions)


@pytest.mark.usefixtures("key")
def test_an_open_address_is_fine_once_there_is_a_key(sessions: Sessions) -> None:
    check_key_exists("0.0.0.0", sessions)


def test_loopback_starts_without_a_key(sessions: Sessions) -> None:
    check_key_exists("127.0.0.1", sessions)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_loopback_requests_need_no_key_while_none_exists(client: TestClient) -> None:
    assert client.get("/models").status_code == 200


@pytest.mark.parametrize("path", ["/models", "/v1/models", "/nowhere", "/healthy", "/docsets"])
def test_without_a_key_every_path_is_closed(open_client: TestClient, path: str) -> None:
    response = open_client.get(path)

    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["code"] == "key_required"


@pytest.mark.parametrize("path", ["/docs", "/v1/docs", "/docs/assets/swagger-ui.css", "/openapi.json"])
def test_what_can_be_called_is_told_without_a_key(open_client: TestClient, path: str) -> None:
    assert open_client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/guide/limits", "/health/live", "/session"])
def test_without_a_key_nobody_sends_large_bodies(open_client: TestClient, path: str) -> None:
    answer = open_client.post(path, json={"ticket": "x" * 2_000_000})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_required")


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_probes_need_no_key(open_client: TestClient, prefix: str) -> None:
    assert open_client.get(f"{prefix}/health/live").status_code == 200
    assert open_client.get(f"{prefix}/health/ready").status_code == 503  # no worker runs


def test_nobody_gets_in_while_keys_cannot_be_checked(empty_sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=empty_sqlite_url, data_dir=tmp_path, host="0.0.0.0")
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        response = client.get("/models", headers={"Authorization": "Bearer kan_x"})

    assert response.status_code == 503
    assert response.json()["code"] == "database_unavailable"
    assert "the key cannot be checked" in response.json()["detail"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_key_opens_the_service(open_client: TestClient, key: str, scheme: str) -> None:
    response = open_client.get("/models", headers={"Authorization": f"{scheme} {key}"})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda key: f"Basic {key}", id="another scheme"),
        pytest.param(lambda key: key, id="no scheme"),
        pytest.param(lambda key: "Bearer", id="no key"),
        pytest.param(lambda key: "Bearer  ", id="an empty key"),
        pytest.param(lambda key: f"Bearer {key}x", id="a longer key"),
        pytest.param(lambda key: f"Bearer {key[:-1]}", id="a shorter key"),
        pytest.param(lambda key: f"Bearer {key.swapcase()}", id="other case"),
        pytest.param(lambda key: f"Bearer {key[:12]}", id="the part that lists show"),
        pytest.param(lambda key: f"Bearer {'x' * 60_000}", id="a very long key"),
        pytest.param(lambda key: "Bearer \xff\xfe".encode("latin-1"), id="bytes that are no text"),
    ],
)
def test_anything_but_the_exact_key_is_refused(open_client: TestClient, key: str, change) -> None:
    response = open_client.get("/models", headers={"Authorization": change(key)})

    assert response.status_code == 401


def test_two_authorization_headers_are_refused(open_client: TestClient, key: str) -> None:
    headers = [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")]

    assert open_client.get("/models", headers=headers).status_code == 401


def test_a_key_in_the_url_is_not_a_key(open_client: TestClient, key: str) -> None:
    assert open_client.get(f"/models?key={key}&authorization=Bearer%20{key}").status_code == 401


def test_an_expired_key_is_refused(open_client: TestClient, sessions: Sessions) -> None:
    with sessions.begin() as session:
        _, expired = ApiKeys(session).add("lab", lifetime=timedelta(seconds=-1))

    response = open_client.get("/models", headers={"Authorization": f"Bearer {expired}"})

    assert (response.status_code, response.json()["code"]) == (401, "invalid_key")


def test_a_revoked_key_is_refused_from_the_next_request_on(
    open_client: TestClient, key: str, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        ApiKeys(session).revoke(key[:12])

    response = open_client.get("/models", headers={"Authorization": f"Bearer {key}"})

    assert response.status_code == 401
    assert response.json()["code"] == "invalid_key"


@pytest.mark.parametrize("path", ["/models", "/v1/models", "/v2/models/law", "/metrics", "/mcp"])
def test_a_wrong_key_is_refused_on_loopback_too(client: TestClient, path: str) -> None:
    answer = client.get(path, headers=bearer("bad"))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")


def test_a_key_counts_on_loopback_as_on_other_addresses(client: TestClient, sessions: Sessions) -> None:
    with sessions.begin() as session:
        lab, other = (ApiKeys(session).add(name, tenant=name)[1] for name in ("lab", "other"))
    client.post("/datasets", json={"columns": {"x": [1, 2]}}, headers=bearer(other))
    assert client.get("/usage", headers=bearer(lab)).json()["datasets"]["count"] == 0
    assert client.get("/usage", headers=bearer(other)).json()["datasets"]["count"] == 1
    assert "ratelimit" in client.get("/usage", headers=bearer(lab)).headers


@pytest.mark.parametrize("path", ["/models", "/v1/models", "/v2/models/law", "/metrics", "/mcp", "/nowhere"])
def test_where_a_key_exists_loopback_needs_one(settings: Settings, sessions: Sessions, path: str) -> None:
    app = create_app(settings, limits=HttpLimits(key_check_interval_s=0))
    with TestClient(app, base_url=LOOPBACK) as client:
        assert client.get(path).status_code != 401
        with sessions.begin() as session:
            key = ApiKeys(session).add("lab")[0]
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "key_required")
        with sessions.begin() as session:
            ApiKeys(session).revoke(key.id)
        assert client.get(path).status_code == 401  # what was protected does not become open by itself


def test_a_first_key_counts_soon(client: TestClient, sessions: Sessions) -> None:
    assert client.get("/models").status_code == 200
    with sessions.begin() as session:
        ApiKeys(session).add("lab")
    wait_until(lambda: client.get("/models").status_code == 401)


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("path", ["/", "/health/live", "/v2/health/live", "/guide", "/docs"])
def test_what_tells_nothing_of_tenants_is_open_where_a_key_exists(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_key_that_was_seen_is_not_forgotten_while_the_database_is_away(
    client: TestClient, key: str, sessions: Sessions
) -> None:
    assert client.get("/models", headers=bearer(key)).status_code == 200
    with sessions.begin() as session:
        session.execute(text("ALTER TABLE api_key RENAME TO elsewhere"))
    assert client.get("/models").status_code == 401
    assert client.get("/models", headers=bearer(key)).status_code == 503


@pytest.mark.usefixtures("key")
def test_the_operator_may_leave_loopback_open(start: Callable[..., TestClient]) -> None:
    client = start(open_loopback="on")
    assert client.get("/models").status_code == 200
    assert client.get("/models", headers=bearer("bad")).status_code == 401
    assert client.get("/models", headers={"X-Forwarded-For": "8.8.8.8"}).status_code == 401
    assert start(open_loopback="on", host="0.0.0.0").get("/models").status_code == 401


FORWARDING = [
    {"X-Forwarded-For": "8.8.8.8"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1"},
    {"Via": "1.1 proxy"},
]


@pytest.mark.parametrize("headers", FORWARDING, ids=str)
def test_what_a_proxy_forwards_needs_a_key(server: str, headers: dict[str, str]) -> None:
    refused = httpx.get(f"{server}/models", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_required")
    assert "KAN_TRUSTED_PROXIES" in refused.json()["detail"]
    assert httpx.get(f"{server}/models").status_code == 200
    assert httpx.get(f"{server}/health/live", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", FORWARDING, ids=str)
def test_with_a_key_a_proxy_may_forward(server: str, key: str, headers: dict[str, str]) -> None:
    assert httpx.get(f"{server}/models", headers=headers | bearer(key)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Forwarded-For": "127.0.0.1"}, 200),
        ({"X-Forwarded-For": "::1", "X-Forwarded-Proto": "http"}, 200),
        ({"Forwarded": 'For="[::1]:4711";proto=http, for=127.0.0.1:80'}, 200),
        ({"X-Real-IP": "127.0.0.1", "Via": "1.1 proxy"}, 200),
        ({"X-Forwarded-For": "8.8.8.8"}, 401),
        ({"X-Forwarded-For": "127.0.0.1, 8.8.8.8"}, 401),  # a client wrote the first
        ({"X-Forwarded-For": "8.8.8.8, 127.0.0.1"}, 401),  # behind another proxy
        ({"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=8.8.8.8"}, 401),
        ({"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "8.8.8.8"}, 401),
        ({"Forwarded": "for=unknown"}, 401),
        ({"Forwarded": "for=_hidden;proto=http"}, 401),
        ({"X-Forwarded-For": ""}, 401),
        ({"X-Forwarded-Proto": "https"}, 401),  # it does not say who the client is
    ],
    ids=str,
)
def test_a_trusted_proxy_vouches_for_clients_on_its_machine(
    settings: Settings, headers: dict[str, str], status: int
) -> None:
    trusting = settings.model_copy(update={"trusted_proxies": "10.0.0.0/8, 127.0.0.1"})
    with serving(create_app(trusting)) as url:
        assert httpx.get(f"{url}/models", headers=headers).status_code == status


@pytest.mark.usefixtures("key")
def test_the_loopback_of_a_proxy_elsewhere_is_not_that_of_this_machine(settings: Settings) -> None:
    trusting = settings.model_copy(update={"trusted_proxies": "10.0.0.0/8", "host": "0.0.0.0"})
    app = create_app(trusting, session_key=SESSION)
    headers = bearer(SESSION) | {"X-Forwarded-For": "127.0.0.1"}
    with TestClient(app, base_url=LOOPBACK, client=("10.0.0.7", 4711)) as client:
        assert client.get("/models", headers=headers).status_code == 401


def test_a_proxy_that_is_not_named_vouches_for_nobody(settings: Settings) -> None:
    trusting = settings.model_copy(update={"trusted_proxies": "10.0.0.0/8, ::1"})
    with serving(create_app(trusting)) as url:
        assert httpx.get(f"{url}/models", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401


@pytest.mark.parametrize("text", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "*"])
def test_what_names_no_proxy_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings, match="is no address"):
        load_settings({"KAN_TRUSTED_PROXIES": text})


@pytest.mark.parametrize(
    ("host", "peer", "headers", "status"),
    [
        ("127.0.0.1", "127.0.0.1", {}, 200),
        ("0.0.0.0", "127.0.0.1", {}, 200),
        ("0.0.0.0", "192.168.1.7", {}, 401),
        ("127.0.0.1", "127.0.0.1", {"X-Forwarded-For": "8.8.8.8"}, 401),
    ],
)
@pytest.mark.usefixtures("key")
def test_the_session_of_a_machine_counts_there_alone(
    settings: Settings, host: str, peer: str, headers: dict[str, str], status: int
) -> None:
    app = create_app(settings.model_copy(update={"host": host}), session_key=SESSION)
    with TestClient(app, base_url=LOOPBACK, client=(peer, 4711)) as client:
        assert client.get("/models", headers=headers | bearer(SESSION)).status_code == status
        assert client.get("/models", headers=headers | bearer(f"{SESSION}x")).status_code == 401


@pytest.mark.usefixtures("key")
def test_a_ticket_opens_the_session_once(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    link, file = write_link(settings.data_dir, LOOPBACK)
    ticket = {"ticket": link.partition("#ticket=")[2]}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with TestClient(create_app(settings, session_key=SESSION), base_url=LOOPBACK) as client:
        assert client.post("/session", json={"ticket": "guessed"}).json()["code"] == "invalid_key"
        assert client.post("/session", json=ticket).json() == {"key": SESSION}
        assert client.post("/session", json=ticket).status_code == 401
    assert ticket["ticket"] not in caplog.text
    assert not file.exists()


@pytest.mark.parametrize("age_s", [700, -700])
def test_a_ticket_does_not_last(settings: Settings, age_s: int) -> None:
    link, file = write_link(settings.data_dir, LOOPBACK)
    os.utime(file, times=(time.time() - age_s,) * 2)
    with TestClient(create_app(settings, session_key=SESSION), base_url=LOOPBACK) as client:
        assert client.post("/session", json={"ticket": link.partition("#ticket=")[2]}).status_code == 401


def test_without_a_session_a_ticket_opens_nothing(client: TestClient, settings: Settings) -> None:
    link, _ = write_link(settings.data_dir, LOOPBACK)
    assert client.post("/session", json={"ticket": link.partition("#ticket=")[2]}).status_code == 401
