import time

import pytest

from service.db.repositories import Jobs
from service.db.session import Sessions
from service.db.tables import Job
from service.settings import Settings
from tests.support.factories import make_job
from worker.runtime.dispatcher import Dispatcher
from worker.runtime.limits import DEFAULT_RUNTIME, RuntimeLimits


class Sent(list[tuple[str, str]]):
    """Ids and tokens of what a dispatcher sent, and their kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[str] = []

    def __call__(self, kind: str, job_id: str, token: str) -> None:
        self.kinds.append(kind)
        self.append((job_id, token))


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"worker_slots": 2, "lease_s": 60.0})


def read(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return Jobs(session).get(job_id)


def adopt(sessions: Sessions, job_id: str, token: str) -> str:
    with sessions.begin() as session:
        job = Jobs(session).adopt(job_id, token, lease_s=60)
    assert job is not None
    assert job.token is not None
    return job.token


def test_as_many_jobs_are_claimed_as_processes_are_free(
    sessions: Sessions, settings: Settings, sent: Sent
) -> None:
    jobs = [make_job(sessions).id for _ in range(3)]
    Dispatcher(sessions, settings, sent, limits=DEFAULT_RUNTIME).dispatch()
    assert [job_id for job_id, _ in sent] == jobs[:2]
    assert [read(sessions, job_id).status for job_id in jobs] == ["running", "running", "queued"]
    assert [read(sessions, job_id).token for job_id, _ in sent] == [token for _, token in sent]


def test_a_job_that_runs_keeps_its_slot_and_frees_it_at_its_end(
    sessions: Sessions, settings: Settings, sent: Sent
) -> None:
    jobs = [make_job(sessions).id for _ in range(3)]
    dispatcher = Dispatcher(sessions, settings, sent, limits=DEFAULT_RUNTIME)
    dispatcher.dispatch()
    token = adopt(sessions, *sent[0])
    dispatcher.dispatch()
    assert len(sent) == 2
    with sessions.begin() as session:
        Jobs(session).fail(jobs[0], token, code="c", detail="d")
    dispatcher.dispatch()
    assert [job_id for job_id, _ in sent] == jobs


def test_a_claim_is_renewed_until_a_process_takes_the_job(
    sessions: Sessions, settings: Settings, sent: Sent
) -> None:
    make_job(sessions)
    brief = settings.model_copy(update={"lease_s": 1e-6})
    dispatcher = Dispatcher(sessions, brief, sent, limits=DEFAULT_RUNTIME)
    dispatcher.dispatch()
    before = read(sessions, sent[0][0]).lease_until
    dispatcher.dispatch()
    renewed = read(sessions, sent[0][0]).lease_until
    assert renewed > before
    adopt(sessions, *sent[0])
    adopted = read(sessions, sent[0][0]).lease_until
    dispatcher.dispatch()
    assert read(sessions, sent[0][0]).lease_until == adopted


def test_a_claim_that_no_process_takes_for_too_long_is_let_go(
    sessions: Sessions, settings: Settings, sent: Sent
) -> None:
    make_job(sessions)
    brief = settings.model_copy(update={"lease_s": 1e-6})
    impatient = Dispatcher(sessions, brief, sent, RuntimeLimits(adoption_timeout_s=0.0))
    impatient.dispatch()
    before = read(sessions, sent[0][0]).lease_until
    impatient.dispatch()
    assert read(sessions, sent[0][0]).lease_until == before


def test_a_lost_job_is_claimed_anew(sessions: Sessions, settings: Settings, sent: Sent) -> None:
    job_id = make_job(sessions).id
    dispatcher = Dispatcher(
        sessions, settings.model_copy(update={"lease_s": -1.0}), sent, limits=DEFAULT_RUNTIME
    )
    dispatcher.dispatch()
    with sessions.begin() as session:
        Jobs(session).reap(max_attempts=3)
    dispatcher.dispatch()
    assert [sent_id for sent_id, _ in sent] == [job_id, job_id]
    assert sent[0][1] != sent[1][1]


def test_closing_gives_back_what_no_process_has_taken(
    sessions: Sessions, settings: Settings, sent: Sent
) -> None:
    taken, waiting = make_job(sessions).id, make_job(sessions).id
    dispatcher = Dispatcher(sessions, settings, sent, limits=DEFAULT_RUNTIME)
    dispatcher.dispatch()
    adopt(sessions, *sent[0])
    dispatcher.close()
    assert read(sessions, taken).status == "running"
    assert (read(sessions, waiting).status, read(sessions, waiting).attempt) == ("queued", 0)


def test_a_worker_for_some_queues_leaves_the_jobs_of_others_alone(
    sessions: Sessions, settings: Settings, sent: Sent
) -> None:
    training = make_job(sessions).id
    prediction = make_job(sessions, kind="predict").id
    for_predictions = settings.model_copy(update={"worker_queues": "batch,short"})
    Dispatcher(sessions, for_predictions, sent, limits=DEFAULT_RUNTIME).dispatch()
    assert ([job_id for job_id, _ in sent], sent.kinds) == ([prediction], ["predict"])
    assert read(sessions, training).status == "queued"


def test_nothing_happens_when_nothing_is_queued(sessions: Sessions, settings: Settings, sent: Sent) -> None:
    Dispatcher(sessions, settings, sent, limits=DEFAULT_RUNTIME).dispatch()
    assert sent == []


def test_a_job_that_no_process_takes_up_is_noticed(
    sessions: Sessions, settings: Settings, sent: Sent
) -> None:
    make_job(sessions)
    jobs = Dispatcher(sessions, settings, sent, RuntimeLimits(stuck_after_s=0.1))
    jobs.dispatch()
    assert not jobs.is_stuck
    time.sleep(0.1)
    assert jobs.is_stuck
    adopt(sessions, *sent[0])
    jobs.dispatch()
    assert not jobs.is_stuck
