"""The verbs of a job, on both dialects."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import update

from service.db.repositories import Jobs
from service.db.session import Sessions, clock
from service.db.tables import Job, JobStatus
from service.errors import Conflict, NotFound
from service.storage.blobs import put_bytes
from tests.support.factories import make_job

LEASE = 60.0


def claim(sessions: Sessions, job_id: str) -> str:
    with sessions.begin() as session:
        job = Jobs(session).claim(job_id, lease_s=LEASE)
    assert job is not None
    assert job.token is not None
    return job.token


def let_lapse(sessions: Sessions, job_id: str) -> None:
    with sessions.begin() as session:
        past = clock(session) - timedelta(seconds=1)
        session.execute(update(Job).where(Job.id == job_id).values(lease_until=past))


def read(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return Jobs(session).get(job_id)


def history(sessions: Sessions, job_id: str) -> list[tuple[int, str, str | None]]:
    with sessions.read() as session:
        events = Jobs(session).events(job_id, limit=200)
    return [(event.number, event.data["status"], event.data.get("reason")) for event in events]


def test_a_new_job_is_queued_and_says_so_in_its_first_event(sessions: Sessions) -> None:
    job = make_job(sessions)
    assert read(sessions, job.id).status == JobStatus.QUEUED
    assert history(sessions, job.id) == [(1, "queued", None)]


def test_an_unknown_job_is_not_found(sessions: Sessions) -> None:
    with pytest.raises(NotFound) as caught, sessions.read() as session:
        Jobs(session).get("nothing")
    assert caught.value.code == "job_not_found"


def test_a_job_is_claimed_only_once(sessions: Sessions) -> None:
    job = make_job(sessions)
    claim(sessions, job.id)
    with sessions.begin() as session:
        assert Jobs(session).claim(job.id, lease_s=LEASE) is None


def test_of_two_claims_at_the_same_moment_one_gets_the_job(sessions: Sessions) -> None:
    jobs = [make_job(sessions).id for _ in range(5)]
    start, won = Barrier(2), {job_id: [] for job_id in jobs}

    def race(name: str) -> None:
        for job_id in jobs:
            start.wait()
            with sessions.begin() as session:
                if Jobs(session).claim(job_id, lease_s=LEASE):
                    won[job_id].append(name)

    racers = [Thread(target=race, args=(name,)) for name in ("a", "b")]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [len(winners) for winners in won.values()] == [1] * 5


def test_racing_for_the_next_job_gives_every_worker_another_one(sessions: Sessions) -> None:
    made = {make_job(sessions).id for _ in range(4)}
    start, got = Barrier(4), []

    def race() -> None:
        start.wait()
        with sessions.begin() as session:
            job = Jobs(session).claim_next(kinds=("train",), lease_s=LEASE)
            got.append(job and job.id)

    racers = [Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert set(got) == made


def test_the_job_that_waited_longest_comes_next(sessions: Sessions) -> None:
    first, second = make_job(sessions), make_job(sessions)
    with sessions.begin() as session:
        jobs = Jobs(session)
        got = [jobs.claim_next(kinds=("train",), lease_s=1) for _ in range(3)]
    assert [job and job.id for job in got] == [first.id, second.id, None]


def test_only_jobs_of_the_kinds_asked_for_come_next(sessions: Sessions) -> None:
    make_job(sessions)
    prediction = make_job(sessions, kind="predict")
    with sessions.begin() as session:
        jobs = Jobs(session)
        assert jobs.is_any_queued(("predict", "symbolic"))
        got = [jobs.claim_next(kinds=("predict", "symbolic"), lease_s=1) for _ in range(2)]
        assert not jobs.is_any_queued(("predict", "symbolic"))
    assert [job and job.id for job in got] == [prediction.id, None]


def test_a_claim_is_adopted_only_once(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    with sessions.begin() as session:
        adopted = Jobs(session).adopt(job.id, token, lease_s=LEASE)
        assert adopted is not None
        assert adopted.token != token
        assert Jobs(session).adopt(job.id, token, lease_s=LEASE) is None


def test_a_heartbeat_renews_the_lease_and_stores_the_progress(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    let_lapse(sessions, job.id)
    with sessions.begin() as session:
        beaten = Jobs(session).heartbeat(job.id, token, lease_s=LEASE, stage="train", fraction=0.5)
        assert beaten is not None
        assert not Jobs(session).reap(max_attempts=3)
    assert (read(sessions, job.id).stage, read(sessions, job.id).fraction) == ("train", 0.5)


@pytest.mark.parametrize(
    "verb",
    [
        lambda jobs, job_id, token: jobs.adopt(job_id, token, lease_s=LEASE),
        lambda jobs, job_id, token: jobs.heartbeat(job_id, token, lease_s=LEASE),
        lambda jobs, job_id, token: jobs.hold(job_id, token),
        lambda jobs, job_id, token: jobs.release(job_id, token),
        lambda jobs, job_id, token: jobs.succeed(job_id, token, model_id="m"),
        lambda jobs, job_id, token: jobs.fail(job_id, token, code="c", detail="d"),
        lambda jobs, job_id, token: jobs.stop(job_id, token),
    ],
    ids=["adopt", "heartbeat", "hold", "release", "succeed", "fail", "stop"],
)
def test_a_worker_that_lost_its_job_can_write_nothing(sessions: Sessions, verb) -> None:
    job = make_job(sessions)
    stale = claim(sessions, job.id)
    let_lapse(sessions, job.id)
    with sessions.begin() as session:
        Jobs(session).reap(max_attempts=3)
    current = claim(sessions, job.id)
    before = history(sessions, job.id)
    with sessions.begin() as session:
        assert verb(Jobs(session), job.id, stale) is None
    assert read(sessions, job.id).token == current
    assert history(sessions, job.id) == before


def test_a_lost_job_is_queued_again_without_its_progress(sessions: Sessions) -> None:
    job = make_job(sessions)
    claim(sessions, job.id)
    let_lapse(sessions, job.id)
    with sessions.begin() as session:
        assert [reaped.id for reaped in Jobs(session).reap(max_attempts=3)] == [job.id]
    row = read(sessions, job.id)
    assert (row.status, row.attempt, row.token, row.stage) == ("queued", 1, None, None)
    assert history(sessions, job.id)[-1] == (3, "queued", "worker_lost")


def test_a_job_whose_holder_is_gone_is_queued_again_before_its_lease_ends(sessions: Sessions) -> None:
    job, other = make_job(sessions), make_job(sessions)
    with sessions.begin() as session:
        jobs = Jobs(session)
        for job_id, holder in [(job.id, "first"), (other.id, "second")]:
            jobs.claim(job_id, lease_s=LEASE, holder=holder)
        assert sorted(jobs.holders()) == ["first", "second"]
        assert [reaped.id for reaped in jobs.reap(max_attempts=3, gone=["first"])] == [job.id]
        assert jobs.holders() == ["second"]
    assert history(sessions, job.id)[-1] == (3, "queued", "worker_lost")


def test_a_job_that_is_adopted_has_the_holder_that_adopts_it(sessions: Sessions) -> None:
    job = make_job(sessions)
    with sessions.begin() as session:
        jobs = Jobs(session)
        claimed = jobs.claim(job.id, lease_s=LEASE, holder="parent")
        assert claimed is not None
        jobs.adopt(job.id, claimed.token or "", lease_s=LEASE, holder="child")
        assert not jobs.reap(max_attempts=3, gone=["parent"])
        assert jobs.reap(max_attempts=3, gone=["child"])


def test_a_job_lost_in_its_last_attempt_fails(sessions: Sessions) -> None:
    job = make_job(sessions)
    claim(sessions, job.id)
    let_lapse(sessions, job.id)
    with sessions.begin() as session:
        Jobs(session).reap(max_attempts=1)
    row = read(sessions, job.id)
    assert (row.status, row.error_code) == ("failed", "worker_lost")
    assert row.finished_at is not None


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(sessions: Sessions) -> None:
    job = make_job(sessions)
    claim(sessions, job.id)
    with sessions.begin() as session:
        Jobs(session).cancel(job.id)
    let_lapse(sessions, job.id)
    with sessions.begin() as session:
        Jobs(session).reap(max_attempts=3)
    assert read(sessions, job.id).status == "cancelled"


def test_a_released_job_is_queued_again_and_has_used_no_attempt(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    with sessions.begin() as session:
        Jobs(session).release(job.id, token)
    row = read(sessions, job.id)
    assert (row.status, row.attempt) == ("queued", 0)
    assert history(sessions, job.id)[-1] == (3, "queued", "worker_stopped")


def test_a_checkpoint_survives_the_loss_of_a_worker(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    with sessions.begin() as session:
        held = Jobs(session).hold(job.id, token)
        assert held is not None
        sha256 = put_bytes(session, b"weights")
        Jobs(session).set_checkpoint(held, sha256)
    let_lapse(sessions, job.id)
    with sessions.begin() as session:
        Jobs(session).reap(max_attempts=3)
    claim(sessions, job.id)
    assert read(sessions, job.id).checkpoint_sha256 == sha256


def test_a_finished_job_with_a_checkpoint_is_found_for_cleaning_up(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    with sessions.begin() as session:
        jobs = Jobs(session)
        held = jobs.hold(job.id, token)
        assert held is not None
        jobs.set_checkpoint(held, put_bytes(session, b"weights"))
        assert not jobs.list_with_stale_checkpoint()
        jobs.succeed(job.id, token, model_id="m")
        assert [left.id for left in jobs.list_with_stale_checkpoint()] == [job.id]


def test_a_queued_job_is_cancelled_at_once(sessions: Sessions) -> None:
    job = make_job(sessions)
    with sessions.begin() as session:
        assert Jobs(session).cancel(job.id).status == "cancelled"
    assert history(sessions, job.id)[-1] == (2, "cancelled", None)


def test_a_running_job_is_told_to_stop_and_asking_again_changes_nothing(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    for _ in range(2):
        with sessions.begin() as session:
            cancelling = Jobs(session).cancel(job.id, keep_best=True)
            assert (cancelling.status, cancelling.keep_best) == ("running", True)
    assert history(sessions, job.id)[2:] == [(3, "running", "cancel_requested")]
    with sessions.begin() as session:
        beaten = Jobs(session).heartbeat(job.id, token, lease_s=LEASE)
    assert beaten is not None
    assert beaten.cancel_requested_at is not None


def test_a_job_whose_cancellation_was_accepted_cannot_succeed(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    with sessions.begin() as session:
        jobs = Jobs(session)
        jobs.cancel(job.id)
        assert jobs.succeed(job.id, token, model_id="m") is None
        stopped = jobs.stop(job.id, token, model_id="m", cut_by="train")
    assert stopped is not None
    assert (stopped.status, stopped.model_id, stopped.cut_by) == ("cancelled", "m", "train")


@pytest.mark.parametrize("end", ["release", "fail"])
def test_a_cancelled_job_ends_cancelled_however_it_stops(sessions: Sessions, end: str) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    with sessions.begin() as session:
        jobs = Jobs(session)
        jobs.cancel(job.id)
        if end == "release":
            jobs.release(job.id, token)
        else:
            jobs.fail(job.id, token, code="c", detail="d")
    assert read(sessions, job.id).status == "cancelled"


def test_a_job_that_cannot_be_stopped_because_nobody_asked_goes_on(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    with sessions.begin() as session:
        assert Jobs(session).stop(job.id, token) is None
    assert read(sessions, job.id).status == "running"


def test_a_failure_keeps_its_code_and_its_reason(sessions: Sessions) -> None:
    job = make_job(sessions)
    token = claim(sessions, job.id)
    with sessions.begin() as session:
        Jobs(session).fail(job.id, token, code="invalid_data", detail="row 3 is odd")
    row = read(sessions, job.id)
    assert (row.status, row.error_code, row.error_detail) == ("failed", "invalid_data", "row 3 is odd")


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_a_finished_job_cannot_be_cancelled(sessions: Sessions, end: str) -> None:
    job = make_job(sessions)
    if end == "cancelled":
        with sessions.begin() as session:
            Jobs(session).cancel(job.id)
    else:
        token = claim(sessions, job.id)
        with sessions.begin() as session:
            jobs = Jobs(session)
            if end == "succeeded":
                jobs.succeed(job.id, token, model_id="m")
            else:
                jobs.fail(job.id, token, code="c", detail="d")
    with pytest.raises(Conflict) as caught, sessions.begin() as session:
        Jobs(session).cancel(job.id)
    assert caught.value.code == "job_already_finished"
    assert read(sessions, job.id).status == end


def test_pages_go_from_new_to_old_and_can_be_filtered(sessions: Sessions) -> None:
    made = [make_job(sessions).id for _ in range(3)]
    claim(sessions, made[1])
    with sessions.read() as session:
        jobs = Jobs(session)
        assert [job.id for job in jobs.page(limit=1)] == [made[2], made[1]]
        assert [job.id for job in jobs.page(limit=9, after=made[1])] == [made[0]]
        assert [job.id for job in jobs.page(limit=9, status="running")] == [made[1]]


def test_queued_jobs_are_rung_for_until_the_queue_was_told(sessions: Sessions) -> None:
    told, untold, running = (make_job(sessions).id for _ in range(3))
    claim(sessions, running)
    with sessions.begin() as session:
        jobs = Jobs(session)
        jobs.set_published(told)
        assert list(jobs.list_unpublished(again_after_s=60)) == [(untold, "train")]
        assert list(jobs.list_unpublished(again_after_s=-1)) == [(told, "train"), (untold, "train")]


def test_an_idempotency_key_finds_its_job_until_it_is_forgotten(sessions: Sessions) -> None:
    job = make_job(sessions, idempotency_key="k")
    with sessions.begin() as session:
        jobs, now = Jobs(session), clock(session)
        found = jobs.find_by_key("k", since=now - timedelta(hours=1))
        assert found is not None
        assert found.id == job.id
        assert jobs.find_by_key("k", since=now + timedelta(hours=1)) is None
    make_job(sessions, idempotency_key="k")


def test_the_time_worked_leaves_out_the_waiting(sessions: Sessions) -> None:
    job = make_job(sessions)
    for _ in range(2):
        token = claim(sessions, job.id)
        with sessions.begin() as session:
            Jobs(session).release(job.id, token)
    claim(sessions, job.id)
    with sessions.read() as session:
        jobs = Jobs(session)
        times = [event.created_at for event in jobs.events(job.id, limit=200)]
        worked = (times[2] - times[1] + times[4] - times[3]).total_seconds()
        earlier, present = jobs.seconds_worked(job.id)
        assert earlier == pytest.approx(worked)
        assert 0 <= present < 60


def test_claims_name_the_tokens_of_running_jobs(sessions: Sessions) -> None:
    running, queued = make_job(sessions).id, make_job(sessions).id
    token = claim(sessions, running)
    with sessions.read() as session:
        assert Jobs(session).get_tokens([running, queued]) == {running: token}
