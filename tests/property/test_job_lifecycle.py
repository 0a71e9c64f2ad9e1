"""No sequence of verbs, timely or late, leaves a final state or gives a job two results."""

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine, update

from service.db.repositories import TrainingJobs
from service.db.session import clock, make_engine, make_sessions
from service.db.tables import Job, JobStatus, Table
from service.errors import Conflict
from service.settings import Settings
from service.storage import put_bytes
from tests.factories import make_job

LEASE = 60.0
MAX_ATTEMPTS = 3


class JobLifecycle(RuleBasedStateMachine):
    """Clients, dispatchers, workers (dead ones too) and reapers act on jobs in any order.

    ``tokens`` holds every token that was ever given out: most of them are stale when they are used.
    """

    jobs = Bundle("jobs")
    tokens = Bundle("tokens")
    engine: Engine

    @initialize()
    def empty_database(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.engine = make_engine(Settings(data_dir=Path(self.folder.name)))
        Table.metadata.create_all(self.engine)
        self.sessions = make_sessions(self.engine)
        self.final: dict[str, tuple[str, str | None]] = {}
        self.successes: dict[str, int] = {}
        self.cancel_accepted: set[str] = set()

    @rule(target=jobs)
    def submit(self) -> str:
        return make_job(self.sessions).id

    @rule(target=tokens, job_id=jobs)
    def claim(self, job_id: str) -> tuple[str, str]:
        with self.sessions.begin() as session:
            job = TrainingJobs(session).claim(job_id, lease_s=LEASE)
        return job_id, (job and job.token) or "none"

    @rule(target=tokens)
    def claim_next(self) -> tuple[str, str]:
        with self.sessions.begin() as session:
            job = TrainingJobs(session).claim_next(kinds=("train",), lease_s=LEASE)
        return (job.id, job.token or "none") if job else ("none", "none")

    @rule(target=tokens, claim=tokens)
    def adopt(self, claim: tuple[str, str]) -> tuple[str, str]:
        with self.sessions.begin() as session:
            job = TrainingJobs(session).adopt(*claim, lease_s=LEASE)
        return claim[0], (job and job.token) or "none"

    @rule(claim=tokens)
    def beat(self, claim: tuple[str, str]) -> None:
        with self.sessions.begin() as session:
            TrainingJobs(session).heartbeat(*claim, lease_s=LEASE, stage="train", fraction=0.5)

    @rule(claim=tokens, content=st.binary(min_size=1, max_size=2))
    def save_checkpoint(self, claim: tuple[str, str], content: bytes) -> None:
        with self.sessions.begin() as session:
            job = TrainingJobs(session).hold(*claim)
            if job is not None:
                TrainingJobs(session).set_checkpoint(job, put_bytes(session, content))

    @rule(claim=tokens)
    def release(self, claim: tuple[str, str]) -> None:
        with self.sessions.begin() as session:
            TrainingJobs(session).release(*claim)

    @rule(claim=tokens)
    def succeed(self, claim: tuple[str, str]) -> None:
        with self.sessions.begin() as session:
            job = TrainingJobs(session).succeed(*claim, model_id=f"model of {claim[1]}")
        if job is not None:
            self.successes[job.id] = self.successes.get(job.id, 0) + 1
            assert job.id not in self.cancel_accepted

    @rule(claim=tokens)
    def fail(self, claim: tuple[str, str]) -> None:
        with self.sessions.begin() as session:
            TrainingJobs(session).fail(*claim, code="invalid_data", detail="odd")

    @rule(claim=tokens)
    def stop(self, claim: tuple[str, str]) -> None:
        with self.sessions.begin() as session:
            TrainingJobs(session).stop(*claim)

    @rule(job_id=jobs, keep_best=st.booleans())
    def cancel(self, job_id: str, keep_best: bool) -> None:
        try:
            with self.sessions.begin() as session:
                TrainingJobs(session).cancel(job_id, keep_best=keep_best)
        except Conflict:
            assert job_id in self.final
        else:
            self.cancel_accepted.add(job_id)

    @rule(job_id=jobs)
    def lose_worker(self, job_id: str) -> None:
        with self.sessions.begin() as session:
            past = clock(session) - timedelta(seconds=1)
            running = (Job.id == job_id, Job.status == JobStatus.RUNNING)
            session.execute(update(Job).where(*running).values(lease_until=past))

    @rule()
    def reap(self) -> None:
        with self.sessions.begin() as session:
            TrainingJobs(session).reap(max_attempts=MAX_ATTEMPTS)

    @invariant()
    def jobs_are_sound(self) -> None:
        if not hasattr(self, "sessions"):
            return
        with self.sessions.read() as session:
            for job in session.query(Job):
                status = JobStatus(job.status)
                if job.id in self.final:
                    assert (job.status, job.model_id) == self.final[job.id]
                elif status.is_final:
                    self.final[job.id] = (job.status, job.model_id)
                assert (
                    (status is JobStatus.RUNNING) == (job.token is not None) == (job.lease_until is not None)
                )
                assert status.is_final == (job.finished_at is not None)
                assert (status is JobStatus.SUCCEEDED) == (self.successes.get(job.id, 0) == 1)
                assert 0 <= job.attempt <= MAX_ATTEMPTS
                self._check_events(TrainingJobs(session), job)

    def _check_events(self, jobs: TrainingJobs, job: Job) -> None:
        events = jobs.events(job.id, limit=1000)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert events[-1].data["status"] == job.status
        assert not any(JobStatus(event.data["status"]).is_final for event in events[:-1])

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.engine.dispose()
            self.folder.cleanup()


TestJobLifecycle = JobLifecycle.TestCase
TestJobLifecycle.settings = hypothesis_settings(max_examples=25, stateful_step_count=30, deadline=None)
