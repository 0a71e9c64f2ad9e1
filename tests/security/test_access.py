"""Who gets in: nobody from another machine without a key."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.http.auth import check_key_exists, needs_key
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.main import create_app
from service.settings import InvalidSettings, Settings
from tests.support.servers import LOOPBACK


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


def test_loopback_requests_need_no_key(client: TestClient) -> None:
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
