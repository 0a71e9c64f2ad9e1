"""Webhooks over HTTP: who may have one, what becomes of its messages, and the secret that signs them."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema_rs import validator_for

from service.caller import DEFAULT_TENANT, Scope
from service.db.repositories import ApiKeys, Jobs
from service.db.session import Sessions
from service.main import create_app
from service.settings import Settings
from tests.support.factories import finish_job, start_job
from tests.support.openapi import openapi_document
from tests.support.servers import LOOPBACK

HOOK = {"url": "https://example.com/hook"}
TABLE = {"x": [float(i) for i in range(20)], "y": [float(i * i) for i in range(20)]}


class Service:
    """A service, and what a client of it needs."""

    def __init__(self, client: TestClient, sessions: Sessions, headers: dict[str, str]) -> None:
        self.client, self.sessions, self.headers = client, sessions, headers
        self.dataset_id = self.send("POST", "/datasets", json={"columns": TABLE})["id"]

    def send(self, method: str, path: str, **how: Any) -> Any:
        answer = self.client.request(method, path, headers=self.headers, **how)
        return answer.json() | ({"answered": answer.status_code} if answer.is_error else {})

    def submit(self, **fields: Any) -> Any:
        return self.send("POST", "/jobs", json={"dataset_id": self.dataset_id, "target": "y", **fields})

    def finish(self, **fields: Any) -> str:
        job_id = self.submit(**fields)["id"]
        finish_job(self.sessions, job_id, start_job(self.sessions, job_id))
        return str(job_id)

    def deliveries(self, **params: Any) -> list[Any]:
        return list(self.send("GET", "/webhooks/deliveries", params=params)["items"])


@pytest.fixture
def serve(new_settings: Callable[..., Settings]) -> Iterator[Callable[..., Service]]:
    """Start a service; it has a secret unless ``has_secret`` is false."""
    clients = []

    def serve(*, has_secret: bool = True, **settings: Any) -> Service:
        app = create_app(new_settings(**({"webhooks": "on"} | settings)))
        client = TestClient(app, base_url=LOOPBACK)
        clients.append(client.__enter__())
        with app.state.sessions.begin() as session:
            key = ApiKeys(session).add("a client", tenant=DEFAULT_TENANT, scopes=tuple(Scope))[1]
        service = Service(client, app.state.sessions, {"Authorization": f"Bearer {key}"})
        if has_secret:
            service.send("POST", "/webhooks/secret", json={})
        return service

    yield serve
    for client in clients:
        client.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("settings", "has_webhooks"),
    [
        ({"webhooks": "auto"}, False),
        ({"webhooks": "on"}, True),
        ({"webhooks": "auto", "host": "0.0.0.0"}, True),
        ({"webhooks": "off", "host": "0.0.0.0"}, False),
    ],
)
def test_on_loopback_without_keys_webhooks_are_off_unless_allowed(
    serve: Callable[..., Service], settings: dict[str, Any], has_webhooks: bool
) -> None:
    answer = serve(**settings).submit(webhook=HOOK)
    assert answer.get("code") == (None if has_webhooks else "webhooks_off")


@pytest.mark.parametrize(
    "url",
    [
        *("https://127.0.0.1/", "https://2130706433/", "http://example.com/"),
        *("https://example.com:22/", "https://example.com:0/"),
    ],
)
def test_a_job_with_an_address_that_is_not_public_is_refused(serve: Callable[..., Service], url: str) -> None:
    answer = serve().submit(webhook={"url": url})
    assert (answer["answered"], answer["code"]) == (422, "webhook_url_refused")


@pytest.mark.parametrize(
    "webhook", [{"url": "ftp://example.com"}, {"url": HOOK["url"], "events": []}, {"events": ["failed"]}, {}]
)
def test_a_webhook_needs_a_url_and_events(serve: Callable[..., Service], webhook: dict[str, Any]) -> None:
    answer = serve().submit(webhook=webhook)
    assert (answer["answered"], answer["code"]) == (422, "validation_failed")


def test_a_job_waits_for_no_webhook_that_nothing_could_sign(serve: Callable[..., Service]) -> None:
    answer = serve(has_secret=False).submit(webhook=HOOK)
    assert (answer["answered"], answer["code"]) == (409, "webhook_secret_missing")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "train"},
        {"kind": "study", "vary": {"seed": [0, 1]}},
        {
            "kind": "solve",
            "independent": ["x"],
            "unknowns": ["y"],
            "domain": {"x": [0, 1]},
            "equations": ["y' = -y"],
            "conditions": ["y(0) = 1"],
        },
    ],
)
def test_every_kind_of_job_may_have_a_webhook(serve: Callable[..., Service], body: dict[str, Any]) -> None:
    service = serve()
    given = {"dataset_id": service.dataset_id, "target": "y"} if body["kind"] != "solve" else {}
    job = service.send("POST", "/jobs", json=given | body | {"webhook": HOOK})
    service.send("POST", f"/jobs/{job['id']}/cancel")
    (delivery,) = service.deliveries()
    assert (delivery["job_id"], delivery["event"], delivery["body"]["data"]["kind"]) == (
        job["id"],
        "cancelled",
        body["kind"],
    )


def test_a_study_cannot_vary_its_webhook(serve: Callable[..., Service]) -> None:
    answer = serve().submit(kind="study", vary={"webhook.url": ["https://a.example/"]})
    assert answer["answered"] == 422


def test_a_job_without_a_webhook_has_that_of_its_key(serve: Callable[..., Service]) -> None:
    service = serve(host="0.0.0.0")
    with service.sessions.begin() as session:
        (key,) = ApiKeys(session).list()
        key.webhook = {"url": "https://key.example/", "events": ["cancelled"]}
    for fields in ({}, {"webhook": HOOK}):
        job_id = service.submit(**fields)["id"]
        service.send("POST", f"/jobs/{job_id}/cancel")
    assert [delivery["url"] for delivery in service.deliveries()] == [HOOK["url"], "https://key.example/"]


def test_a_retried_job_has_the_webhook_of_the_first(serve: Callable[..., Service]) -> None:
    service = serve()
    job_id = service.submit(webhook=HOOK)["id"]
    service.send("POST", f"/jobs/{job_id}/cancel")
    again = service.send("POST", f"/jobs/{job_id}/retry")["id"]
    service.send("POST", f"/jobs/{again}/cancel")
    assert {delivery["job_id"] for delivery in service.deliveries()} == {job_id, again}


def test_the_request_that_models_carry_has_no_webhook(serve: Callable[..., Service]) -> None:
    service = serve()
    job_id = service.submit(webhook=HOOK)["id"]
    with service.sessions.read() as session:
        job = Jobs(session).get(job_id)
    assert (job.webhook and job.webhook["url"], "webhook" in job.request) == (HOOK["url"], False)


def test_another_webhook_is_another_request(serve: Callable[..., Service]) -> None:
    service = serve()
    service.headers["Idempotency-Key"] = "mine"
    first = service.submit(webhook=HOOK)["id"]
    assert service.submit(webhook=HOOK)["id"] == first
    assert service.submit()["code"] == "idempotency_key_reused"


def test_deliveries_are_listed_newest_first_by_status_and_job(serve: Callable[..., Service]) -> None:
    service = serve()
    jobs = [service.finish(webhook=HOOK) for _ in range(2)]
    assert [delivery["job_id"] for delivery in service.deliveries()] == jobs[::-1]
    assert [delivery["job_id"] for delivery in service.deliveries(job_id=jobs[0])] == jobs[:1]
    assert service.deliveries(status="failed") == []
    page = service.send("GET", "/webhooks/deliveries", params={"limit": 1, "status": "pending"})
    rest = service.deliveries(cursor=page["next_cursor"])
    assert [delivery["job_id"] for delivery in (*page["items"], *rest)] == jobs[::-1]


def test_a_delivery_is_sent_again_on_request_and_the_audit_log_says_so(
    serve: Callable[..., Service],
) -> None:
    service = serve()
    service.finish(webhook=HOOK)
    (delivery,) = service.deliveries()
    path = f"/v1/webhooks/deliveries/{delivery['id']}"
    answer = service.client.post(f"{path}/redeliver", headers=service.headers)
    assert (answer.status_code, answer.headers["location"]) == (202, path)
    assert answer.json()["status"] == service.send("GET", path)["status"] == "pending"
    assert service.send("GET", "/audit", params={"limit": 1})["items"][0]["action"] == "webhook.redeliver"


def test_the_body_of_a_message_is_what_the_document_describes(serve: Callable[..., Service]) -> None:
    service = serve()
    service.finish(webhook=HOOK)
    document = openapi_document()
    operation = document["webhooks"]["job-ended"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    (delivery,) = service.deliveries()
    validator_for(schema | {"components": document["components"]}).validate(delivery["body"])
    with service.sessions.read() as session:
        job = Jobs(session).get(delivery["job_id"])
    assert delivery["body"]["data"]["status"] == job.status


def test_a_secret_is_shown_once(serve: Callable[..., Service]) -> None:
    service = serve(has_secret=False)
    missing = service.send("GET", "/webhooks/secret")
    assert (missing["answered"], missing["code"]) == (404, "webhook_secret_not_found")
    made = service.send("POST", "/webhooks/secret", json={})
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == service.send("GET", "/webhooks/secret")
    assert secret not in json.dumps(service.send("GET", "/audit"))


def test_the_present_secret_signs_until_the_overlap_ends(serve: Callable[..., Service]) -> None:
    service = serve()
    for hours in (2, 0):
        made = service.send("POST", "/webhooks/secret", json={"overlap_hours": hours})
        rotated_at = datetime.fromisoformat(made["rotated_at"])
        until = made["previous_until"] and datetime.fromisoformat(made["previous_until"])
        assert until == (rotated_at + timedelta(hours=hours) if hours else None)
