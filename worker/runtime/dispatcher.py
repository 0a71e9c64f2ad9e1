"""The dispatcher of a worker without a broker, and of the process for short jobs of any worker.

It claims as many queued jobs as processes are free. One process is both publisher and consumer of
``memory://``, so the broker holds only jobs that were just claimed. If the process dies, their leases expire.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from service.db.repositories import Jobs
from service.db.repositories.jobs import derive_token
from service.db.session import Sessions
from service.queue import list_kinds
from service.settings import Settings
from worker.execution.process_identity import current_holder
from worker.runtime.limits import RuntimeLimits

log = logging.getLogger(__name__)


@dataclass
class Claim:
    """A job that was sent to a process of this worker; ``is_taken`` once the process has adopted it."""

    token: str
    claimed_at: float
    renewed_at: float
    is_taken: bool = False


class Dispatcher:
    """Claims jobs and sends them to free processes.

    A job occupies a slot while it has the token of the dispatcher's claim, or the token by which the process
    replaced it on adoption. Until the adoption the dispatcher renews the lease.

    Args:
        send: Sends a job, by its kind, id and token, to a process of this worker.
        limits: Times for a process to adopt a job.
        slots: Number of processes; by default that of the settings.
        max_seconds: Estimated time of the jobs to claim; None for any job.
    """

    def __init__(
        self,
        sessions: Sessions,
        settings: Settings,
        send: Callable[[str, str, str], None],
        limits: RuntimeLimits,
        *,
        slots: int | None = None,
        max_seconds: float | None = None,
    ) -> None:
        self._sessions, self._settings, self._send, self._limits = sessions, settings, send, limits
        self._slots, self._max_seconds = slots or settings.worker_slots, max_seconds
        self._kinds = list_kinds(settings.queues)
        self._claims: dict[str, Claim] = {}

    def dispatch(self) -> None:
        """Run one round: drop ended jobs, renew jobs that are not adopted yet, and send new jobs."""
        self._update_claims()
        while len(self._claims) < self._slots and self._claim_next():
            pass

    @property
    def is_stuck(self) -> bool:
        """Whether a job was sent but no process has adopted it within ``stuck_after_s``."""
        taken_by = time.monotonic() - self._limits.stuck_after_s
        return any(not claim.is_taken and claim.claimed_at < taken_by for claim in self._claims.values())

    def close(self) -> None:
        """Release the jobs that no process has adopted."""
        for job_id, claim in self._claims.items():
            with self._sessions.begin() as session:
                Jobs(session).release(job_id, claim.token)

    def _update_claims(self) -> None:
        if not self._claims:
            return
        with self._sessions.read() as session:
            tokens = Jobs(session).get_tokens(list(self._claims))
        for job_id, claim in list(self._claims.items()):
            if tokens.get(job_id) == claim.token:
                self._renew_if_due(job_id, claim)
            elif tokens.get(job_id) == derive_token(claim.token):
                claim.is_taken = True
            else:
                del self._claims[job_id]

    def _renew_if_due(self, job_id: str, claim: Claim) -> None:
        now = time.monotonic()
        is_due = now - claim.renewed_at >= self._settings.heartbeat_s
        if is_due and now - claim.claimed_at < self._limits.adoption_timeout_s:
            claim.renewed_at = now
            with self._sessions.begin() as session:
                Jobs(session).heartbeat(job_id, claim.token, lease_s=self._settings.lease_s)

    def _claim_next(self) -> bool:
        if not self._is_anything_queued():
            return False
        with self._sessions.begin() as session:
            job = Jobs(session).claim_next(
                kinds=self._kinds,
                lease_s=self._settings.lease_s,
                holder=current_holder(),
                max_seconds=self._max_seconds,
            )
        if job is None or job.token is None:
            return False
        log.info("job claimed", extra={"job_id": job.id, "attempt": job.attempt})
        now = time.monotonic()
        self._claims[job.id] = Claim(job.token, claimed_at=now, renewed_at=now)
        self._send(job.kind, job.id, job.token)
        return True

    def _is_anything_queued(self) -> bool:
        """Check with a read, so that an idle worker does not take SQLite's write lock ten times a second."""
        with self._sessions.read() as session:
            return Jobs(session).is_any_queued(self._kinds, self._max_seconds)
