"""The trace of a job's search, from its steps to the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kan_engine.formulas.trace import TIME_LIMIT, SearchTrace, TraceStep
from service.db.repositories import Jobs
from service.db.tables import Job, JobStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class SearchRecorder:
    """Collects the steps of a search; the heartbeat may store them while the search goes on."""

    def __init__(self) -> None:
        self.steps: list[TraceStep] = []
        self._ended: str | None = None

    def record_step(self, step: TraceStep) -> None:
        """Add a step that has ended."""
        self.steps.append(step)

    def record_end(self, reason: str) -> None:
        """Record why the search ended."""
        self._ended = reason

    def store(self, session: Session, job: Job | None) -> None:
        """Store the trace with a job that the transaction has locked, in place of that of an earlier attempt.

        An attempt without steps changes nothing: it resumed after the search. Nor does an attempt whose
        search goes on in the next one.

        Args:
            session: The transaction.
            job: The job as it has ended, or at its checkpoint; None stores nothing.
        """
        if job is None or not self.steps or (self._ended is None and not JobStatus(job.status).is_final):
            return
        trace = SearchTrace(tuple(self.steps), self._describe_end(job))
        Jobs(session).set_trace(job, trace.to_dict())

    def _describe_end(self, job: Job) -> str:
        """Why the search ended; the search itself does not know what stopped it."""
        if self._ended is not None and self._ended != TIME_LIMIT:
            return self._ended
        if job.cancel_requested_at is not None:
            return "the client stopped the job"
        if self._ended is None and job.error_code not in (None, "time_limit"):
            return f"the job failed: {job.error_code}"
        return TIME_LIMIT
