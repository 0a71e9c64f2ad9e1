"""What becomes of parts that were offered: done elsewhere, taken back, or waited for."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from kan_engine.search.subtasks import Subtask
from service.caller import LOCAL_CALLER
from service.db.repositories import Jobs, Workers
from service.db.repositories.subtasks import JobSubtasks
from service.db.session import Sessions
from service.db.tables import Job
from service.storage.blobs import put_bytes
from tests.support.factories import make_job, start_job
from tests.support.tables import request_for
from worker.execution.distributed_subtasks import DistributedSubtasks
from worker.execution.limits import ExecutionLimits
from worker.execution.outcome import JobWaiting

FIRST, SECOND, THIRD = (Subtask("network", {"number": number}) for number in range(3))


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def job_id(sessions: Sessions) -> str:
    return make_job(sessions).id


@pytest.fixture
def shared(sessions: Sessions, job_id: str) -> Callable[..., DistributedSubtasks]:
    """The parts of a job that this process holds, beside workers with so many slots."""
    token = start_job(sessions, job_id)

    def hold(session: Session) -> Job:
        job = Jobs(session).hold(job_id, token)
        assert job is not None
        return job

    def make(slots: int = 2, kept_from_s: float = 1e9) -> DistributedSubtasks:
        with sessions.begin() as session:
            Workers(session).report("w", host="h", pid=1, slots=slots)
        own = sessions.restrict_to(LOCAL_CALLER)
        return DistributedSubtasks(
            own,
            hold,
            request_for(),
            seconds_left=lambda: 60.0,
            should_stop=lambda: False,
            ring=lambda: None,
            limits=ExecutionLimits(offer_period_s=0.0, min_stored_duration_s=kept_from_s),
        )

    return make


def rows(sessions: Sessions, job_id: str) -> dict[str, Job]:
    with sessions.read() as session:
        return {
            part.request_sha256: part for part in JobSubtasks(session, session.get_one(Job, job_id)).all()
        }


def result(parts: DistributedSubtasks, part: Subtask) -> str:
    """The result of a part, which says who did it."""
    return parts.get_or_compute(part, lambda: "here", write=str.encode, read=bytes.decode)


def take(sessions: Sessions) -> Job:
    """Another worker takes a part."""
    with sessions.begin() as session:
        job = Jobs(session).claim_next(kinds=("part",), lease_s=60)
    assert job is not None
    return job


def end(sessions: Sessions, job: Job) -> None:
    with sessions.begin() as session:
        jobs = Jobs(session)
        assert jobs.hold(job.id, job.token or "")
        jobs.succeed(job.id, job.token or "", result_sha256=put_bytes(session, b"elsewhere"))


def test_the_most_probable_parts_are_offered_to_those_who_have_nothing_to_do(
    sessions: Sessions, job_id: str, shared: Any
) -> None:
    parts = shared(slots=2)
    with parts.prefetch(lambda: [FIRST, SECOND]):
        parts.offer_if_due()
        parts.offer_if_due()
    assert rows(sessions, job_id).keys() == {FIRST.key}


def test_a_prediction_that_asks_whether_to_stop_offers_nothing_itself(
    sessions: Sessions, job_id: str, shared: Any
) -> None:
    parts = shared(slots=2)

    def predict() -> list[Subtask]:
        parts.offer_if_due()  # as every question whether to stop does
        return [FIRST]

    with parts.prefetch(predict):
        parts.offer_if_due()
    assert rows(sessions, job_id).keys() == {FIRST.key}


def test_a_further_part_waits_for_the_process_that_ends_first(
    sessions: Sessions, job_id: str, shared: Any
) -> None:
    parts = shared(slots=2)
    with parts.prefetch(lambda: [FIRST, SECOND, THIRD]):
        parts.offer_if_due()
        take(sessions)
        parts.offer_if_due()
        parts.offer_if_due()
    assert rows(sessions, job_id).keys() == {FIRST.key, SECOND.key}


def test_parts_that_are_not_needed_any_more_are_withdrawn_or_stopped(
    sessions: Sessions, job_id: str, shared: Any
) -> None:
    parts = shared(slots=2)
    with parts.prefetch(lambda: [FIRST, SECOND]):
        parts.offer_if_due()
        taken = take(sessions)
        parts.offer_if_due()
    with parts.prefetch(lambda: [THIRD]):
        parts.offer_if_due()
    found = rows(sessions, job_id)
    assert taken.request_sha256 == FIRST.key
    assert found.keys() == {FIRST.key, THIRD.key}
    assert found[FIRST.key].cancel_requested_at is not None
    assert result(parts, FIRST) == "here"


def test_what_is_at_work_here_is_not_offered(sessions: Sessions, job_id: str, shared: Any) -> None:
    parts = shared(slots=3)

    def work() -> str:
        parts.offer_if_due()
        return "here"

    with parts.prefetch(lambda: [FIRST, SECOND]):
        parts.get_or_compute(FIRST, work, write=str.encode, read=bytes.decode)
    assert rows(sessions, job_id).keys() == {SECOND.key}


def test_parts_of_an_inner_block_come_first(sessions: Sessions, job_id: str, shared: Any) -> None:
    parts = shared(slots=3)
    with parts.prefetch(lambda: [FIRST, SECOND]), parts.prefetch(lambda: [THIRD]):
        parts.offer_if_due()
    assert rows(sessions, job_id).keys() == {THIRD.key, FIRST.key}


def test_a_part_that_nobody_has_taken_is_done_here(sessions: Sessions, job_id: str, shared: Any) -> None:
    parts = shared()
    with parts.prefetch(lambda: [FIRST]):
        parts.offer_if_due()
    assert result(parts, FIRST) == "here"
    assert rows(sessions, job_id) == {}


def test_a_part_that_was_done_elsewhere_is_not_done_again(sessions: Sessions, shared: Any) -> None:
    parts = shared()
    with parts.prefetch(lambda: [FIRST]):
        parts.offer_if_due()
    end(sessions, take(sessions))
    assert result(parts, FIRST) == "elsewhere"


def test_a_process_waits_itself_for_a_part_that_ends_sooner_than_its_own_work_would_be_repeated(
    sessions: Sessions, job_id: str, shared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = shared()
    with parts.prefetch(lambda: [FIRST]):
        parts.offer_if_due()
    taken = take(sessions)
    monkeypatch.setattr(parts, "_started", time.monotonic() - 60)  # so much would be repeated
    ending = threading.Timer(0.3, lambda: end(sessions, taken))
    ending.start()
    assert result(parts, FIRST) == "elsewhere"
    ending.join()
    assert not rows(sessions, job_id)[FIRST.key].is_awaited


def test_a_part_that_is_at_work_elsewhere_is_waited_for_and_the_process_may_do_a_further_one(
    sessions: Sessions, job_id: str, shared: Any
) -> None:
    parts = shared()
    with parts.prefetch(lambda: [FIRST, SECOND, THIRD]):
        parts.offer_if_due()
        taken = take(sessions)
        with pytest.raises(JobWaiting):
            result(parts, FIRST)
    found = rows(sessions, job_id)
    assert (found[FIRST.key].id, found[FIRST.key].is_awaited) == (taken.id, True)
    assert (found[SECOND.key].status, found[SECOND.key].is_awaited) == ("queued", False)
    assert THIRD.key not in found


def test_a_part_that_took_long_is_there_for_the_next_attempt(sessions: Sessions, shared: Any) -> None:
    assert result(shared(kept_from_s=0.0), FIRST) == "here"
    again = shared()
    assert again.peek(FIRST) == b"here"
    assert again.get_or_compute(FIRST, lambda: "again", write=str.encode, read=bytes.decode) == "here"


def test_a_part_that_failed_elsewhere_is_done_here(sessions: Sessions, shared: Any) -> None:
    parts = shared()
    with parts.prefetch(lambda: [FIRST]):
        parts.offer_if_due()
    taken = take(sessions)
    with sessions.begin() as session:
        Jobs(session).fail(taken.id, taken.token or "", code="invalid_data", detail="odd")
    assert result(parts, FIRST) == "here"


def test_a_result_of_another_version_is_computed_again(sessions: Sessions, shared: Any) -> None:
    assert result(shared(kept_from_s=0.0), FIRST) == "here"
    again = shared(kept_from_s=0.0)
    numbers = again.get_or_compute(FIRST, lambda: 7, write=lambda n: str(n).encode(), read=int)
    assert numbers == 7
    assert shared().peek(FIRST) == b"7"
