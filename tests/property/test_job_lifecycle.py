"""No sequence of verbs, timely, late or cut off, loses a job, ends it twice, or changes its end.

The invariants are those of the promises: (1) an accepted job is there, and can be finished; (2) it has one
model or none; (3) cancelled means stopped; (4) a final state never changes.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from sqlalchemy import Engine, event, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.caller import LOCAL_CALLER
from service.db.repositories import Jobs, TrainedModels
from service.db.session import CALLER_KEY, clock, make_sessions
from service.db.tables import Blob, Dataset, Job, JobEvent, JobStatus, Model, TableBase
from service.errors import Conflict, Invalid, NotFound
from service.operations import datasets
from service.operations.jobs import lifecycle
from service.operations.prediction.predictor_cache import PredictorCache
from service.queue import EmbeddedQueue
from service.schemas.training import TrainRequest
from service.settings import Settings
from service.storage.blobs import put_bytes, release_blob
from tests.support.factories import column, make_dataset
from tests.support.state_machines import Claim, claim_of, empty, run_machine
from worker.runtime.housekeeping import delete_finished_checkpoints

LEASE = 60.0
HOLDER = "machine/1/1"
MAX_ATTEMPTS = 3
KEYS = ("one", "two")
COLUMNS = [
    column.key for column in Job.__table__.columns if column.key != "search_text"
]  # loaded by lists alone
Verb = Callable[[Session, Claim], object]


class Crash(Exception):
    """The process died in the middle of a transaction."""


class TooLate(Exception):
    """The job did not end so: what was written for that is rolled back."""


class JobLifecycle(RuleBasedStateMachine):
    """Clients, dispatchers, workers (dead ones too) and reapers act on jobs in any order.

    ``tokens`` holds every token that was ever given out: most of them are stale when they are used.
    """

    jobs = Bundle("jobs")
    tokens = Bundle("tokens")
    tables = Bundle("tables")

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.sessions = make_sessions(engine)
        self.clients = self.sessions.restrict_to(LOCAL_CALLER)
        self.service = self.clients, EmbeddedQueue(), Settings(), PredictorCache(0)
        self.accepted: set[str] = set()
        self.final: dict[str, tuple[str, str | None]] = {}
        self.cancel_accepted: set[str] = set()
        self.keys: dict[str, tuple[str, TrainRequest]] = {}

    @initialize(target=tables)
    def empty_database(self) -> str:
        empty(self.sessions)
        return self.upload(b"first")

    # Clients

    @rule(target=tables, content=st.binary(min_size=1, max_size=1))
    def upload(self, content: bytes) -> str:
        return make_dataset(self.sessions, column("x"), column("y"), content=content)

    @rule(dataset_id=tables)
    def delete_dataset(self, dataset_id: str) -> None:
        """Refused while a job needs it, so that no job is left without its data."""
        in_use = self._count(Job.dataset_id == dataset_id, Job.status.in_(["queued", "running"]))
        try:
            datasets.delete(dataset_id, self.clients)
        except Conflict:
            assert in_use
        except NotFound:
            assert not in_use
        else:
            assert not in_use

    @rule(target=jobs, dataset_id=tables, key=st.none() | st.sampled_from(KEYS), seed=st.integers(0, 1))
    def submit(self, dataset_id: str, key: str | None, seed: int) -> Any:
        request = TrainRequest(dataset_id=dataset_id, target="y", seed=seed)
        try:
            submitted = lifecycle.submit(request, *self.service, idempotency_key=key)
        except NotFound:  # of the dataset
            return multiple()
        except Invalid:
            assert key is not None
            assert self.keys[key][1] != request
            return multiple()
        if key is not None:
            known = self.keys.setdefault(key, (submitted.job.id, request))
            assert known == (submitted.job.id, request)
            assert submitted.is_replay is (submitted.job.id in self.accepted)
        self.accepted.add(submitted.job.id)
        return submitted.job.id

    @rule(target=tokens, dataset_id=tables)
    def submit_and_claim(self, dataset_id: str) -> Any:
        """Both at once, so that most jobs get as far as that."""
        job_id = self.submit(dataset_id, None, 0)
        return self.claim(job_id) if isinstance(job_id, str) else multiple()

    @rule(claim=tokens, keep_best=st.booleans())
    def cancel_what_was_claimed(self, claim: Claim, keep_best: bool) -> None:
        self.cancel(claim[0], keep_best)

    @rule(target=jobs, claim=tokens)
    def retry_what_was_claimed(self, claim: Claim) -> Any:
        return self.retry(claim[0])

    @rule(target=jobs, job_id=jobs)
    def retry(self, job_id: str) -> Any:
        try:
            again = lifecycle.retry(job_id, *self.service)
        except Conflict:
            assert job_id not in self.final
            return multiple()
        except NotFound:  # of the dataset
            return multiple()
        assert job_id in self.final
        assert again.id not in self.accepted
        assert again.retry_of == job_id
        self.accepted.add(again.id)
        return again.id

    @rule(job_id=jobs, keep_best=st.booleans())
    def cancel(self, job_id: str, keep_best: bool) -> None:
        try:
            lifecycle.cancel(job_id, self.clients, keep_best=keep_best)
        except Conflict:
            assert job_id in self.final
        else:
            self.cancel_accepted.add(job_id)

    # Dispatchers and workers

    @rule(target=tokens, job_id=jobs)
    def claim(self, job_id: str) -> Any:
        with self.sessions.begin() as session:
            return claim_of(Jobs(session).claim(job_id, lease_s=LEASE, holder=HOLDER))

    @rule(target=tokens)
    def claim_next(self) -> Any:
        with self.sessions.begin() as session:
            return claim_of(Jobs(session).claim_next(kinds=("train",), lease_s=LEASE))

    @rule(target=tokens, claim=tokens)
    def adopt(self, claim: Claim) -> Any:
        return claim_of(self._act(claim, lambda s, c: Jobs(s).adopt(*c, lease_s=LEASE)))

    @rule(claim=tokens)
    def beat(self, claim: Claim) -> None:
        self._act(claim, beat)

    @rule(claim=tokens, content=st.binary(min_size=1, max_size=2))
    def save_checkpoint(self, claim: Claim, content: bytes) -> None:
        self._act(claim, lambda session, claim: save_checkpoint(session, claim, content))

    @rule(claim=tokens)
    def drain(self, claim: Claim) -> None:
        before = self._read(claim[0])
        job = self._act(claim, lambda session, claim: Jobs(session).release(*claim))
        if job is not None and job.status == JobStatus.QUEUED:
            assert job.attempt == before.attempt - 1

    @rule(claim=tokens)
    def finish(self, claim: Claim) -> None:
        self._act(claim, finish)

    @rule(claim=tokens)
    def finish_without_a_look_at_cancellations(self, claim: Claim) -> None:
        self._act(claim, lambda session, claim: store(session, claim, Jobs(session).succeed))

    @rule(claim=tokens)
    def fail(self, claim: Claim) -> None:
        self._act(claim, lambda s, c: Jobs(s).fail(*c, code="invalid_data", detail="odd"))

    def _act(self, claim: Claim, verb: Verb) -> Any:
        """Do it in a transaction; with a token that is not the job's any more it must change nothing."""
        before, result = self._read(claim[0]), None
        with suppress(TooLate, IntegrityError), self.sessions.begin() as session:
            result = verb(session, claim)
        if before.token != claim[1]:
            assert result is None
            assert values(self._read(claim[0])) == values(before)
        return result

    @rule(claim=tokens, number=st.integers(0, 15), which=st.integers(0, 6))
    def crash_in_the_middle(self, claim: Claim, number: int, which: int) -> None:
        """A process that dies between any two statements leaves nothing of its transaction."""
        before = self._everything()
        with (
            suppress(Crash),
            crashing(self.engine, number),
            self.sessions.begin() as session,
        ):
            VERBS[which](session, claim)
            session.flush()
            raise Crash  # before the commit, if it came so far
        assert self._everything() == before

    # Upkeep

    @rule(job_id=jobs)
    def lose_worker(self, job_id: str) -> None:
        with self.sessions.begin() as session:
            past = clock(session) - timedelta(seconds=1)
            running = (Job.id == job_id, Job.status == JobStatus.RUNNING)
            session.execute(update(Job).where(*running).values(lease_until=past))

    @rule()
    def lose_a_machine(self) -> None:
        """All jobs of its processes, but no others, can be done elsewhere at once."""
        with self.sessions.begin() as session:
            jobs = Jobs(session)
            held = set(session.scalars(select(Job.id).where(Job.holder.is_not(None))))
            assert {job.id for job in jobs.reap(max_attempts=MAX_ATTEMPTS, gone=jobs.holders())} >= held
            assert not jobs.holders()

    @rule()
    def reap(self) -> None:
        with self.sessions.begin() as session:
            Jobs(session).reap(max_attempts=MAX_ATTEMPTS)

    @rule()
    def reap_twice_at_once(self) -> None:
        barrier = threading.Barrier(2)

        def run() -> list[str]:
            barrier.wait()
            with self.sessions.begin() as session:
                return [job.id for job in Jobs(session).reap(max_attempts=MAX_ATTEMPTS)]

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.submit(run), pool.submit(run)
            assert not set(first.result()) & set(second.result())

    @rule()
    def clean_up(self) -> None:
        delete_finished_checkpoints(self.sessions)

    # What always holds

    @invariant()
    def jobs_are_sound(self) -> None:
        with self.sessions.read() as session:
            there = {job.id: job for job in session.scalars(select(Job))}
            events: dict[str, list[JobEvent]] = {job_id: [] for job_id in there}
            for each in session.scalars(select(JobEvent).order_by(JobEvent.number)):
                events[each.job_id].append(each)
            models = dict(session.execute(select(Model.job_id, Model.id)).all())
            assert session.scalar(select(func.count()).select_from(Model)) == len(models)
            assert there.keys() == self.accepted
            for job in there.values():
                self._check(job, models.get(job.id), session)
                self._check_events(job, events[job.id])

    def _check(self, job: Job, model_id: str | None, session: Session) -> None:
        status = JobStatus(job.status)
        if status.is_final:
            assert self.final.setdefault(job.id, (status, job.model_id)) == (status, job.model_id)
        assert (job.id in self.final) == status.is_final == (job.finished_at is not None)
        is_running = status is JobStatus.RUNNING
        assert is_running == (job.token is not None) == (job.lease_until is not None)
        assert is_running or job.holder is None
        assert job.model_id == model_id
        if status is not JobStatus.CANCELLED:
            assert (status is JobStatus.SUCCEEDED) == (model_id is not None)
        if job.id in self.cancel_accepted:
            assert status in (JobStatus.RUNNING, JobStatus.CANCELLED)
        if not status.is_final:
            assert session.get(Dataset, job.dataset_id) is not None
        assert 0 <= job.attempt <= MAX_ATTEMPTS

    def _check_events(self, job: Job, events: list[JobEvent]) -> None:
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert events[-1].data["status"] == job.status
        assert not any(JobStatus(event.data["status"]).is_final for event in events[:-1])

    def teardown(self) -> None:
        """Every job that was accepted can still be finished, and then no byte is left that nobody needs."""
        with self.sessions.begin() as session:
            session.execute(update(Job).where(Job.status == "running").values(lease_until=clock(session)))
        self.reap()
        while isinstance(claim := self.claim_next(), tuple):
            self.finish(claim)
        delete_finished_checkpoints(self.sessions)
        self.jobs_are_sound()
        assert self.final.keys() == self.accepted
        with self.sessions.read() as session:
            needed = {
                *session.scalars(select(Dataset.blob_sha256)),
                *session.scalars(select(Model.artifact_sha256)),
            }
            assert set(session.scalars(select(Blob.sha256))) == needed

    def _read(self, job_id: str) -> Job:
        with self.sessions.read() as session:
            return session.get_one(Job, job_id)

    def _count(self, *conditions: Any) -> int:
        with self.sessions.read() as session:
            return session.scalar(select(func.count()).select_from(Job).where(*conditions)) or 0

    def _everything(self) -> list[Any]:
        with self.sessions.read() as session:
            tables = TableBase.metadata.sorted_tables
            return [
                session.execute(select(table).order_by(*table.primary_key.columns)).all() for table in tables
            ]


