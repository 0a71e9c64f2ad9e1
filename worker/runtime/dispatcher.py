"""The queue of one machine: claims queued jobs for the processes of this worker, as many as are free.

Publisher and consumer of ``memory://`` are one process, so what the broker holds is never more than
the jobs that were claimed a moment ago; if the process dies, their leases end.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from service.db.repositories import TrainingJobs
from service.db.repositories.jobs import adopted
from service.db.session import Sessions
from service.queue import kinds_in
from service.settings import Settings
from worker.execution.process_identity import this_process

log = logging.getLogger(__name__)

STUCK_AFTER_S = 30.0
ADOPTED_WITHIN_S = 120.0  # a process may still have to start, or to let go of a job that it lost


@dataclass
class Claim:
    """A job that a process of this worker has, or is about to have."""

    token: str
    claimed_at: float
    renewed_at: float
    is_taken: bool = False


class Dispatcher:
    """Keeps the processes busy.

    A job that was sent holds its slot while it runs under the token of its claim, or under the one
    that the process took in exchange. Until that exchange the lease is renewed from here.

    Args:
        send: Puts a job, by its kind, id and token, into a queue of this worker.
    """

    def __init__(self, sessions: Sessions, settings: Settings, send: Callable[[str, str, str], None]) -> None:
        self._sessions, self._settings, self._send = sessions, settings, send
        self._kinds = kinds_in(settings.queues)
        self._claims: dict[str, Claim] = {}

    def dispatch(self) -> None:
        """One round: forget what has ended, keep what is on its way, send what can start."""
        self._look()
        while len(self._claims) < self._settings.worker_slots and self._claim_next():
            pass

    @property
    def is_stuck(self) -> bool:
        """Whether a job was sent, and no process of this worker takes it up."""
        taken_by = time.monotonic() - STUCK_AFTER_S
        return any(not claim.is_taken and claim.claimed_at < taken_by for claim in self._claims.values())

    def close(self) -> None:
        """Give back the jobs that no process has taken up yet."""
        for job_id, claim in self._claims.items():
            with self._sessions.begin() as session:
                TrainingJobs(session).release(job_id, claim.token)

    def _look(self) -> None:
        if not self._claims:
            return
        with self._sessions.read() as session:
            tokens = TrainingJobs(session).claims(list(self._claims))
        for job_id, claim in list(self._claims.items()):
            if tokens.get(job_id) == claim.token:
                self._renew(job_id, claim)
            elif tokens.get(job_id) == adopted(claim.token):
                claim.is_taken = True
            else:
                del self._claims[job_id]

    def _renew(self, job_id: str, claim: Claim) -> None:
        now = time.monotonic()
        is_due = now - claim.renewed_at >= self._settings.heartbeat_s
        if is_due and now - claim.claimed_at < ADOPTED_WITHIN_S:
            claim.renewed_at = now
            with self._sessions.begin() as session:
                TrainingJobs(session).heartbeat(job_id, claim.token, lease_s=self._settings.lease_s)

    def _claim_next(self) -> bool:
        if not self._is_anything_queued():
            return False
        with self._sessions.begin() as session:
            job = TrainingJobs(session).claim_next(
                kinds=self._kinds, lease_s=self._settings.lease_s, holder=this_process()
            )
        if job is None or job.token is None:
            return False
        log.info("job claimed", extra={"job_id": job.id, "attempt": job.attempt})
        now = time.monotonic()
        self._claims[job.id] = Claim(job.token, claimed_at=now, renewed_at=now)
        self._send(job.kind, job.id, job.token)
        return True

    def _is_anything_queued(self) -> bool:
        """Asked by reading, so that an idle worker does not take SQLite's write lock ten times a second."""
        with self._sessions.read() as session:
            return TrainingJobs(session).is_any_queued(self._kinds)
