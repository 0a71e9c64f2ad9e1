"""Mistakes that can be made everywhere, strangers, and failures."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi.testclient import TestClient

from service.caller import Scope
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK
from tests.tour.noting import Document, Tour


def refuse_everywhere(tour: Tour) -> None:
    """Mistakes that can be made with every operation of a kind."""
    for path, item in tour.document["paths"].items():
        for method, operation in item.items():
            missing = dict.fromkeys(re.findall(r"{(\w+)}", path), "nothing")
            bodies = tour.noted[operation["operationId"]]["bodies"]
            for how in mistakes(bodies, {parameter["name"] for parameter in operation.get("parameters", ())}):
                tour.ask(method.upper(), path, of=missing, **how)


def mistakes(bodies: Document, parameters: set[str]) -> Iterator[Document]:
    """Requests for things that there are not, and with bodies, parameters and hosts that cannot be."""
    json_bodies = bodies.get("application/json", {})
    yield {"json": next(iter(json_bodies.values()))} if json_bodies else {}
    if json_bodies:
        yield {"content": b'{"a": ', "headers": {"Content-Type": "application/json"}}
        yield {"content": b"a=1", "headers": {"Content-Type": "text/plain"}}
        yield {"json": {"nonsense": 1}}
    if bodies:
        yield {"headers": {"Content-Length": "1" + "0" * 12}}
    if "limit" in parameters:
        yield {"params": {"limit": 0}}
    if "cursor" in parameters:
        yield {"params": {"cursor": "nonsense"}}
    yield {"headers": {"Host": "elsewhere.example"}}


def meet_strangers(tour: Tour, settings: Settings, sessions: Sessions) -> None:
    """What those are told who may not."""
    with sessions.begin() as session:
        reader = ApiKeys(session).add("a reader", tenant="default", scopes=(Scope.READ,))[1]
        other = ApiKeys(session).add("another", tenant="other", scopes=tuple(Scope))[1]
    open_to_all = settings.model_copy(update={"host": "0.0.0.0", "rate_limit": 3})
    with TestClient(create_app(open_to_all), base_url=LOOPBACK) as client:
        tour.client = client
        tour.refused("GET", "/usage", "key_required")
        tour.refused("GET", "/usage", "invalid_key", headers={"Authorization": "Bearer nobody"})
        tour.refused("GET", "/audit", "scope_missing", headers={"Authorization": f"Bearer {reader}"})
        tour.refused("GET", "/metrics", "not_the_operator", headers={"Authorization": f"Bearer {other}"})
        for _ in range(3):
            client.get("/usage", headers={"Authorization": f"Bearer {reader}"})
        tour.refused("GET", "/usage", "rate_limited", headers={"Authorization": f"Bearer {reader}"})


def meet_failures(tour: Tour, settings: Settings) -> None:
    """What clients are told when something is not there, full, or broken."""
    settings = settings.model_copy(update={"open_loopback": "on"})  # the keys of strangers exist by now
    away = settings.model_copy(update={"database_url": f"sqlite:///{settings.data_dir / 'away' / 'kan.db'}"})
    with unlogged(), TestClient(create_app(away), base_url=LOOPBACK, raise_server_exceptions=False) as client:
        tour.client = client
        tour.refused("GET", "/usage", "database_unavailable")
        client.app.state.sessions = None  # type: ignore[attr-defined]
        tour.refused("GET", "/usage", "internal_error")
    quiet = settings.model_copy(update={"webhooks": "off"})
    with TestClient(create_app(quiet), base_url=LOOPBACK) as client:
        tour.client = client
        body = {"dataset_id": dataset_of(client), "target": "y", "webhook": {"url": "https://example.com/"}}
        tour.refused("POST", "/jobs", "webhooks_off", json=body)
    full = settings.model_copy(update={"quota_bytes": 1, "quota_jobs": 1})
    with TestClient(create_app(full), base_url=LOOPBACK) as client:
        tour.client = client
        tour.refused("POST", "/datasets", "quota_exceeded", json={"columns": {"x": [1, 2]}})
        table = {"file": ("table.csv", "x\n1\n2\n")}
        tour.refused("POST", "/datasets/upload", "quota_exceeded", files=table)
        exported = client.get("/models/law/export").content
        tour.refused(
            "POST", "/models/import", "quota_exceeded", files={"file": ("law.safetensors", exported)}
        )
        body = {"dataset_id": dataset_of(client), "target": "height"}
        tour.refused("POST", "/jobs", "too_many_jobs", json=body)


def dataset_of(client: TestClient) -> str:
    """The newest dataset."""
    return str(client.get("/datasets").json()["items"][0]["id"])


@contextmanager
def unlogged() -> Iterator[None]:
    """Nothing of what the service logs meanwhile: the traceback of a failure that is wanted looks like the
    tour's own.
    """
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