def beat(session: Session, claim: Claim) -> None:
    Jobs(session).heartbeat(*claim, lease_s=LEASE, stage="train", fraction=0.5)


def save_checkpoint(session: Session, claim: Claim, content: bytes = b"middle") -> None:
    """As ``worker.jobs.train`` does it."""
    jobs = Jobs(session)
    job = jobs.hold(*claim)
    if job is not None:
        before = job.checkpoint_sha256
        jobs.set_checkpoint(job, put_bytes(session, content))
        if before is not None and before != job.checkpoint_sha256:
            release_blob(session, before)


def finish(session: Session, claim: Claim) -> Job | None:
    """As ``worker.jobs.train`` does it: the artifact, the model, the verdict."""
    jobs = Jobs(session)
    job = jobs.hold(*claim)
    if job is None:
        return None
    if job.cancel_requested_at and not job.keep_best:
        return jobs.release(*claim)
    return store(session, claim, jobs.stop if job.cancel_requested_at else jobs.succeed)


def store(session: Session, claim: Claim, end: Callable[..., Job | None]) -> Job:
    session.info[CALLER_KEY] = LOCAL_CALLER
    model = TrainedModels(session).add(
        name="law",
        job_id=claim[0],
        dataset_id=None,
        task="regression",
        target="y",
        record={},
        symbolic=None,
        edges={},
        artifact_sha256=put_bytes(session, b"weights"),
    )
    job = end(*claim, model_id=model.id)
    if job is None:
        raise TooLate
    return job


def values(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in COLUMNS}


VERBS: tuple[Verb, ...] = (
    finish,
    save_checkpoint,
    beat,
    lambda session, claim: Jobs(session).release(*claim),
    lambda session, claim: Jobs(session).fail(*claim, code="c", detail="d"),
    lambda session, claim: Jobs(session).claim(claim[0], lease_s=LEASE),
    lambda session, _: Jobs(session).reap(max_attempts=MAX_ATTEMPTS),
)


@contextmanager
def crashing(engine: Engine, number: int) -> Iterator[None]:
    """The statement after so many is not sent any more."""
    left = iter(range(number))

    def count(*_: Any) -> None:
        if next(left, None) is None:
            raise Crash

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", count)


@pytest.mark.parametrize(("dialect", "examples"), [("sqlite", 12), ("postgres", 4)])
def test_no_sequence_of_verbs_breaks_a_promise(
    dialect: str, examples: int, request: pytest.FixtureRequest
) -> None:
    url, folder = request.getfixturevalue(f"{dialect}_url"), request.getfixturevalue("tmp_path")
    run_machine(JobLifecycle, url, folder, examples=examples, steps=40)
