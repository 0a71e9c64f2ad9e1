"""What the settings no longer keep goes, what is in use stays, in both dialects."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from service.caller import LOCAL_CALLER
from service.db.repositories import Jobs
from service.db.session import Sessions, clock
from service.db.tables import AuditEntry, Blob, Dataset, Job, JobEvent, JobTrace, Model
from service.operations.models.management import change_model
from service.schemas.models import ModelPatch
from service.settings import Settings
from service.storage.blobs import put_bytes
from tests.support.factories import make_dataset, make_job, make_model, make_predictor
from worker.runtime import retention
from worker.runtime.limits import DEFAULT_RUNTIME, RuntimeLimits
from worker.runtime.retention import delete_expired

PREDICTOR = make_predictor()


def settings_with(settings: Settings, **change: int) -> Settings:
    return settings.model_copy(update=change)


def age(sessions: Sessions, table: type[Any], row_id: str, days: float) -> None:
    """Make a row so old."""
    with sessions.begin() as session:
        then = clock(session) - timedelta(days=days)
        values = {"created_at": then} | ({"finished_at": then} if table is Job else {})
        session.execute(update(table).where(table.id == row_id).values(**values))


def finished_job(sessions: Sessions, days: float, **fields: Any) -> str:
    job_id = make_job(sessions, **fields).id
    with sessions.begin() as session:
        jobs = Jobs(session)
        job = jobs.claim(job_id, lease_s=60)
        assert job is not None
        assert job.token is not None
        jobs.set_checkpoint(job, put_bytes(session, job_id.encode()))
        jobs.set_trace(job, {"version": 1})
        jobs.fail(job_id, job.token, code="c", detail="d")
    age(sessions, Job, job_id, days)
    return job_id


def ids(sessions: Sessions, table: type[Any]) -> list[str]:
    with sessions.read() as session:
        return list(session.scalars(select(table.id).order_by(table.id)))


def test_by_default_everything_is_kept(sessions: Sessions, settings: Settings) -> None:
    finished_job(sessions, days=9999)
    age(sessions, Dataset, make_dataset(sessions), days=9999)
    for _ in range(2):
        make_model(sessions, PREDICTOR)
    delete_expired(sessions, settings, limits=DEFAULT_RUNTIME)
    assert [len(ids(sessions, table)) for table in (Job, Dataset, Model)] == [1, 1, 2]


def test_jobs_go_with_their_events_and_checkpoints_when_they_finished_long_ago(
    sessions: Sessions, settings: Settings
) -> None:
    old, young = finished_job(sessions, days=31), finished_job(sessions, days=29)
    waiting = make_job(sessions).id
    age(sessions, Job, waiting, days=99)  # queued, whatever its times say
    delete_expired(sessions, settings_with(settings, retention_days_jobs=30), limits=DEFAULT_RUNTIME)
    assert ids(sessions, Job) == sorted([young, waiting])
    with sessions.read() as session:
        assert old not in session.scalars(select(JobEvent.job_id)).all()
        assert sorted(session.scalars(select(JobTrace.job_id)).all()) == [young]
        assert len(session.scalars(select(Blob.sha256)).all()) == 1


def test_the_model_of_a_deleted_job_stays(sessions: Sessions, settings: Settings) -> None:
    model = make_model(sessions, PREDICTOR, job_id=finished_job(sessions, days=31))
    delete_expired(sessions, settings_with(settings, retention_days_jobs=30), limits=DEFAULT_RUNTIME)
    assert (ids(sessions, Job), ids(sessions, Model)) == ([], [model.id])


def test_datasets_go_when_nothing_was_made_of_them_for_long(sessions: Sessions, settings: Settings) -> None:
    names = ("unused", "young", "queued", "used lately", "used long ago", "of a model")
    made = {name: make_dataset(sessions, content=name.encode()) for name in names}
    for name, dataset_id in made.items():
        age(sessions, Dataset, dataset_id, days=9 if name == "young" else 31)
    age(sessions, Job, make_job(sessions, dataset_id=made["queued"]).id, days=31)
    finished_job(sessions, days=9, dataset_id=made["used lately"])
    finished_job(sessions, days=31, dataset_id=made["used long ago"])
    make_model(sessions, PREDICTOR, dataset_id=made["of a model"])
    delete_expired(sessions, settings_with(settings, retention_days_datasets=30), limits=DEFAULT_RUNTIME)
    assert ids(sessions, Dataset) == sorted(
        made[name] for name in ("young", "queued", "used lately", "of a model")
    )
    with sessions.read() as session:
        left = session.scalars(select(Dataset.blob_sha256)).all()
        assert set(left) <= set(session.scalars(select(Blob.sha256)))
        assert len(session.scalars(select(Blob.sha256)).all()) == len(left) + 2 + 1  # checkpoints, artifact


def test_the_newest_versions_stay_and_those_with_an_alias_or_a_job(
    sessions: Sessions, settings: Settings
) -> None:
    made = [make_model(sessions, PREDICTOR) for _ in range(6)]
    other = make_model(sessions, PREDICTOR, name="other")
    change_model(made[0].id, ModelPatch(alias="live"), sessions.restrict_to(LOCAL_CALLER))
    make_job(sessions, kind="symbolic", request={"kind": "symbolic", "model_id": made[1].id})
    make_job(sessions, kind="predict", request={"kind": "predict", "model": made[2].id})
    finished_job(sessions, days=1, request={"kind": "symbolic", "model_id": made[3].id})
    delete_expired(sessions, settings_with(settings, keep_versions=1), limits=DEFAULT_RUNTIME)
    assert ids(sessions, Model) == [*(made[place].id for place in (0, 1, 2, 5)), other.id]


def test_the_versions_of_another_tenant_do_not_count(sessions: Sessions, settings: Settings) -> None:
    made = [make_model(sessions, PREDICTOR) for _ in range(2)]
    with sessions.begin() as session:
        session.execute(update(Model).where(Model.id == made[1].id).values(tenant="other"))
    delete_expired(sessions, settings_with(settings, keep_versions=1), limits=DEFAULT_RUNTIME)
    assert len(ids(sessions, Model)) == 2


def test_a_dataset_goes_after_the_last_model_that_needed_it(sessions: Sessions, settings: Settings) -> None:
    dataset_id = make_dataset(sessions)
    age(sessions, Dataset, dataset_id, days=31)
    make_model(sessions, PREDICTOR, dataset_id=dataset_id)
    make_model(sessions, PREDICTOR)
    delete_expired(
        sessions, settings_with(settings, retention_days_datasets=30, keep_versions=1), limits=DEFAULT_RUNTIME
    )
    assert ids(sessions, Dataset) == []


def test_the_audit_log_tells_what_went_in_the_name_of_retention(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = finished_job(sessions, days=31)
    delete_expired(sessions, settings_with(settings, retention_days_jobs=30), limits=DEFAULT_RUNTIME)
    with sessions.restrict_to(LOCAL_CALLER).read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "job.delete"))
    assert (entry.object_id, entry.key_name, entry.key_id) == (job_id, "retention", None)


def test_a_round_removes_a_batch_and_the_next_round_the_rest(sessions: Sessions, settings: Settings) -> None:
    two = RuntimeLimits(retention_batch_rows=2)
    made = sorted(finished_job(sessions, days=31) for _ in range(3))
    change = settings_with(settings, retention_days_jobs=30)
    delete_expired(sessions, change, two)
    assert ids(sessions, Job) == made[2:]
    delete_expired(sessions, change, two)
    assert ids(sessions, Job) == []


def test_what_came_into_use_meanwhile_stays(
    sessions: Sessions, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = make_dataset(sessions)
    age(sessions, Dataset, dataset_id, days=31)
    remove = retention._delete_row

    def remove_late(*given: Any) -> bool:
        make_job(sessions, dataset_id=dataset_id)
        return remove(*given)

    monkeypatch.setattr(retention, "_delete_row", remove_late)
    delete_expired(sessions, settings_with(settings, retention_days_datasets=30), limits=DEFAULT_RUNTIME)
    assert ids(sessions, Dataset) == [dataset_id]
