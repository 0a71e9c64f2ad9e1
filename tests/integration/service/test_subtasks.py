"""Parts of jobs: who waits for whom, and what becomes of them, on both dialects."""

from threading import Barrier, Thread

from sqlalchemy import func, select

from service.db.repositories import Jobs
from service.db.repositories.subtasks import JobSubtasks, list_orphans
from service.db.session import Sessions
from service.db.tables import SUBTASK_KIND, Job, JobStatus
from tests.support.factories import make_job, start_job

LEASE = 60.0


def offer(sessions: Sessions, job_id: str, token: str, *keys: str) -> list[str]:
    with sessions.begin() as session:
        job = Jobs(session).hold(job_id, token)
        assert job is not None
        return [part.id for part in JobSubtasks(session, job).offer({key: {} for key in keys})]


def wait_for(sessions: Sessions, job_id: str, token: str, *keys: str) -> Job:
    with sessions.begin() as session:
        jobs = Jobs(session)
        job = jobs.hold(job_id, token)
        assert job is not None
        for key in keys:
            JobSubtasks(session, job).wait_for(key)
        waiting = jobs.wait(job_id, token, message="2 parts are with other workers")
    assert waiting is not None
    return waiting


def started(sessions: Sessions, *keys: str) -> tuple[str, str, list[str]]:
    """A job that runs, its token, and its parts."""
    job = make_job(sessions)
    token = start_job(sessions, job.id)
    return job.id, token, offer(sessions, job.id, token, *keys)


def succeed(sessions: Sessions, job_id: str, token: str) -> None:
    with sessions.begin() as session:
        jobs = Jobs(session)
        assert jobs.hold(job_id, token)
        assert jobs.succeed(job_id, token)


