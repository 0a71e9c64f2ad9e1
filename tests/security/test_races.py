"""Two who want different things of one thing at the same moment: one of them gets it, and both are told so.

What is already told of the moment elsewhere: claims, migrations, idempotency keys and versions of a name.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi.testclient import TestClient

from service.db.repositories import Jobs
from service.db.session import Sessions
from service.db.tables import Blob
from service.main import create_app
from service.settings import Settings
from service.storage import blobs
from tests.support.factories import make_job, make_model, make_predictor
from tests.support.servers import serving

ROUNDS = 6
TABLE = {name: [float(i * power) for i in range(40)] for power, name in enumerate(("x", "y"), start=1)}


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What these give when they begin together."""
    start = threading.Barrier(len(acts))

    def begin(act: Callable[[], Any]) -> Any:
        start.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(begin, acts))


def upload(client: TestClient) -> str:
    return str(client.post("/datasets", json={"columns": TABLE}).json()["id"])


def test_a_key_sent_thirty_times_at_once_makes_one_job_that_all_hear_of(client: TestClient) -> None:
    body, headers = {"dataset_id": upload(client), "target": "y"}, {"Idempotency-Key": "mine"}
    answers = at_once(*[lambda: client.post("/jobs", json=body, headers=headers)] * 30)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len([answer for answer in answers if "idempotency-replayed" not in answer.headers]) == 1
    assert len(client.get("/jobs").json()["items"]) == 1


def test_of_cancelling_and_finishing_one_comes_first_and_the_other_hears_of_it(
    client: TestClient, sessions: Sessions
) -> None:
    for _ in range(ROUNDS):
        job_id = make_job(sessions).id
        with sessions.begin() as session:
            token = Jobs(session).claim(job_id, lease_s=60).token

        def finish(job_id: str = job_id, token: str = token) -> Any:
            with sessions.begin() as session:
                return Jobs(session).succeed(job_id, token, model_id="m")

        cancelled, finished = at_once(lambda job_id=job_id: client.post(f"/jobs/{job_id}/cancel"), finish)
        status = client.get(f"/jobs/{job_id}").json()["status"]
        if finished is None:
            assert (cancelled.status_code, status) == (202, "running")  # until the worker has stopped it
        else:
            assert (cancelled.status_code, status) == (409, "succeeded")


def test_cancelling_many_times_at_once_cancels_once(client: TestClient, sessions: Sessions) -> None:
    job_id = make_job(sessions).id
    answers = at_once(*[lambda: client.post(f"/jobs/{job_id}/cancel")] * 8)
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    events = client.get(f"/jobs/{job_id}/events").json()["items"]
    assert [event["data"]["status"] for event in events] == ["queued", "cancelled"]


def test_no_accepted_job_is_without_its_dataset(client: TestClient) -> None:
    for _ in range(ROUNDS):
        dataset_id = upload(client)
        submitted, deleted = at_once(
            lambda id_=dataset_id: client.post("/jobs", json={"dataset_id": id_, "target": "y"}),
            lambda id_=dataset_id: client.delete(f"/datasets/{id_}"),
        )
        assert (submitted.status_code, deleted.status_code) in ((202, 409), (404, 204))
        there = client.get(f"/datasets/{dataset_id}/content").status_code
        assert there == (200 if submitted.status_code == 202 else 404)


def test_a_dataset_is_deleted_once(client: TestClient) -> None:
    dataset_id = upload(client)
    answers = at_once(*[lambda: client.delete(f"/datasets/{dataset_id}")] * 8)
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * 7


def test_bytes_that_one_deletes_while_another_uploads_them_are_there_for_the_other(
    client: TestClient, sessions: Sessions
) -> None:
    for _ in range(ROUNDS):
        first = upload(client)
        second, deleted = at_once(
            lambda: upload(client), lambda first=first: client.delete(f"/datasets/{first}")
        )
        assert deleted.status_code == 204
        assert client.get(f"/datasets/{second}/content").content.startswith(b"PAR1")
        client.delete(f"/datasets/{second}")
    with sessions.read() as session:
        assert session.query(Blob).count() == 0


def test_a_prediction_comes_from_one_model_while_its_alias_moves(
    client: TestClient, sessions: Sessions
) -> None:
    rows = [{"x1": 0.3, "x2": 0.5}]
    models = [make_model(sessions, make_predictor(seed=seed)).id for seed in range(2)]
    said = {
        id_: client.post(f"/models/{id_}/predict", json={"rows": rows}).json()["predictions"]
        for id_ in models
    }
    assert len({str(values) for values in said.values()}) == 2
    client.patch(f"/models/{models[0]}", json={"alias": "live"})

    def move() -> list[httpx.Response]:
        return [client.patch(f"/models/{models[turn % 2]}", json={"alias": "live"}) for turn in range(6)]

    def ask() -> list[httpx.Response]:
        return [client.post("/predict", json={"model": "law@live", "rows": rows}) for _ in range(10)]

    moved, *asked = at_once(move, ask, ask)
    assert {answer.status_code for answer in moved} == {200}
    for answer in (answer for answers in asked for answer in answers):
        assert answer.status_code == 200
        assert answer.json()["predictions"] == said[answer.json()["model_id"]]


def test_a_download_breaks_off_when_its_dataset_is_deleted_meanwhile(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "CHUNK_BYTES", 100)
    app, is_deleted = create_app(settings), threading.Event()

    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        """Send the first chunk of a download, and the others once its dataset is deleted."""

        async def held(message: Any) -> None:
            await send(message)
            if scope["path"].endswith("/content") and message.get("body"):
                await to_thread.run_sync(is_deleted.wait, 30)

        await app(scope, receive, held if scope["type"] == "http" else send)

    with serving(slowly) as url, httpx.Client(base_url=url, timeout=30) as client:
        dataset_id = client.post("/datasets", json={"columns": TABLE}).json()["id"]
        with client.stream("GET", f"/datasets/{dataset_id}/content") as answer:
            chunks = answer.iter_raw()
            assert len(next(chunks)) == 100
            assert client.delete(f"/datasets/{dataset_id}").status_code == 204
            is_deleted.set()
            with pytest.raises(httpx.RemoteProtocolError):  # not a shorter file that looks whole
                list(chunks)
