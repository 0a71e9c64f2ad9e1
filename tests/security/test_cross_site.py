"""Pages of other sites: whatever a browser lets them send, nothing here changes."""

from collections.abc import Callable

import httpx
import pytest
from fastapi.testclient import TestClient

from service.db.session import Sessions
from tests.support.factories import make_job, make_model
from tests.support.servers import LOOPBACK

FOREIGN = {
    "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "another port of this machine": {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
    "an old browser": {"Origin": "https://evil.example"},
    "an old browser, another port": {"Origin": "http://127.0.0.1:3000"},
    "a sandboxed page": {"Origin": "null"},
    "no origin": {"Sec-Fetch-Site": "cross-site"},
    "an origin that is none": {"Origin": "http://["},
}
OWN = {
    "the page": {"Origin": LOOPBACK, "Sec-Fetch-Site": "same-origin"},
    "the page in an old browser": {"Origin": LOOPBACK},
    "an address typed by a person": {"Sec-Fetch-Site": "none"},
    "curl": {},
}
FILE = {"file": ("a.csv", b"x,y\n1,2\n")}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def upload(client: TestClient, headers: dict[str, str]) -> httpx.Response:
    return client.post("/datasets", files=FILE, headers=headers)


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_page_of_another_site_uploads_nothing(client: TestClient, headers: dict[str, str]) -> None:
    answer = upload(client, headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert client.get("/usage").json()["datasets"]["count"] == 0


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN.keys())
def test_the_own_page_and_programs_go_on_working(client: TestClient, headers: dict[str, str]) -> None:
    assert upload(client, headers).status_code == 201


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_page_of_another_site_changes_no_job_and_no_model(
    client: TestClient, sessions: Sessions, headers: dict[str, str]
) -> None:
    job_id = make_job(sessions).id
    model = make_model(sessions)
    exported = client.get(f"/models/{model.id}/export", params={"format": "safetensors"}).content
    answers = [
        client.post(f"/jobs/{job_id}/cancel", headers=headers),
        client.post(f"/jobs/{job_id}/retry", headers=headers),
        client.delete(f"/models/{model.id}", headers=headers),
        client.post("/models/import", files={"file": ("m.safetensors", exported)}, headers=headers),
        client.post("/v2/repository/models/law/unload", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert client.get(f"/jobs/{job_id}").json()["status"] == "queued"
    assert len(client.get("/models").json()["items"]) == 1


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_link_from_another_site_still_leads_here(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/", headers=headers).status_code == 200


def test_a_page_behind_a_proxy_that_changes_the_host_is_known_by_its_name(
    start: Callable[..., TestClient],
) -> None:
    client = start(allowed_hosts="kan.example")
    assert upload(client, {"Origin": "https://kan.example"}).status_code == 201
    assert upload(client, {"Origin": "https://evil.example"}).status_code == 403


def test_a_page_behind_a_proxy_that_speaks_tls_is_known_by_its_host(start: Callable[..., TestClient]) -> None:
    client = start()
    assert upload(client, {"Origin": "https://localhost", "Host": "localhost"}).status_code == 201
