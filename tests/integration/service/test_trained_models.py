"""Versions, names and aliases of models, in both dialects."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.caller import LOCAL_CALLER
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Blob, Model
from service.errors import NotFound
from service.operations.models.management import change_model, delete_model
from service.schemas.models import ModelPatch
from service.storage import blobs
from tests.support.factories import column, make_dataset


@pytest.fixture
def sessions(sessions: Sessions) -> Sessions:
    """On behalf of a tenant: what is added here needs an owner."""
    return sessions.restrict_to(LOCAL_CALLER)


def add_model(
    sessions: Sessions, name: str = "price", *, artifact: bytes = b"artifact", **change: Any
) -> Model:
    with sessions.begin() as session:
        given = {
            "job_id": str(uuid4()),
            "dataset_id": None,
            "task": "regression",
            "target": "y",
            "record": RECORD,
            "symbolic": None,
            "edges": {},
        }
        sha256 = blobs.put_bytes(session, artifact)
        return TrainedModels(session).add(name=name, artifact_sha256=sha256, **given | change)


RECORD = {
    "features": [{"name": "x1", "type": "number", "min": 0.0, "max": 1.0}],
    "outputs": ["y"],
    "network": {"width": [1, 1], "grid": 5, "order": 3, "parameters": 9, "edges": 1},
    "metrics": {"mae": 0.1},
}


def get_id(sessions: Sessions, reference: str) -> str:
    with sessions.read() as session:
        return TrainedModels(session).get(reference).id


def test_versions_of_a_name_count_from_one(sessions: Sessions) -> None:
    assert [add_model(sessions, name).version for name in ("price", "price", "cost", "price")] == [1, 2, 1, 3]


def test_models_recorded_at_once_get_different_versions(sessions: Sessions) -> None:
    with ThreadPoolExecutor(8) as threads:
        versions = list(threads.map(lambda _: add_model(sessions).version, range(16)))
    assert sorted(versions) == list(range(1, 17))


def test_a_plain_name_is_the_newest_version_unless_an_alias_says_otherwise(sessions: Sessions) -> None:
    first, second = add_model(sessions), add_model(sessions)
    assert get_id(sessions, "price") == second.id
    change_model(first.id, ModelPatch(alias="default"), sessions)
    assert get_id(sessions, "price") == first.id
    assert get_id(sessions, "price@default") == first.id
    assert get_id(sessions, second.id) == second.id


def test_an_alias_moves_to_the_model_that_is_given_it_last(sessions: Sessions) -> None:
    first, second = add_model(sessions), add_model(sessions)
    for model in (first, second):
        change_model(model.id, ModelPatch(alias="live"), sessions)
    assert get_id(sessions, "price@live") == second.id


def test_an_alias_belongs_to_its_name(sessions: Sessions) -> None:
    model, other = add_model(sessions), add_model(sessions, "cost")
    change_model(model.id, ModelPatch(alias="live"), sessions)
    change_model(other.id, ModelPatch(alias="live"), sessions)
    assert get_id(sessions, "price@live") == model.id
    assert get_id(sessions, "cost@live") == other.id


@pytest.mark.parametrize(
    "reference", ["nothing", "price@live", "price@", "@default", "@", "", "price@1", "x" * 9999]
)
def test_a_reference_to_nothing_is_not_found(sessions: Sessions, reference: str) -> None:
    add_model(sessions)
    with pytest.raises(NotFound) as error:
        get_id(sessions, reference)
    assert error.value.code == "model_not_found"


def test_a_patch_changes_what_it_names_and_nothing_else(sessions: Sessions) -> None:
    model = add_model(sessions, tags={"stage": "trial"})
    changed = change_model(model.id, ModelPatch(alias="live"), sessions)
    assert (changed.name, changed.tags, changed.aliases) == ("price", {"stage": "trial"}, ["live"])
    changed = change_model(model.id, ModelPatch(tags={"owner": "me"}), sessions)
    assert (changed.name, changed.tags, changed.aliases) == ("price", {"owner": "me"}, ["live"])
    changed = change_model(model.id, ModelPatch(alias=None), sessions)
    assert (changed.tags, changed.aliases) == ({"owner": "me"}, [])


def test_a_renamed_model_is_the_next_version_of_its_new_name_and_leaves_its_aliases(
    sessions: Sessions,
) -> None:
    add_model(sessions, "cost")
    model = add_model(sessions)
    change_model(model.id, ModelPatch(alias="live"), sessions)
    changed = change_model(model.id, ModelPatch(name="cost"), sessions)
    assert (changed.name, changed.version, changed.aliases) == ("cost", 2, [])
    assert change_model(model.id, ModelPatch(name="cost"), sessions).version == 2


def test_changing_what_is_not_there_is_not_found(sessions: Sessions) -> None:
    with pytest.raises(NotFound):
        change_model("nothing", ModelPatch(alias="live"), sessions)
    with pytest.raises(NotFound):
        delete_model("nothing", sessions)


def test_a_deleted_model_is_gone_with_its_aliases_and_its_artifact(sessions: Sessions) -> None:
    older, model = add_model(sessions, artifact=b"older"), add_model(sessions, artifact=b"newer")
    change_model(model.id, ModelPatch(alias="default"), sessions)
    delete_model(model.id, sessions)
    assert get_id(sessions, "price") == older.id
    with sessions.read() as session:
        assert session.scalars(select(Blob.sha256)).all() == [older.artifact_sha256]


def test_an_artifact_that_another_model_has_too_stays(sessions: Sessions) -> None:
    first, second = add_model(sessions), add_model(sessions)
    delete_model(first.id, sessions)
    with sessions.read() as session:
        assert blobs.read_bytes(session, second.artifact_sha256) == b"artifact"


def test_what_is_not_finite_is_stored_as_null(sessions: Sessions) -> None:
    record = {**RECORD, "metrics": {"r2": float("nan")}, "history": [{"loss": [float("inf"), 1.5]}]}
    model = add_model(sessions, record=record)
    with sessions.read() as session:
        stored = TrainedModels(session).get(model.id).record
    assert stored["metrics"] == {"r2": None}
    assert stored["history"] == [{"loss": [None, 1.5]}]


def test_a_model_keeps_what_it_needs_of_its_dataset(sessions: Sessions) -> None:
    columns = [column(name) for name in ("x1", "y", "date", "id")]
    dataset_id = make_dataset(sessions, *columns, units={"x1": "m", "y": "s"})
    model = add_model(sessions, dataset_id=dataset_id)
    assert model.record["dataset"] == {"name": "data", "rows": 100}
    assert model.record["units"] == {"x1": "m", "y": "s"}
    assert model.record["ignored_columns"] == ["date", "id"]


def test_pages_run_from_new_to_old_and_can_be_of_one_name(sessions: Sessions) -> None:
    models = [add_model(sessions, name) for name in ("price", "cost", "price", "price")]
    newest_first = [model.id for model in reversed(models)]
    with sessions.read() as session:
        repository = TrainedModels(session)
        assert [model.id for model in repository.page(limit=9)] == newest_first
        assert [model.id for model in repository.page(limit=1)] == newest_first[:2]
        assert [model.id for model in repository.page(limit=9, after=models[1].id)] == newest_first[3:]
        assert [model.version for model in repository.page(limit=9, name="price")] == [3, 2, 1]
