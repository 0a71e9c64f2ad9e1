"""Changes of a dataset: name, units, tags and types; its values stay."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.db.session import Sessions
from service.db.tables import Model
from service.main import create_app
from service.settings import Settings
from tests.support.factories import make_job, make_model
from tests.support.servers import LOOPBACK

COLUMNS = {"length (m)": [1.5, 2.5, 3.5] * 20, "day": [1, 2, 3] * 20, "word": ["a", "b", "c"] * 20}


@pytest.fixture
def dataset(client: TestClient) -> dict[str, Any]:
    return dict(client.post("/datasets", json={"name": "first", "columns": COLUMNS}).json())


def change(client: TestClient, dataset: dict[str, Any], **body: Any) -> Any:
    return client.patch(f"/datasets/{dataset['id']}", json=body)


def test_only_the_given_fields_change(client: TestClient, dataset: dict[str, Any]) -> None:
    changed = change(client, dataset, name="second", tags={"lab": "north"}).json()
    assert changed == dataset | {"name": "second", "tags": {"lab": "north"}}
    assert client.get(f"/datasets/{dataset['id']}").json() == changed
    assert change(client, dataset, tags={}).json() == dataset | {"name": "second"}


def test_units_of_named_columns_change_with_their_warnings(
    client: TestClient, dataset: dict[str, Any]
) -> None:
    assert [told["code"] for told in dataset["warnings"]] == ["repeated_rows", "header_unit"]
    changed = change(client, dataset, units={"length (m)": "cm", "day": "moons"}).json()
    assert changed["units"] == {"length (m)": "cm", "day": "moons"}
    assert [told["code"] for told in changed["warnings"]] == ["repeated_rows", "unknown_unit"]


def test_trainings_read_columns_by_the_types_of_their_dataset(
    client: TestClient, dataset: dict[str, Any]
) -> None:
    assert change(client, dataset, types={"day": "category"}).json()["types"] == {"day": "category"}
    body = {"dataset_id": dataset["id"], "target": "day"}
    refused = client.post("/jobs", json=body | {"task": "regression"})
    assert (refused.status_code, refused.json()["code"]) == (422, "target_not_numeric")
    assert client.post("/jobs", json=body | {"task": "regression", "types": {"day": "integer"}}).is_success


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"units": {"mass": "kg"}}, "invalid_units", "#/units/mass"),
        ({"types": {"mass": "number"}}, "unknown_column", "#/types/mass"),
        ({"types": {"word": "number"}}, "invalid_type", "#/types/word"),
        ({"rows": []}, "validation_failed", "#/rows"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(
    client: TestClient, dataset: dict[str, Any], body: dict[str, Any], code: str, pointer: str
) -> None:
    answer = change(client, dataset, name="changed", **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert client.get(f"/datasets/{dataset['id']}").json() == dataset


def test_a_change_of_what_has_changed_is_refused(client: TestClient, dataset: dict[str, Any]) -> None:
    path = f"/datasets/{dataset['id']}"
    tag = client.get(path).headers["ETag"]
    changed = client.patch(path, json={"name": "second"}, headers={"If-Match": tag})
    assert changed.headers["ETag"] != tag
    stale = client.patch(path, json={"name": "third"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "dataset_changed")


def test_units_stay_while_a_job_needs_them(
    client: TestClient, dataset: dict[str, Any], sessions: Sessions
) -> None:
    make_job(sessions, request={"dataset_id": dataset["id"], "target": "day"}, dataset_id=dataset["id"])
    assert change(client, dataset, units={"day": "d"}).json()["code"] == "dataset_in_use"
    assert change(client, dataset, name="second").is_success


def test_a_dataset_that_does_not_exist_is_not_changed(client: TestClient) -> None:
    assert client.patch("/datasets/none", json={"name": "a"}).status_code == 404


@pytest.mark.parametrize("are_deleted", [False, True])
def test_true_values_in_figures_go_with_their_dataset_if_the_operator_wants_it(
    settings: Settings, sessions: Sessions, *, are_deleted: bool
) -> None:
    app = create_app(settings.model_copy(update={"delete_figures": are_deleted}))
    with TestClient(app, base_url=LOOPBACK) as client:
        dataset_id = client.post("/datasets", json={"columns": COLUMNS}).json()["id"]
        figures = {"measured_on": "hold-out", "rows": 1, "parity": {"true": [12.5], "predicted": [12.0]}}
        model, other = (
            make_model(sessions, dataset_id=owner, name=name, figures=figures)
            for owner, name in ((dataset_id, "own"), (None, "other"))
        )
        assert client.delete(f"/datasets/{dataset_id}").status_code == 204
        assert client.get(f"/models/{model.id}").status_code == 200
        assert (client.get(f"/models/{model.id}/figures").status_code == 200) is not are_deleted
    with sessions.read() as session:
        stored = [session.get_one(Model, id_).figures for id_ in (model.id, other.id)]
    assert stored == [None if are_deleted else figures, figures]
