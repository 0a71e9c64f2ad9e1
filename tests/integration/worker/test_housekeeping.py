import logging
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from service.db.repositories import Jobs
from service.db.session import Sessions, clock, make_engine, make_sessions
from service.db.tables import Blob, Job, Worker
from service.settings import Settings
from service.storage.blobs import put_bytes
from tests.support.factories import make_job
from worker.runtime.housekeeping import (
    HousekeepingThread,
    PeriodicTask,
    WorkerRegistration,
    delete_finished_checkpoints,
    republish_jobs,
    requeue_lost_jobs,
)
from worker.runtime.limits import RuntimeLimits


class RecordingQueue:
    def __init__(self, *, works: bool = True) -> None:
        self.rung: list[str] = []
        self._works = works

    def notify(self, job_id: str, kind: str) -> bool:
        self.rung.append(job_id)
        return self._works


def read(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return Jobs(session).get(job_id)


def test_a_job_whose_worker_went_quiet_is_queued_again(sessions: Sessions, settings: Settings) -> None:
    job = make_job(sessions)
    with sessions.begin() as session:
        Jobs(session).claim(job.id, lease_s=-1)
    requeue_lost_jobs(sessions, settings)
    assert read(sessions, job.id).status == "queued"


def test_a_lost_job_whose_row_is_held_keeps_no_other_waiting(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=postgres_url, data_dir=tmp_path)
    engine = make_engine(settings)
    sessions = make_sessions(engine)
    held, other = make_job(sessions), make_job(sessions)
    with sessions.begin() as session:
        claims = [Jobs(session).claim(job.id, lease_s=-1) for job in (held, other)]
    assert claims[0] is not None
    with sessions.begin() as asleep:
        Jobs(asleep).hold(held.id, claims[0].token or "")
        began = time.monotonic()
        requeue_lost_jobs(sessions, settings)
        assert time.monotonic() - began < 5  # the lock timeout is 10 s
        assert [read(sessions, job.id).status for job in (held, other)] == ["running", "queued"]
    requeue_lost_jobs(sessions, settings)
    assert read(sessions, held.id).status == "queued"
    engine.dispose()


def test_forgotten_jobs_are_rung_for_once(sessions: Sessions) -> None:
    jobs, queue = [make_job(sessions).id for _ in range(2)], RecordingQueue()
    republish_jobs(sessions, queue)
    republish_jobs(sessions, queue)
    assert queue.rung == jobs


def test_a_job_is_rung_for_again_when_the_message_may_be_lost(sessions: Sessions) -> None:
    job, queue = make_job(sessions), RecordingQueue()
    republish_jobs(sessions, queue)
    with sessions.begin() as session:
        long_ago = clock(session) - timedelta(seconds=61)
        session.execute(update(Job).values(published_at=long_ago))
    republish_jobs(sessions, queue)
    assert queue.rung == [job.id, job.id]


def test_a_broker_that_is_down_is_asked_once_per_round(sessions: Sessions) -> None:
    first, _ = make_job(sessions), make_job(sessions)
    queue = RecordingQueue(works=False)
    republish_jobs(sessions, queue)
    assert queue.rung == [first.id]
    assert read(sessions, first.id).published_at is None


def test_checkpoints_of_finished_jobs_are_dropped(sessions: Sessions) -> None:
    finished, running = make_job(sessions), make_job(sessions)
    with sessions.begin() as session:
        jobs = Jobs(session)
        for job_id in (finished.id, running.id):
            job = jobs.claim(job_id, lease_s=60)
            assert job is not None
            jobs.set_checkpoint(job, put_bytes(session, job_id.encode()))
        token = jobs.get(finished.id).token
        assert token is not None
        jobs.fail(finished.id, token, code="c", detail="d")
    delete_finished_checkpoints(sessions)
    assert read(sessions, finished.id).checkpoint_sha256 is None
    with sessions.read() as session:
        assert list(session.scalars(select(Blob.sha256))) == [read(sessions, running.id).checkpoint_sha256]


def test_a_worker_is_present_until_it_withdraws(sessions: Sessions, settings: Settings) -> None:
    presence = WorkerRegistration(sessions, settings)
    for _ in range(2):
        presence.report()
    with sessions.read() as session:
        rows = session.scalars(select(Worker)).all()
        assert [row.slots for row in rows] == [settings.worker_slots]
    presence.withdraw()
    with sessions.read() as session:
        assert not session.scalars(select(Worker)).all()


def test_workers_that_died_long_ago_are_forgotten(sessions: Sessions, settings: Settings) -> None:
    WorkerRegistration(sessions, settings).report()
    with sessions.begin() as session:
        session.execute(update(Worker).values(seen_at=clock(session) - timedelta(hours=2)))
    WorkerRegistration(sessions, settings).report()
    with sessions.read() as session:
        assert len(session.scalars(select(Worker)).all()) == 1


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT 1", {}, ConnectionError("gone")), ZeroDivisionError()]
)
def test_a_failing_chore_is_tried_again_and_holds_up_no_other(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    failures, done = [], threading.Event()

    def fail() -> None:
        failures.append(time.monotonic())
        raise error

    upkeep = HousekeepingThread(
        [PeriodicTask(0.01, fail), PeriodicTask(0.01, done.set)],
        pause_s=0.01,
        limits=RuntimeLimits(pause_after_failure_s=0.02),
    )
    with caplog.at_level(logging.WARNING):
        upkeep.start()
        assert done.wait(10)
        while len(failures) < 2:
            time.sleep(0.01)
        upkeep.stop()
    assert caplog.records
    assert not upkeep.is_alive()
