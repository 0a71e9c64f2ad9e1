"""Jobs and their parts: no sequence of verbs lets a job wait for nothing, or a part work for nobody."""

from collections.abc import Callable
from contextlib import suppress
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
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from service.db.repositories import Jobs
from service.db.repositories.subtasks import JobSubtasks
from service.db.session import clock, make_sessions
from service.db.tables import SUBTASK_KIND, Blob, Job, JobStatus
from service.errors import Conflict, NotFound
from service.storage.blobs import put_bytes
from tests.support.factories import make_job
from tests.support.state_machines import Claim, claim_of, empty, run_machine
from worker.runtime.housekeeping import delete_finished_subtasks

LEASE = 60.0
MAX_ATTEMPTS = 3
UNFINISHED = ("queued", "running")
KEYS = st.sampled_from(["law", "folds", "network"])


class JobFamilies(RuleBasedStateMachine):
    """Workers that hold jobs offer parts, wait for them, or end; others do the parts, or die."""

    claims = Bundle("claims")

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.sessions = make_sessions(engine)
        self.final: dict[str, str] = {}

    @initialize()
    def empty_database(self) -> None:
        empty(self.sessions)

    @rule(target=claims)
    def submit_and_claim(self) -> Any:
        return self._claimed(make_job(self.sessions).id)

    @rule(target=claims)
    def claim_next(self) -> Any:
        with self.sessions.begin() as session:
            return claim_of(Jobs(session).claim_next(kinds=("train", SUBTASK_KIND), lease_s=LEASE))

    @rule(target=claims, claim=claims, key=KEYS)
    def offer_and_claim(self, claim: Claim, key: str) -> Any:
        """Another worker takes the part at once, so that most of them are at work."""
        part_id = self._held(claim, lambda session, job: offer(session, job, key))
        return multiple() if part_id is None else self._claimed(part_id)

    @rule(target=claims, claim=claims, key=KEYS)
    def wait_for_a_part(self, claim: Claim, key: str) -> Any:
        part = self.offer_and_claim(claim, key)
        if isinstance(part, tuple):
            self.wait(claim, {key})
        return part

    @rule(claim=claims, key=KEYS)
    def offer(self, claim: Claim, key: str) -> None:
        self._held(claim, lambda session, job: offer(session, job, key))

    @rule(claim=claims, key=KEYS)
    def withdraw(self, claim: Claim, key: str) -> None:
        self._held(claim, lambda session, job: JobSubtasks(session, job).withdraw(key))

    @rule(claim=claims, key=KEYS)
    def record(self, claim: Claim, key: str) -> None:
        def record(session: Session, job: Job) -> None:
            if key not in {part.request_sha256 for part in JobSubtasks(session, job).all()}:
                JobSubtasks(session, job).record(key, {}, put_bytes(session, b"found"))

        self._held(claim, record)

    @rule(claim=claims, keys=st.sets(KEYS))
    def wait(self, claim: Claim, keys: set[str]) -> None:
        def wait(session: Session, job: Job) -> None:
            for key in keys:
                JobSubtasks(session, job).wait_for(key)
            assert Jobs(session).wait(*claim, message="") is not None

        if not self._is_part(claim[0]):
            self._held(claim, wait)

    @rule(claim=claims)
    def succeed(self, claim: Claim) -> None:
        def succeed(session: Session, job: Job) -> None:
            if job.cancel_requested_at is None:
                Jobs(session).succeed(*claim, result_sha256=put_bytes(session, b"result"))
            else:
                Jobs(session).release(*claim)

        self._held(claim, succeed)

    @rule(claim=claims)
    def fail(self, claim: Claim) -> None:
        with self.sessions.begin() as session:
            Jobs(session).fail(*claim, code="invalid_data", detail="odd")

    @rule(claim=claims)
    def drain(self, claim: Claim) -> None:
        with self.sessions.begin() as session:
            Jobs(session).release(*claim)

    @rule(claim=claims, keep_best=st.booleans())
    def cancel(self, claim: Claim, keep_best: bool) -> None:
        with suppress(Conflict, NotFound), self.sessions.begin() as session:
            Jobs(session).cancel(claim[0], keep_best=keep_best)

    @rule(claim=claims)
    def lose_worker(self, claim: Claim) -> None:
        with self.sessions.begin() as session:
            past = clock(session) - timedelta(seconds=1)
            held = Job.id == claim[0], Job.token.is_not(None)
            session.execute(update(Job).where(*held).values(lease_until=past))
            Jobs(session).reap(max_attempts=MAX_ATTEMPTS)

    @rule()
    def clean_up(self) -> None:
        delete_finished_subtasks(self.sessions)

    @invariant()
    def families_are_sound(self) -> None:
        with self.sessions.read() as session:
            jobs = {job.id: job for job in session.scalars(select(Job))}
        for job in jobs.values():
            parts = [part for part in jobs.values() if part.parent_id == job.id]
            self._check(job, [part for part in parts if part.status in UNFINISHED])

    def _check(self, job: Job, unfinished: list[Job]) -> None:
        status = JobStatus(job.status)
        if status.is_final:
            assert self.final.setdefault(job.id, status) == status
        assert (job.id in self.final) == status.is_final == (job.finished_at is not None)
        assert (job.token is None) == (job.lease_until is None)
        assert job.token is None or status is JobStatus.RUNNING
        assert 0 <= job.attempt <= MAX_ATTEMPTS
        if status is JobStatus.RUNNING and job.token is None:
            is_stopping = job.cancel_requested_at is not None
            assert any(part.is_awaited or is_stopping for part in unfinished)
        if status.is_final or job.cancel_requested_at is not None:
            assert all(part.status == "running" for part in unfinished if part.parent_id in self.final)
            assert all(part.cancel_requested_at is not None for part in unfinished if status.is_final)

    def teardown(self) -> None:
        """Every job can still be ended, and then nothing of its parts is left."""
        with self.sessions.begin() as session:
            session.execute(update(Job).where(Job.token.is_not(None)).values(lease_until=clock(session)))
        with self.sessions.begin() as session:
            Jobs(session).reap(max_attempts=MAX_ATTEMPTS)
        while isinstance(claim := self.claim_next(), tuple):
            self.succeed(claim)
        self.families_are_sound()
        delete_finished_subtasks(self.sessions)
        with self.sessions.read() as session:
            left = session.scalars(select(Job)).all()
            assert all(job.kind == "train" and JobStatus(job.status).is_final for job in left)
            named = {job.result_sha256 for job in left} - {None}
            assert session.scalar(select(func.count()).select_from(Blob)) == len(named)

    def _claimed(self, job_id: str) -> Any:
        with self.sessions.begin() as session:
            return claim_of(Jobs(session).claim(job_id, lease_s=LEASE))

    def _held(self, claim: Claim, verb: Callable[[Session, Job], Any]) -> Any:
        """Do it if the token is still good."""
        with self.sessions.begin() as session:
            job = Jobs(session).hold(*claim)
            return None if job is None else verb(session, job)

    def _is_part(self, job_id: str) -> bool:
        with self.sessions.read() as session:
            return session.scalar(select(Job.kind).where(Job.id == job_id)) == SUBTASK_KIND


def offer(session: Session, job: Job, key: str) -> str | None:
    """Only a job has parts, and each once."""
    parts = JobSubtasks(session, job)
    if job.kind == SUBTASK_KIND or key in {part.request_sha256 for part in parts.all()}:
        return None
    return parts.offer({key: {}})[0].id


@pytest.mark.parametrize(("dialect", "examples"), [("sqlite", 12), ("postgres", 4)])
def test_no_sequence_of_verbs_leaves_a_job_waiting_for_nothing(
    dialect: str, examples: int, request: pytest.FixtureRequest
) -> None:
    url, folder = request.getfixturevalue(f"{dialect}_url"), request.getfixturevalue("tmp_path")
    run_machine(JobFamilies, url, folder, examples=examples, steps=30)
