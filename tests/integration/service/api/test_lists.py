"""Lists of datasets, jobs and models: filters, orders and search."""

from collections.abc import Iterable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.db.session import Sessions
from service.db.tables import Job
from tests.support.factories import make_job, make_model


def add_dataset(client: TestClient, name: str, **more: Any) -> str:
    answer = client.post("/datasets", json={"name": name, "columns": {"x": [1, 2], "y": [1, 2]} | more})
    return str(answer.json()["id"])


def list_names(client: TestClient, path: str, **filters: Any) -> list[str]:
    answer = client.get(path, params=filters)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


@pytest.fixture
def three(client: TestClient) -> list[str]:
    """Datasets b, A and c, in this order."""
    ids = [add_dataset(client, name) for name in ("b", "A", "c")]
    client.patch(f"/datasets/{ids[0]}", json={"tags": {"lab": "north", "kind": "raw"}})
    client.patch(f"/datasets/{ids[2]}", json={"tags": {"lab": "south"}})
    return ids


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["c", "A", "b"]),
        ({"sort": "oldest"}, ["b", "A", "c"]),
        ({"name": "A"}, ["A"]),
        ({"tag": "lab"}, ["c", "b"]),
        ({"tag": "lab=north"}, ["b"]),
        ({"tag": ["lab", "kind=raw"]}, ["b"]),
        ({"tag": "lab=east"}, []),
        ({"since": "2100-01-01T00:00:00Z"}, []),
        ({"until": "2100-01-01T00:00:00+03:00"}, ["c", "A", "b"]),
    ],
)
def test_datasets_are_filtered_and_sorted(
    client: TestClient, filters: dict[str, Any], names: Iterable[str]
) -> None:
    assert list_names(client, "/datasets", **filters) == names


