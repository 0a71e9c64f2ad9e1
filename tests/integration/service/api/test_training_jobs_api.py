"""Jobs over HTTP; no worker runs, so that a test decides what happens to them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import event

from service.db.repositories import Datasets, Jobs, Workers
from service.db.session import Sessions
from service.db.tables import Job
from service.main import create_app
from service.settings import Settings
from tests.support.databases import ON_ONE_DATABASE
from tests.support.factories import column, make_dataset
from tests.support.servers import LOOPBACK

COLUMNS = [column("x"), column("y"), column("kind", "category", distinct=3)]


@pytest.fixture
def dataset_id(client: TestClient) -> str:
    return make_dataset(sessions_of(client), *COLUMNS)


def sessions_of(client: TestClient) -> Sessions:
    return client.app.state.sessions  # type: ignore[attr-defined]  # the app is a FastAPI


def submit(client: TestClient, dataset_id: str, *, key: str | None = None, **body: Any) -> Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/jobs", json={"dataset_id": dataset_id, "target": "y", **body}, headers=headers)


def run(client: TestClient, job_id: str) -> str:
    with sessions_of(client).begin() as session:
        job = Jobs(session).claim(job_id, lease_s=60)
    assert job is not None
    assert job.token is not None
    return job.token


def test_a_running_job_tells_how_long_others_like_it_went_on(client: TestClient, dataset_id: str) -> None:
    ids = [submit(client, dataset_id).json()["id"] for _ in range(4)]
    with sessions_of(client).begin() as session:
        for earlier_id, seconds in zip(ids, (60, 70, 80, 90), strict=True):
            job = session.get_one(Job, earlier_id)
            job.status, job.started_at = "succeeded", job.created_at
            job.finished_at = job.created_at + timedelta(seconds=seconds)
    job_id = submit(client, dataset_id).json()["id"]
    assert client.get(f"/jobs/{job_id}").json()["progress"]["eta_range"] is None
    run(client, job_id)
    low, high = client.get(f"/jobs/{job_id}").json()["progress"]["eta_range"]
    assert 50 < low < 70 < high < 90
    assert client.get("/jobs").json()["items"][0]["progress"]["eta_range"] is None


def finish(client: TestClient, job_id: str) -> None:
    token = run(client, job_id)
    with sessions_of(client).begin() as session:
        Jobs(session).succeed(job_id, token, model_id="m", cut_by="symbolic")


def test_a_submitted_job_is_queued_and_found_under_its_location(client: TestClient, dataset_id: str) -> None:
    response = submit(client, dataset_id)
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/jobs/{job['id']}"
    place = {"position": 1, "reason": "no_worker"}
    assert client.get(response.headers["location"]).json() == job | {"queue": place}
    assert job["status"] == "queued"
    unknown = {"stage": None, "message": None, "eta_seconds": None, "eta_range": None}
    assert job["progress"] == {**unknown, "fraction": 0.0}
    assert (job["kind"], job["attempt"], job["error"], job["model_id"]) == ("train", 0, None, None)


def test_a_job_names_its_dataset_wherever_it_is_shown(client: TestClient, dataset_id: str) -> None:
    name = client.get(f"/datasets/{dataset_id}").json()["name"]
    first = submit(client, dataset_id, key="k").json()
    path = f"/jobs/{first['id']}"
    shown = [
        first,
        submit(client, dataset_id, key="k").json(),
        client.get(path).json(),
        client.get("/jobs").json()["items"][0],
        client.post(f"{path}/cancel").json(),
        client.post(f"{path}/retry").json(),
    ]
    assert [job["dataset_name"] for job in shown] == [name] * len(shown)


def test_a_job_tells_the_name_that_its_model_is_to_have(client: TestClient, dataset_id: str) -> None:
    submit(client, dataset_id)
    submit(client, dataset_id, name="brake")
    assert [job["name"] for job in client.get("/jobs").json()["items"]] == ["brake", None]


def test_a_job_goes_on_without_a_name_when_its_dataset_is_deleted(
    client: TestClient, dataset_id: str
) -> None:
    job = submit(client, dataset_id).json()
    client.post(f"/jobs/{job['id']}/cancel")
    assert client.delete(f"/datasets/{dataset_id}").status_code == 204
    assert client.get(f"/jobs/{job['id']}").json()["dataset_name"] is None
    assert client.get("/jobs").json()["items"][0]["dataset_name"] is None


def test_a_list_of_jobs_is_one_query(client: TestClient, dataset_id: str) -> None:
    for _ in range(3):
        submit(client, dataset_id)
    sent: list[str] = []
    with sessions_of(client).read() as session:
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
        client.get("/jobs")
    assert len([statement for statement in sent if "FROM job" in statement]) == 1


def test_a_queued_job_tells_its_place_and_why_it_waits(client: TestClient, dataset_id: str) -> None:
    body = {"dataset_id": dataset_id, "target": "y"}
    ids = [client.post("/jobs", json=body).json()["id"] for _ in range(2)]
    ids.append(client.post("/jobs", json=body | {"priority": 5}).json()["id"])
    places = [client.get(f"/jobs/{job_id}").json()["queue"] for job_id in ids]
    assert [place["position"] for place in places] == [2, 3, 1]
    assert {place["reason"] for place in places} == {"no_worker"}
    with client.app.state.sessions.begin() as session:  # type: ignore[attr-defined]  # the app is a FastAPI
        Workers(session).report("w", host="h", pid=1, slots=1)
    places = [client.get(f"/jobs/{job_id}").json()["queue"] for job_id in ids]
    assert [place["reason"] for place in places] == ["earlier_jobs", "earlier_jobs", "busy"]
    client.post(f"/jobs/{ids[0]}/cancel")
    assert client.get(f"/jobs/{ids[0]}").json()["queue"] is None


def test_a_client_of_v1_stays_there(client: TestClient, dataset_id: str) -> None:
    response = client.post("/v1/jobs", json={"dataset_id": dataset_id, "target": "y"})
    assert response.headers["location"].startswith("/v1/jobs/")


def test_an_unknown_dataset_is_not_found(client: TestClient) -> None:
    response = submit(client, "01890a5d-ac96-774b-bcce-b302099a8057")
    assert (response.status_code, response.json()["code"]) == (404, "dataset_not_found")


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"target": "z"}, "unknown_column"),
        ({"target": "kind", "task": "regression"}, "target_not_numeric"),
        ({"network": {"hidden": [10**8]}}, "cost_too_high"),
        ({"network": {"grid": 10**8}}, "cost_too_high"),
        ({"network": {"grid": 10**10}}, "cost_too_high"),
        ({"network": {"hidden": [10**15, 10**15], "grid": 10**15}}, "cost_too_high"),
        ({"network": {"hidden": [5] * 2_000}}, "cost_too_high"),
        ({"max_seconds": 1e-6}, "cost_too_high"),
        ({"max_seconds": 10**6}, "max_seconds_too_large"),
        ({"colour": "red"}, "validation_failed"),
        ({"network": {"depth": 3}}, "validation_failed"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_queued(
    client: TestClient, dataset_id: str, body: dict[str, Any], code: str
) -> None:
    response = submit(client, dataset_id, **body)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["pointer"].startswith("#/")
    assert client.get("/jobs").json()["items"] == []


def test_a_refusal_for_the_cost_carries_the_estimate(client: TestClient, dataset_id: str) -> None:
    problem = submit(client, dataset_id, network={"hidden": [10**6]}).json()
    assert problem["estimate"]["parameters"] > problem["limit"]["parameters"]


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        ({"network": {"grid": 0}}, "#/network/grid", "greater than or equal to 1"),
        ({"network": {"grid": "wide"}}, "#/network/grid", "a valid integer or 'auto'"),
        ({"network": {"hidden": [0]}}, "#/network/hidden/0", "greater than or equal to 1"),
        ({"training": {"lamb": -1}}, "#/training/lamb", "greater than or equal to 0"),
        ({"training": {"class_weight": {"a": 0}}}, "#/training/class_weight/a", "greater than 0"),
        ({"training": {"optimizer": "sgd"}}, "#/training/optimizer", "'auto', 'levenberg_marquardt'"),
    ],
)
def test_a_wrong_value_beside_auto_is_one_problem(
    client: TestClient, dataset_id: str, body: dict[str, Any], pointer: str, said: str
) -> None:
    problem = submit(client, dataset_id, **body).json()
    assert [entry["pointer"] for entry in problem["errors"]] == [pointer]
    assert problem["detail"].startswith(pointer)
    assert said in problem["detail"]


def test_a_name_that_no_model_can_have_is_refused_in_words(client: TestClient, dataset_id: str) -> None:
    (entry,) = submit(client, dataset_id, name="a@b").json()["errors"]
    assert (entry["pointer"], entry["code"]) == ("#/name", "string_pattern_mismatch")
    assert "must not contain @, / or control characters" in entry["detail"]


def test_a_default_longer_than_the_service_allows_is_shortened(database_url: str) -> None:
    with TestClient(
        create_app(Settings(database_url=database_url, max_job_seconds=60)), base_url=LOOPBACK
    ) as client:
        dataset_id = make_dataset(sessions_of(client), *COLUMNS)
        job_id = submit(client, dataset_id).json()["id"]
        with sessions_of(client).read() as session:
            assert Jobs(session).get(job_id).request["max_seconds"] == 60


def test_submitting_again_under_a_key_gives_the_same_answer(client: TestClient, dataset_id: str) -> None:
    first = submit(client, dataset_id, key='"once"')
    finish(client, first.json()["id"])
    second = submit(client, dataset_id, key="once")
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert (second.status_code, second.json(), second.headers["location"]) == (
        202,
        first.json(),
        first.headers["location"],
    )
    assert len(client.get("/jobs").json()["items"]) == 1


def test_a_key_belongs_to_one_request(client: TestClient, dataset_id: str) -> None:
    submit(client, dataset_id, key="k")
    response = submit(client, dataset_id, key="k", seed=1)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


@ON_ONE_DATABASE
@pytest.mark.parametrize("key", ["", "a" * 256, "tab\there"])
def test_a_key_that_is_none_is_refused(client: TestClient, dataset_id: str, key: str) -> None:
    response = submit(client, dataset_id, key=key)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_idempotency_key")


def test_the_same_key_sent_many_times_at_once_makes_one_job(client: TestClient, dataset_id: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submit(client, dataset_id, key="k"), range(16)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_lists_are_newest_first_in_pages_and_by_status(client: TestClient, dataset_id: str) -> None:
    ids = [submit(client, dataset_id).json()["id"] for _ in range(3)]
    finish(client, ids[0])
    first = client.get("/jobs", params={"limit": 2}).json()
    assert [job["id"] for job in first["items"]] == [ids[2], ids[1]]
    rest = client.get("/jobs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert ([job["id"] for job in rest["items"]], rest["next_cursor"]) == ([ids[0]], None)
    done = client.get("/jobs", params={"status": "succeeded"}).json()["items"]
    assert [(job["id"], job["model_id"], job["cut_by"]) for job in done] == [(ids[0], "m", "symbolic")]
    assert client.get("/jobs", params={"status": "lost"}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/events"), ("GET", "/trace"), ("POST", "/cancel"), ("POST", "/retry")],
)
def test_an_unknown_job_is_not_found(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, f"/jobs/nothing{path}")
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


def test_events_come_in_pages_in_the_order_in_which_they_happened(
    client: TestClient, dataset_id: str
) -> None:
    job_id = submit(client, dataset_id).json()["id"]
    finish(client, job_id)
    first = client.get(f"/jobs/{job_id}/events", params={"limit": 2}).json()
    assert [(e["number"], e["kind"], e["data"]["status"]) for e in first["items"]] == [
        (1, "status", "queued"),
        (2, "status", "running"),
    ]
    rest = client.get(f"/jobs/{job_id}/events", params={"cursor": first["next_cursor"]}).json()
    assert rest["items"][0]["data"] == {"status": "succeeded", "model_id": "m", "cut_by": "symbolic"}
    assert rest["next_cursor"] is None
    assert client.get(f"/jobs/{job_id}/events", params={"cursor": 10**12}).status_code == 422


def test_a_queued_job_is_cancelled_at_once(client: TestClient, dataset_id: str) -> None:
    job_id = submit(client, dataset_id).json()["id"]
    response = client.post(f"/jobs/{job_id}/cancel")
    assert (response.status_code, response.json()["status"]) == (202, "cancelled")
    assert response.headers["location"] == f"/jobs/{job_id}"


def test_a_running_job_is_told_to_stop(client: TestClient, dataset_id: str) -> None:
    job_id = submit(client, dataset_id).json()["id"]
    run(client, job_id)
    response = client.post(f"/jobs/{job_id}/cancel", params={"keep": "best"})
    assert (response.status_code, response.json()["status"]) == (202, "running")
    assert response.json()["cancel_requested_at"] is not None
    assert client.post(f"/jobs/{job_id}/cancel", params={"keep": "worst"}).status_code == 422


def test_a_finished_job_cannot_be_cancelled(client: TestClient, dataset_id: str) -> None:
    job_id = submit(client, dataset_id).json()["id"]
    finish(client, job_id)
    response = client.post(f"/jobs/{job_id}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "job_already_finished")


def test_a_finished_job_can_be_done_again(client: TestClient, dataset_id: str) -> None:
    earlier = submit(client, dataset_id, seed=3).json()["id"]
    finish(client, earlier)
    response = client.post(f"/jobs/{earlier}/retry")
    assert response.status_code == 202
    job = client.get(response.headers["location"]).json()
    assert (job["status"], job["retry_of"]) == ("queued", earlier)
    assert job["id"] != earlier
    with sessions_of(client).read() as session:
        assert Jobs(session).get(job["id"]).request["seed"] == 3


def test_an_unfinished_job_cannot_be_done_again(client: TestClient, dataset_id: str) -> None:
    job_id = submit(client, dataset_id).json()["id"]
    response = client.post(f"/jobs/{job_id}/retry")
    assert (response.status_code, response.json()["code"]) == (409, "job_not_finished")


def test_a_job_whose_dataset_is_gone_cannot_be_done_again(client: TestClient, dataset_id: str) -> None:
    job_id = submit(client, dataset_id).json()["id"]
    finish(client, job_id)
    with sessions_of(client).begin() as session:
        Datasets(session).delete(dataset_id)
    response = client.post(f"/jobs/{job_id}/retry")
    assert (response.status_code, response.json()["code"]) == (404, "dataset_not_found")


def test_a_finished_job_can_be_deleted_and_its_key_is_free_again(client: TestClient, dataset_id: str) -> None:
    job_id = submit(client, dataset_id, key="k").json()["id"]
    refusal = client.delete(f"/jobs/{job_id}")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "job_not_finished")
    finish(client, job_id)
    assert client.delete(f"/jobs/{job_id}", headers={"If-Match": '"other"'}).status_code == 412
    known = client.get(f"/jobs/{job_id}").headers["etag"]
    assert client.delete(f"/jobs/{job_id}", headers={"If-Match": known}).status_code == 204
    for path in ("", "/events", "/trace"):
        assert client.get(f"/jobs/{job_id}{path}").json()["code"] == "job_not_found"
    assert submit(client, dataset_id, key="k").json()["id"] != job_id


class RecordingQueue:
    def __init__(self) -> None:
        self.rung: list[str] = []

    def notify(self, job_id: str, kind: str) -> bool:
        self.rung.append(job_id)
        return True


def test_the_queue_is_told_once_and_the_job_notes_it(client: TestClient, dataset_id: str) -> None:
    queue = client.app.state.queue = RecordingQueue()  # type: ignore[attr-defined]
    job_id = submit(client, dataset_id, key="k").json()["id"]
    submit(client, dataset_id, key="k")
    assert queue.rung == [job_id]
    with sessions_of(client).read() as session:
        assert Jobs(session).get(job_id).published_at is not None