def read(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return session.get_one(Job, job_id)


def statuses(sessions: Sessions, *job_ids: str) -> list[str]:
    return [read(sessions, job_id).status for job_id in job_ids]


def test_a_job_that_waits_is_running_and_belongs_to_no_worker(sessions: Sessions) -> None:
    job_id, token, _ = started(sessions, "one")
    waiting = wait_for(sessions, job_id, token, "one")
    assert (waiting.status, waiting.token, waiting.lease_until) == (JobStatus.RUNNING, None, None)
    with sessions.begin() as session:
        assert not Jobs(session).reap(max_attempts=3)


def test_the_last_awaited_part_queues_the_job_again_and_costs_it_no_attempt(sessions: Sessions) -> None:
    job_id, token, (one, two) = started(sessions, "one", "two")
    wait_for(sessions, job_id, token, "one", "two")
    succeed(sessions, one, start_job(sessions, one))
    assert statuses(sessions, job_id) == ["running"]
    succeed(sessions, two, start_job(sessions, two))
    assert statuses(sessions, job_id) == ["queued"]
    start_job(sessions, job_id)
    assert read(sessions, job_id).attempt == 1


def test_a_part_that_nobody_waits_for_holds_nothing_up(sessions: Sessions) -> None:
    job_id, token, (one, ahead) = started(sessions, "one", "ahead")
    wait_for(sessions, job_id, token, "one")
    succeed(sessions, one, start_job(sessions, one))
    assert statuses(sessions, job_id, ahead) == ["queued", "queued"]


def test_a_job_whose_part_has_ended_meanwhile_does_not_wait(sessions: Sessions) -> None:
    job_id, token, (one,) = started(sessions, "one")
    succeed(sessions, one, start_job(sessions, one))
    with sessions.begin() as session:
        job = Jobs(session).hold(job_id, token)
        assert job is not None
        assert not JobSubtasks(session, job).wait_for("one")
        queued = Jobs(session).wait(job_id, token, message="")
    assert queued is not None
    assert queued.status == JobStatus.QUEUED


def test_of_two_parts_that_end_at_the_same_moment_the_last_queues_the_job(sessions: Sessions) -> None:
    for _ in range(5):
        job_id, token, parts = started(sessions, "one", "two")
        wait_for(sessions, job_id, token, "one", "two")
        tokens = {part: start_job(sessions, part) for part in parts}
        start = Barrier(2)

        def end(part: str, token: str, start: Barrier = start) -> None:
            start.wait()
            succeed(sessions, part, token)

        threads = [Thread(target=end, args=item) for item in tokens.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses(sessions, job_id, *parts) == ["queued", "succeeded", "succeeded"]
        start_job(sessions, job_id)


def test_a_part_that_is_cancelled_or_fails_lets_the_job_go_on(sessions: Sessions) -> None:
    job_id, token, (one,) = started(sessions, "one")
    wait_for(sessions, job_id, token, "one")
    held = start_job(sessions, one)
    with sessions.begin() as session:
        Jobs(session).fail(one, held, code="invalid_data", detail="odd")
    assert statuses(sessions, job_id, one) == ["queued", "failed"]


def test_a_part_whose_worker_is_lost_is_queued_again_and_the_job_waits_on(sessions: Sessions) -> None:
    job_id, token, (one,) = started(sessions, "one")
    wait_for(sessions, job_id, token, "one")
    with sessions.begin() as session:
        jobs = Jobs(session)
        assert jobs.claim(one, lease_s=-1)
        jobs.reap(max_attempts=3)
    assert statuses(sessions, job_id, one) == ["running", "queued"]
    with sessions.begin() as session:
        jobs = Jobs(session)
        for _ in range(2):
            assert jobs.claim(one, lease_s=-1)
            jobs.reap(max_attempts=3)
    assert statuses(sessions, job_id, one) == ["queued", "failed"]


def test_cancelling_a_job_that_waits_stops_its_parts_and_ends_with_the_last(sessions: Sessions) -> None:
    job_id, token, (one, two, ahead) = started(sessions, "one", "two", "ahead")
    wait_for(sessions, job_id, token, "one", "two")
    held, other = start_job(sessions, one), start_job(sessions, ahead)
    with sessions.begin() as session:
        Jobs(session).cancel(job_id)
    assert statuses(sessions, job_id, one, two, ahead) == ["running", "running", "cancelled", "running"]
    assert read(sessions, one).cancel_requested_at is not None
    with sessions.begin() as session:
        Jobs(session).release(one, held)
    assert statuses(sessions, job_id, one) == ["running", "cancelled"]
    with sessions.begin() as session:
        Jobs(session).release(ahead, other)
    assert statuses(sessions, job_id, ahead) == ["cancelled", "cancelled"]


def test_cancelling_a_job_that_waits_for_parts_nobody_has_begun_ends_it_at_once(sessions: Sessions) -> None:
    job_id, token, (one,) = started(sessions, "one")
    wait_for(sessions, job_id, token, "one")
    with sessions.begin() as session:
        assert Jobs(session).cancel(job_id).status == JobStatus.CANCELLED
    assert statuses(sessions, one) == ["cancelled"]


def test_cancelling_with_the_best_kept_lets_the_job_end_by_itself(sessions: Sessions) -> None:
    job_id, token, (one,) = started(sessions, "one")
    wait_for(sessions, job_id, token, "one")
    held = start_job(sessions, one)
    with sessions.begin() as session:
        Jobs(session).cancel(job_id, keep_best=True)
    assert read(sessions, one).keep_best
    with sessions.begin() as session:
        assert Jobs(session).stop(one, held)
    assert statuses(sessions, job_id, one) == ["queued", "cancelled"]


def test_a_job_that_ends_takes_its_parts_along(sessions: Sessions) -> None:
    job_id, token, (one, two) = started(sessions, "one", "two")
    start_job(sessions, one)
    succeed(sessions, job_id, token)
    assert statuses(sessions, one, two) == ["running", "cancelled"]
    assert read(sessions, one).cancel_requested_at is not None


def test_only_a_part_that_nobody_has_taken_can_be_withdrawn(sessions: Sessions) -> None:
    job_id, token, (one, _) = started(sessions, "one", "two")
    start_job(sessions, one)
    with sessions.begin() as session:
        job = Jobs(session).hold(job_id, token)
        assert job is not None
        parts = JobSubtasks(session, job)
        assert [parts.withdraw(key) for key in ("one", "two", "two")] == [False, True, False]
        assert [part.id for part in parts.all()] == [one]


def test_parts_are_swept_away_once_their_job_has_ended(sessions: Sessions) -> None:
    job_id, token, (one, _) = started(sessions, "one", "two")
    held = start_job(sessions, one)
    with sessions.begin() as session:
        assert not list_orphans(session)
    succeed(sessions, job_id, token)
    with sessions.begin() as session:
        assert len(list_orphans(session)) == 1
        Jobs(session).release(one, held)
        assert len(list_orphans(session)) == 2


def test_clients_see_nothing_of_parts(sessions: Sessions) -> None:
    job_id, _, _ = started(sessions, "one")
    with sessions.read() as session:
        assert [job.id for job in Jobs(session).page(limit=10)] == [job_id]
        assert session.scalar(select(func.count()).select_from(Job).where(Job.kind == SUBTASK_KIND)) == 1