@pytest.mark.parametrize("sort", ["newest", "oldest", "name"])
def test_pages_of_every_order_follow_one_another(client: TestClient, sort: str) -> None:
    for name in ("two", "one", "two", "three", "one"):
        add_dataset(client, name)
    whole = client.get("/datasets", params={"sort": sort}).json()["items"]
    cursor, seen = None, []
    while True:
        params = {"sort": sort, "limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = client.get("/datasets", params=params).json()
        seen += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [item["id"] for item in seen] == [item["id"] for item in whole]
    assert len(whole) == 5


def test_a_list_by_name_goes_on_behind_what_was_deleted(client: TestClient) -> None:
    first, _ = add_dataset(client, "ä"), add_dataset(client, "ö")
    page = client.get("/datasets", params={"sort": "name", "limit": 1}).json()
    client.delete(f"/datasets/{first}")
    assert list_names(client, "/datasets", sort="name", cursor=page["next_cursor"]) == ["ö"]


def test_a_search_ignores_case_and_takes_signs_literally(client: TestClient) -> None:
    add_dataset(client, "Прочность бетона")
    add_dataset(client, "100% cotton")
    add_dataset(client, "other", Druck_bar=[1.0, 2.0])
    assert list_names(client, "/datasets", search="ПРОЧНОСТЬ") == ["Прочность бетона"]
    assert list_names(client, "/datasets", search="рочность") == ["Прочность бетона"]
    assert list_names(client, "/datasets", search="100%") == ["100% cotton"]
    assert list_names(client, "/datasets", search="druck") == ["other"]
    assert list_names(client, "/datasets", search="_%_%_%_%_%_%_%_%") == []


@pytest.mark.parametrize("text", ["std", "null", "{", '"', "histogram", "\\u0418", "number", "0.5"])
def test_a_search_does_not_look_into_what_is_stored_besides_names(
    client: TestClient, sessions: Sessions, text: str
) -> None:
    dataset_id = add_dataset(client, "Имя")
    client.patch(f"/datasets/{dataset_id}", json={"tags": {"Ä": "б"}})
    model = make_model(sessions, name="Имя")
    client.patch(f"/models/{model.id}", json={"tags": {"Ä": "б"}})
    make_job(
        sessions, request={"dataset_id": dataset_id, "target": "Имя", "seed": None}, dataset_id=dataset_id
    )
    for path in ("/datasets", "/models", "/jobs"):
        assert client.get(path, params={"search": text}).json()["items"] == [], path


@pytest.mark.parametrize(
    ("stored", "sought"),
    [
        ("Имя", "ИМЯ"),
        ("größe (m)", "GRÖSSE"),
        ("Größe", "gro\u0308ße"),  # the mark as a character of its own
        ("Μήκος", "ΜΉΚΟΣ"),
        ("İstanbul", "istanbul".replace("i", "i\u0307", 1)),
        ("長さ", "長"),
        ('x"y', 'X"Y'),
    ],
)
def test_names_columns_and_tags_of_any_script_are_found(
    client: TestClient, sessions: Sessions, stored: str, sought: str
) -> None:
    by_name, by_column = add_dataset(client, stored), add_dataset(client, "columns", **{stored: [1, 2]})
    by_tag = add_dataset(client, "tags")
    client.patch(f"/datasets/{by_tag}", json={"tags": {"lab": stored}})
    add_dataset(client, "another")
    assert set(list_names(client, "/datasets", search=sought)) == {stored, "columns", "tags"}
    client.patch(f"/datasets/{by_name}", json={"name": "renamed"})
    assert set(list_names(client, "/datasets", search=sought)) == {"columns", "tags"}
    model = make_model(sessions, name=stored)
    make_model(sessions, name="another")
    assert list_names(client, "/models", search=sought) == [stored]
    client.patch(f"/models/{model.id}", json={"tags": {stored: "x"}, "name": "renamed"})
    assert list_names(client, "/models", search=sought) == ["renamed"]
    jobs = [
        make_job(sessions, request={"name": stored}),
        make_job(sessions, request={"target": stored}),
        make_job(sessions, request={}, dataset_id=by_column),
    ]
    make_job(sessions)
    found = client.get("/jobs", params={"search": sought}).json()["items"]
    assert {job["id"] for job in found} == {job.id for job in jobs}


@pytest.mark.parametrize("path", ["/datasets", "/jobs", "/models"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"sort": "size"},
        {"tag": 'a"b'},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"until": "0.5"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_a_filter_that_means_nothing_is_refused(client: TestClient, path: str, wrong: dict[str, str]) -> None:
    assert client.get(path, params=wrong).status_code == 422


def test_jobs_are_found_by_what_they_are_about(client: TestClient, sessions: Sessions) -> None:
    dataset_id = add_dataset(client, "Concrete")
    request = {"dataset_id": dataset_id, "target": "strength", "name": "law", "tags": {"who": "ann"}}
    job = make_job(sessions, request=request, dataset_id=dataset_id)
    other = make_job(sessions)

    def ids(**filters: Any) -> list[str]:
        return [item["id"] for item in client.get("/jobs", params=filters).json()["items"]]

    assert ids() == [other.id, job.id]
    for filters in (
        {"dataset": dataset_id},
        {"name": "law"},
        {"tag": "who=ann"},
        {"search": "STRENGTH"},
        {"search": "concr"},
    ):
        assert ids(**filters) == [job.id], filters
    assert ids(kind="solve") == []
    assert ids(kind="train", status="queued") == [other.id, job.id]


def test_jobs_are_found_by_their_model(client: TestClient, sessions: Sessions) -> None:
    job, _ = make_job(sessions), make_job(sessions)
    with sessions.begin() as session:
        session.get_one(Job, job.id).model_id = "m"
    using = [make_job(sessions, request={member: "m"}).id for member in ("model", "model_id")]
    found = [item["id"] for item in client.get("/jobs", params={"model": "m"}).json()["items"]]
    assert found == [*reversed(using), job.id]


def test_models_are_found_by_name_target_dataset_and_tag(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, name="Beton")
    make_model(sessions, name="other")
    client.patch(f"/models/{model.id}", json={"tags": {"stage": "Final"}})
    for filters in ({"name": "Beton"}, {"tag": "stage"}, {"search": "bet"}, {"search": "final"}):
        assert list_names(client, "/models", **filters) == ["Beton"], filters
    assert list_names(client, "/models", sort="name") == ["Beton", "other"]
    assert list_names(client, "/models", target="no such column") == []
    assert list_names(client, "/models", target=model.target, sort="oldest") == ["Beton", "other"]


def test_models_are_found_by_task_and_without_first_models_of_trainings(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, name="whole")
    make_model(sessions, name="first", record={**model.record, "preview_of": "a training"})
    make_model(sessions, name="classes", task="classification")
    assert list_names(client, "/models") == ["classes", "whole"]
    assert list_names(client, "/models", previews=True) == ["classes", "first", "whole"]
    assert list_names(client, "/models", task="regression") == ["whole"]
    assert client.get("/models", params={"task": "nothing"}).status_code == 422


def test_a_period_ends_before_its_end(client: TestClient) -> None:
    add_dataset(client, "a")
    created = client.get("/datasets").json()["items"][0]["created_at"]
    assert list_names(client, "/datasets", since=created) == ["a"]
    assert list_names(client, "/datasets", until=created) == []
