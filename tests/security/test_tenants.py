"""A key sees and does what its scopes allow, among what its tenant owns, and nothing else exists for it.

The matrices come from the OpenAPI document: an operation that is added tomorrow is in them.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from service.caller import DEFAULT_TENANT, LOCAL_CALLER, Caller, Scope
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.main import create_app
from service.operations.models.management import change_model
from service.schemas.models import ModelPatch
from service.settings import Settings
from tests.support.factories import EDGES, make_delivery, make_job, make_model, make_predictor
from tests.support.openapi import openapi_document
from tests.support.servers import LOOPBACK

METHODS = ("get", "post", "put", "patch", "delete")
OPEN = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready")
OF_NO_TENANT = ("/v2", "/metrics")
NO_LISTS = (*OF_NO_TENANT, "/formats", "/models/compare", "/webhooks/secret")
TENSORS = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.0, 0.0]}]}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/datasets"): {"columns": {"x": [1.0, 2.0]}},
    ("post", "/jobs"): {"dataset_id": "none", "target": "y"},
    ("patch", "/datasets/{dataset_id}"): {"tags": {}},
    ("patch", "/models/{model_id}"): {"tags": {}},
    ("post", "/webhooks/secret"): {},
    ("post", "/predict"): {"model": "none", "rows": [{"x1": 0.0, "x2": 0.0}]},
    ("post", "/models/{model_id}/predict"): {"rows": [{"x1": 0.0, "x2": 0.0}]},
    ("post", "/models/{model_id}/evaluate"): {"rows": [{"x1": 0.0, "x2": 0.0, "y": 0.0}]},
    ("post", "/models/{model_id}/next_rows"): {"count": 1},
    ("post", "/v2/models/{name}/infer"): TENSORS,
    ("post", "/v2/models/{name}/versions/{version}/infer"): TENSORS,
}
QUERIES: dict[tuple[str, str], dict[str, str]] = {
    ("get", "/aliases"): {"name": "law"},
    ("get", "/models/compare"): {"ids": "law,law@live"},
}
Operation = tuple[str, str]
DOCUMENT = openapi_document()
OPERATIONS: dict[Operation, dict[str, Any]] = {
    (method, path): operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS and path not in OPEN
}


class House:
    """A service with two tenants; everything in it belongs to the first."""

    def __init__(self, client: TestClient, sessions: Sessions) -> None:
        self.client, self._sessions = client, sessions
        table = {name: [0.0, 1.0, 2.0] for name in ("x1", "x2", "y")}
        dataset_id = self.call(self.key(DEFAULT_TENANT), ("post", "/datasets"), {}, columns=table).json()[
            "id"
        ]
        job = make_job(sessions, dataset_id=dataset_id, idempotency_key="mine")
        model = make_model(sessions, make_predictor(), dataset_id=dataset_id, name="law", edges=EDGES)
        change_model(model.id, ModelPatch(alias="live"), sessions.restrict_to(LOCAL_CALLER))
        self.ids = {"dataset_id": dataset_id, "job_id": job.id, "model_id": model.id}
        self.ids["delivery_id"] = make_delivery(sessions)
        self.ids |= {"name": model.id, "version": "1", "plot": "history", "study_plot": "error_by_grid"}

    def call(self, key: str, operation: Operation, ids: dict[str, str], **change: Any) -> httpx.Response:
        method, path = operation
        body = BODIES.get(operation)
        headers = {"Authorization": f"Bearer {key}"}
        url, query = path.format(**ids), QUERIES.get(operation)
        return self.client.request(method, url, params=query, json=body and body | change, headers=headers)

    def of(self, tenant: str) -> Sessions:
        return self._sessions.restrict_to(Caller(tenant=tenant, name="a test"))

    def key(self, tenant: str, *scopes: Scope) -> str:
        with self._sessions.begin() as session:
            return ApiKeys(session).add("a client", tenant=tenant, scopes=scopes or tuple(Scope))[1]


@pytest.fixture(scope="module")
def house(new_settings: Callable[..., Settings]) -> Iterator[House]:
    app = create_app(new_settings(host="0.0.0.0"))
    with TestClient(app, base_url=LOOPBACK) as client:
        yield House(client, app.state.sessions)


@pytest.fixture(scope="module")
def stranger(house: House) -> str:
    """A key that may do everything, of another tenant."""
    return house.key("elsewhere")


def scopes_of(operation: Operation) -> set[str]:
    (requirement,) = OPERATIONS[operation]["security"]
    return set(requirement["key"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_every_operation_names_the_scopes_that_open_it(operation: Operation) -> None:
    assert scopes_of(operation) <= set(Scope)
    assert scopes_of(operation)


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
@pytest.mark.parametrize("scope", Scope)
def test_a_key_opens_what_its_scope_allows_and_nothing_else(
    house: House, operation: Operation, scope: Scope
) -> None:
    ids = dict.fromkeys(house.ids, "none")
    answer = house.call(house.key(DEFAULT_TENANT, scope), operation, ids)
    assert (answer.status_code != 403) is (scope in scopes_of(operation) or scope is Scope.ADMIN)
    if answer.status_code == 403:
        assert answer.json()["code"] == "scope_missing"
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if "{" in o[1]], ids=" ".join)
def test_what_another_tenant_owns_is_answered_like_what_there_is_not(
    house: House, stranger: str, operation: Operation
) -> None:
    answer = house.call(stranger, operation, house.ids)
    nothing = house.call(stranger, operation, {name: f"{id_[:-1]}x" for name, id_ in house.ids.items()})
    assert (answer.status_code, answer.json()["code"]) == (404, nothing.json()["code"])
    assert set(answer.headers) == set(nothing.headers)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if "{" in o[1] and o[0] == "get"], ids=" ".join)
def test_its_owner_sees_it(house: House, operation: Operation) -> None:
    assert house.call(house.key(DEFAULT_TENANT), operation, house.ids).status_code != 404


@pytest.mark.parametrize(
    "path",
    [path for method, path in OPERATIONS if method == "get" and "{" not in path and path not in NO_LISTS],
)
def test_lists_of_another_tenant_are_empty(house: House, path: str) -> None:
    answer = house.call(house.key("nobody"), ("get", path), {}).json()
    if path == "/usage":
        counts = [*answer["jobs"].values(), answer["datasets"]["bytes"], answer["models"]["bytes"]]
        assert set(counts) == {0}
    else:
        assert answer["items"] == []


def test_the_history_of_aliases_is_the_owner_s_alone(house: House, stranger: str) -> None:
    aliases = ("get", "/aliases")
    mine, theirs = (house.call(key, aliases, {}).json() for key in (house.key(DEFAULT_TENANT), stranger))
    for listed in ("aliases", "items"):
        assert [entry["alias"] for entry in mine[listed]] == ["live"]
    assert (theirs["aliases"], theirs["items"]) == ([], [])


def test_models_of_another_tenant_cannot_be_compared(house: House, stranger: str) -> None:
    assert house.call(house.key(DEFAULT_TENANT), ("get", "/models/compare"), {}).status_code == 200
    for ids in ("law,law@live", ",".join([house.ids["model_id"]] * 2)):
        headers = {"Authorization": f"Bearer {stranger}"}
        answer = house.client.get("/models/compare", params={"ids": ids}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


def test_the_index_of_another_tenant_is_empty(house: House) -> None:
    index = ("post", "/v2/repository/index")
    assert house.call(house.key("nobody"), index, {}).json() == []
    assert [entry["name"] for entry in house.call(house.key(DEFAULT_TENANT), index, {}).json()] == ["law"]


@pytest.mark.parametrize("reference", ["law", "law@live", "law@default"])
def test_names_and_aliases_of_another_tenant_stand_for_nothing(
    house: House, stranger: str, reference: str
) -> None:
    headers = {"Authorization": f"Bearer {stranger}"}
    rows = [{"x1": 0.0, "x2": 0.0}]
    for answer in (
        house.client.post("/predict", json={"model": reference, "rows": rows}, headers=headers),
        house.client.post("/predict", json={"model": house.ids["model_id"], "rows": rows}, headers=headers),
        house.client.get(f"/models/{reference}", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"dataset_id": "dataset_id", "target": "y"}, "dataset_not_found"),
        ({"kind": "symbolic", "model_id": "model_id", "choose": 0}, "model_not_found"),
        ({"kind": "predict", "model": "model_id", "dataset_id": "dataset_id"}, "model_not_found"),
    ],
)
def test_a_job_cannot_be_about_what_another_tenant_owns(
    house: House, stranger: str, body: dict[str, Any], code: str
) -> None:
    body = {name: house.ids.get(str(value), value) for name, value in body.items()}
    answer = house.client.post("/jobs", json=body, headers={"Authorization": f"Bearer {stranger}"})
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_model_of_one_s_own_predicts_no_dataset_of_another_tenant(house: House, stranger: str) -> None:
    make_model(house.of("elsewhere"), name="own")
    body = {"kind": "predict", "model": "own", "dataset_id": house.ids["dataset_id"]}
    answer = house.client.post("/jobs", json=body, headers={"Authorization": f"Bearer {stranger}"})
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")


def test_the_same_table_of_two_tenants_is_two_datasets_that_know_nothing_of_each_other(
    house: House,
) -> None:
    body = {"name": "mine", "columns": {"x": [1.0, 2.0, 4.0]}}
    made = []
    for tenant in ("one", "two"):
        headers = {"Authorization": f"Bearer {house.key(tenant)}"}
        made.append(house.client.post("/datasets", json=body, headers=headers).json())
        assert len(house.client.get("/datasets", headers=headers).json()["items"]) == 1
    first, second = made
    assert first["id"] != second["id"]
    headers = {"Authorization": f"Bearer {house.key('one')}"}
    assert house.client.delete(f"/datasets/{first['id']}", headers=headers).status_code == 204
    headers = {"Authorization": f"Bearer {house.key('two')}"}
    assert house.client.get(f"/datasets/{second['id']}/content", headers=headers).status_code == 200


def test_two_tenants_may_use_the_same_idempotency_key_and_the_same_name(house: House) -> None:
    jobs = []
    for tenant in ("three", "four"):
        headers = {"Authorization": f"Bearer {house.key(tenant)}", "Idempotency-Key": "mine"}
        x = [float(i) for i in range(30)]
        columns = {"x": x, "y": [v * v for v in x]}
        dataset_id = house.client.post("/datasets", json={"columns": columns}, headers=headers).json()["id"]
        body = {"dataset_id": dataset_id, "target": "y"}
        answer = house.client.post("/jobs", json=body, headers=headers)
        assert answer.status_code == 202
        assert "idempotency-replayed" not in answer.headers
        jobs.append(answer.json()["id"])
    assert jobs[0] != jobs[1]


def test_a_cursor_of_another_tenant_leads_only_through_one_s_own(house: House) -> None:
    owner, other = house.key("paged"), house.key("paged too")
    for key in (owner, owner, other):
        house.call(key, ("post", "/datasets"), {})
    listed = [
        house.client.get("/datasets?limit=1", headers={"Authorization": f"Bearer {key}"}).json()
        for key in (owner, other)
    ]
    cursor = listed[0]["next_cursor"]
    page = house.client.get(f"/datasets?cursor={cursor}", headers={"Authorization": f"Bearer {other}"}).json()
    assert {item["id"] for item in page["items"]} <= {item["id"] for item in listed[1]["items"]}


@pytest.mark.parametrize("field", ["tenant", "status", "attempt", "token"])
def test_nobody_can_name_an_owner_or_a_state_in_a_body(house: House, stranger: str, field: str) -> None:
    headers = {"Authorization": f"Bearer {stranger}"}
    for path in ("/datasets", "/jobs"):
        body = BODIES["post", path] | {field: "default"}
        answer = house.client.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


def test_the_secret_of_another_tenant_is_neither_seen_nor_replaced(house: House) -> None:
    def seen(key: str) -> tuple[int, Any]:
        answer = house.call(key, ("get", "/webhooks/secret"), {})
        return answer.status_code, answer.json().get("rotated_at")

    owner, other = house.key(DEFAULT_TENANT), house.key("signing")
    before = seen(owner)
    assert (before[0], seen(other)) == (200, (404, None))
    assert house.call(other, ("post", "/webhooks/secret"), {}).status_code == 201
    assert seen(owner) == before


def test_the_audit_log_tells_what_was_done_with_which_key(house: House) -> None:
    key = house.key("audited")
    dataset_id = house.call(key, ("post", "/datasets"), {}).json()["id"]
    house.call(key, ("delete", "/datasets/{dataset_id}"), {"dataset_id": dataset_id})
    entries = house.call(key, ("get", "/audit"), {}).json()["items"]
    assert [(entry["action"], entry["object_id"]) for entry in entries] == [
        ("dataset.delete", dataset_id),
        ("dataset.add", dataset_id),
    ]
    assert {entry["key_name"] for entry in entries} == {"a client"}
    assert key not in str(entries)
