"""Following a job until it has ended, for requests that wait for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from service.api.live.job_watch import JobWatch
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.db.tables import JobStatus
from service.operations.jobs.queue_place import find_place
from service.operations.jobs.time_left import estimate_range
from service.schemas.jobs import JobOut

MAX_WAIT_S = 60  # proxies and clients end requests that take much longer


async def follow_job(
    job_id: str, sessions: Sessions, watch: JobWatch, *, within_s: float
) -> AsyncIterator[JobOut]:
    """Yield a job as it is now and after each of its events, until it has ended or the time is over.

    Raises:
        NotFound: There is no such job.
    """
    ends_at = time.monotonic() + within_s
    while True:
        job, number = await run_in_threadpool(_read_job, job_id, sessions)
        yield job
        left_s = ends_at - time.monotonic()
        if JobStatus(job.status).is_final or not await watch.wait_for_events(job_id, number, within_s=left_s):
            return


def _read_job(job_id: str, sessions: Sessions) -> tuple[JobOut, int]:
    """The job, and the number of its newest event (0 if it has none)."""
    with sessions.read() as session:
        jobs = Jobs(session)
        number = jobs.newest_events([job_id]).get(job_id, 0)
        row = jobs.get(job_id)
        job = JobOut.from_row(row)
        job.progress.eta_range = estimate_range(row, jobs)
        job.queue = find_place(row, session)
        return job, number
