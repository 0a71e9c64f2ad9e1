"""Deleted is deleted: bytes that several rows share go with the last of them, in both dialects."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from service.caller import LOCAL_CALLER, Caller
from service.db.repositories import Datasets, Jobs, TrainedModels
from service.db.session import Sessions, clock
from service.db.tables import Blob, BlobChunk, Dataset, JobEvent
from service.errors import Conflict, NotFound, Stale
from service.operations import datasets
from service.operations.entity_tags import entity_tag
from service.operations.jobs import lifecycle
from service.operations.models import management
from service.schemas.jobs import JobOut
from service.storage import blobs as storage
from tests.support.factories import make_job, make_model

ONE, OTHER = Caller(tenant="one"), Caller(tenant="other")
CONTENT = bytes(range(256)) * 5000  # two chunks


def add_dataset(sessions: Sessions) -> str:
    with sessions.begin() as session:
        sha256 = storage.put_bytes(session, CONTENT)
        row = Dataset(
            name="d", rows=1, columns=[], units={}, warnings=[], blob_sha256=sha256, created_at=clock(session)
        )
        return Datasets(session).add(row).id


def add_model(sessions: Sessions) -> str:
    with sessions.begin() as session:
        return (
            TrainedModels(session)
            .add(
                name="law",
                job_id=str(uuid4()),
                dataset_id=None,
                task="regression",
                target="y",
                record={
                    "features": [],
                    "outputs": ["y"],
                    "network": {"width": [1, 1], "grid": 5, "order": 3, "parameters": 9, "edges": 1},
                    "metrics": {},
                },
                symbolic=None,
                edges={},
                artifact_sha256=storage.put_bytes(session, CONTENT),
            )
            .id
        )


ADD = {"dataset": add_dataset, "model": add_model}
DELETE = {"dataset": datasets.delete, "model": management.delete_model}


def finished_job(sessions: Sessions, checkpoint: bytes = CONTENT) -> str:
    job_id = make_job(sessions).id
    with sessions.begin() as session:
        jobs = Jobs(session)
        job = jobs.claim(job_id, lease_s=60)
        assert job is not None
        assert job.token is not None
        jobs.set_checkpoint(job, storage.put_bytes(session, checkpoint))
        jobs.fail(job_id, job.token, code="c", detail="d")
    return job_id


def stored(sessions: Sessions) -> tuple[int, int]:
    """Blobs and chunks of blobs."""
    with sessions.read() as session:
        blobs, chunks = (
            session.scalar(select(func.count()).select_from(table)) for table in (Blob, BlobChunk)
        )
    return blobs or 0, chunks or 0


@pytest.mark.parametrize("second", [ONE, OTHER], ids=["same tenant", "another tenant"])
@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_shared_bytes_go_with_the_last_row(sessions: Sessions, kind: str, second: Caller) -> None:
    owners = [sessions.restrict_to(ONE), sessions.restrict_to(second)]
    ids = [ADD[kind](owner) for owner in owners]
    assert stored(sessions) == (1, 2)
    DELETE[kind](ids[0], owners[0])
    assert stored(sessions) == (1, 2)
    with sessions.read() as session:
        (sha256,) = session.scalars(select(Blob.sha256))
        assert storage.read_bytes(session, sha256) == CONTENT
    DELETE[kind](ids[1], owners[1])
    assert stored(sessions) == (0, 0)


def test_bytes_may_be_shared_by_rows_of_different_kinds(sessions: Sessions) -> None:
    mine = sessions.restrict_to(LOCAL_CALLER)
    dataset_id, model_id, job_id = add_dataset(mine), add_model(mine), finished_job(mine)
    assert stored(sessions) == (1, 2)
    lifecycle.delete(job_id, mine)
    datasets.delete(dataset_id, mine)
    assert stored(sessions) == (1, 2)
    management.delete_model(model_id, mine)
    assert stored(sessions) == (0, 0)


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_of_two_who_delete_the_last_rows_at_once_neither_fails_and_nothing_is_left(
    sessions: Sessions, kind: str
) -> None:
    mine = sessions.restrict_to(LOCAL_CALLER)
    for _ in range(5):
        ids, ready = [ADD[kind](mine) for _ in range(4)], Barrier(4)

        def delete(row_id: str, ready: Barrier = ready) -> None:
            ready.wait()
            DELETE[kind](row_id, mine)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(delete, ids))
        assert stored(sessions) == (0, 0)


def test_a_deleted_job_is_gone_with_its_events_and_its_checkpoint(sessions: Sessions) -> None:
    mine = sessions.restrict_to(LOCAL_CALLER)
    job_id = finished_job(mine)
    lifecycle.delete(job_id, mine)
    with sessions.read() as session:
        assert session.scalar(select(func.count()).select_from(JobEvent)) == 0
        with pytest.raises(NotFound):
            Jobs(session).get(job_id)
    assert stored(sessions) == (0, 0)


def test_equal_results_of_two_jobs_go_with_the_last_of_them(sessions: Sessions) -> None:
    mine, job_ids = sessions.restrict_to(LOCAL_CALLER), [make_job(sessions).id for _ in range(2)]
    for job_id in job_ids:
        with sessions.begin() as session:
            jobs = Jobs(session)
            job = jobs.claim(job_id, lease_s=60)
            assert job is not None
            assert job.token is not None
            result = {"result_sha256": storage.put_bytes(session, CONTENT), "result_format": "csv"}
            assert jobs.succeed(job_id, job.token, **result)
    lifecycle.delete(job_ids[0], mine)
    assert stored(sessions) == (1, 2)
    lifecycle.delete(job_ids[1], mine)
    assert stored(sessions) == (0, 0)


def test_a_job_that_has_not_finished_cannot_be_deleted(sessions: Sessions) -> None:
    job_id, mine = make_job(sessions).id, sessions.restrict_to(LOCAL_CALLER)
    for status in ("queued", "running"):
        with pytest.raises(Conflict, match=status) as refusal:
            lifecycle.delete(job_id, mine)
        assert refusal.value.code == "job_not_finished"
        with mine.begin() as session:
            Jobs(session).claim(job_id, lease_s=60)


def test_a_job_is_deleted_only_as_it_is_known(sessions: Sessions) -> None:
    mine = sessions.restrict_to(LOCAL_CALLER)
    job_id = finished_job(mine)
    with pytest.raises(Stale) as refusal:
        lifecycle.delete(job_id, mine, if_match='"other"')
    assert refusal.value.code == "job_changed"
    with mine.read() as session:
        known = entity_tag(JobOut.from_row(Jobs(session).get(job_id)))
    lifecycle.delete(job_id, mine, if_match=known)


def test_a_model_of_before_requests_were_kept_gets_that_of_its_deleted_job(sessions: Sessions) -> None:
    mine = sessions.restrict_to(LOCAL_CALLER)
    job_id = finished_job(mine)
    model = make_model(sessions, job_id=job_id)
    lifecycle.delete(job_id, mine)
    with mine.read() as session:
        kept = TrainedModels(session).get(model.id).record["lineage"]["request"]
    assert kept == {"dataset_id": "d", "target": "y"}
