"""Numbers of jobs and workers, counted in SQL."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from service.db.repositories import Jobs, Workers
from service.db.session import Sessions, clock
from service.db.tables import Job
from service.operations.job_statistics import RUN_BOUNDS, WAIT_BOUNDS, JobStatisticsReader
from tests.support.factories import make_job


def finish(sessions: Sessions, job_id: str, *, waited_s: float, ran_s: float, age_s: float = 0.0) -> None:
    """A job that ended so long ago, after so long."""
    with sessions.begin() as session:
        job = Jobs(session).claim(job_id, lease_s=60)
        assert job is not None
        Jobs(session).succeed(job_id, str(job.token), model_id="m")
        ended = clock(session) - timedelta(seconds=age_s)
        started = ended - timedelta(seconds=ran_s)
        times = {"created_at": started - timedelta(seconds=waited_s), "started_at": started}
        session.execute(update(Job).where(Job.id == job_id).values(**times, finished_at=ended))


def cancel(sessions: Sessions, job_id: str) -> None:
    with sessions.begin() as session:
        Jobs(session).cancel(job_id)


def test_the_queue_is_what_the_database_says(sessions: Sessions) -> None:
    jobs = [make_job(sessions).id for _ in range(3)]
    with sessions.begin() as session:
        Jobs(session).claim(jobs[0], lease_s=60)
        since = clock(session) - timedelta(seconds=100)
        session.execute(update(Job).where(Job.id == jobs[1]).values(created_at=since))
        Workers(session).report("one", host="h", pid=1, slots=4)
        Workers(session).report("two", host="h", pid=2, slots=1)
    read = JobStatisticsReader(sessions).read()
    assert read.unfinished == {("train", "queued"): 2, ("train", "running"): 1}
    assert 100 <= read.oldest_s["train"] < 160
    assert (read.workers.count, read.workers.slots) == (2, 5)


def test_a_queue_that_has_emptied_is_told_as_empty(sessions: Sessions) -> None:
    finish(sessions, make_job(sessions).id, waited_s=1, ran_s=1)
    read = JobStatisticsReader(sessions).read()
    assert read.unfinished == {("train", "queued"): 0, ("train", "running"): 0}
    assert read.oldest_s == {"train": 0.0}


def test_ended_jobs_are_counted_with_how_long_they_waited_and_ran(sessions: Sessions) -> None:
    finish(sessions, make_job(sessions).id, waited_s=0.25, ran_s=3)
    finish(sessions, make_job(sessions).id, waited_s=30, ran_s=400, age_s=3600)
    read = JobStatisticsReader(sessions).read()
    waits, runs = read.waits["train"], read.runs["train"]
    assert read.finished == {("train", "succeeded"): 2}
    assert (waits.count, runs.count) == (2, 2)
    assert waits.total == pytest.approx(30.25, abs=0.01)
    assert runs.total == pytest.approx(403, abs=0.01)
    assert waits.at_most == [sum(seconds <= bound for seconds in (0.25, 30)) for bound in WAIT_BOUNDS]
    assert runs.at_most == [sum(seconds <= bound for seconds in (3, 400)) for bound in RUN_BOUNDS]


def test_a_job_that_never_started_neither_waited_nor_ran(sessions: Sessions) -> None:
    cancel(sessions, make_job(sessions).id)
    read = JobStatisticsReader(sessions).read()
    assert read.finished == {("train", "cancelled"): 1}
    assert (read.waits["train"].count, read.runs["train"].count) == (0, 0)


def test_no_job_is_counted_twice_or_left_out_as_the_past_settles(sessions: Sessions) -> None:
    kept, counts = JobStatisticsReader(sessions, max_commit_delay=timedelta()), []
    slow = make_job(sessions).id
    for _ in range(3):
        finish(sessions, make_job(sessions).id, waited_s=0, ran_s=0)
        counts.append(kept.read().finished["train", "succeeded"])
    cancel(sessions, slow)
    for _ in range(2):
        finish(sessions, make_job(sessions).id, waited_s=0, ran_s=0)
        counts.append(kept.read().finished["train", "succeeded"])
    assert counts == [1, 2, 3, 4, 5]
    fresh = JobStatisticsReader(sessions).read()
    assert kept.read().finished == fresh.finished == {("train", "succeeded"): 5, ("train", "cancelled"): 1}


def test_what_has_settled_is_not_read_again(sessions: Sessions) -> None:
    job_id = make_job(sessions).id
    finish(sessions, job_id, waited_s=1, ran_s=1, age_s=3600)
    kept = JobStatisticsReader(sessions)
    kept.read()
    with sessions.begin() as session:
        session.delete(session.get_one(Job, job_id))
    assert kept.read().finished == {("train", "succeeded"): 1}
    assert JobStatisticsReader(sessions).read().finished == {}
