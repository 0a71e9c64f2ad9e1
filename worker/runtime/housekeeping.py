"""Periodic tasks of a worker: requeue lost jobs, republish messages, delete data of finished jobs."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from service.db.repositories import Jobs, Workers
from service.db.repositories.subtasks import list_orphans
from service.db.session import Sessions
from service.db.tables import new_id
from service.queue import TaskQueue
from service.settings import Settings
from service.storage.blobs import release_blob
from worker.execution.process_identity import find_ended
from worker.runtime.limits import RuntimeLimits

log = logging.getLogger(__name__)


@dataclass
class PeriodicTask:
    """A task to run every ``every_s`` seconds."""

    every_s: float
    do: Callable[[], None]
    due_at: float = 0.0


class HousekeepingThread(threading.Thread):
    """Runs periodic tasks until it is stopped. A failing task is retried and does not delay the others."""

    def __init__(self, chores: Sequence[PeriodicTask], *, pause_s: float, limits: RuntimeLimits) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._chores, self._pause_s, self._limits = chores, pause_s, limits
        self._stopped = threading.Event()

    def run(self) -> None:
        """Run due tasks until the thread is stopped."""
        while not self._stopped.wait(self._pause_s):
            for chore in self._chores:
                if time.monotonic() >= chore.due_at and not self._stopped.is_set():
                    chore.due_at = time.monotonic() + _run_task(chore, self._limits)

    def stop(self) -> None:
        """Stop the thread after its current task, and wait for it."""
        self._stopped.set()
        self.join()


def _run_task(chore: PeriodicTask, limits: RuntimeLimits) -> float:
    """Run a task, and return the pause after it in seconds."""
    try:
        chore.do()
    except SQLAlchemyError as error:
        log.warning("database failed", extra={"reason": str(error).splitlines()[0]})
    except Exception:
        log.exception("chore failed")
    else:
        return chore.every_s
    return max(chore.every_s, limits.pause_after_failure_s)


class WorkerRegistration:
    """This worker's row in the database, which the readiness check counts."""

    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self._sessions, self._slots = sessions, settings.worker_slots
        self._id = new_id()

    def report(self) -> None:
        """Record that the worker is alive."""
        with self._sessions.begin() as session:
            Workers(session).report(self._id, host=socket.gethostname(), pid=os.getpid(), slots=self._slots)

    def withdraw(self) -> None:
        """Remove the worker's row."""
        with self._sessions.begin() as session:
            Workers(session).remove(self._id)


def requeue_lost_jobs(sessions: Sessions, settings: Settings) -> None:
    """Take jobs away from processes that have ended or no longer send heartbeats."""
    with sessions.begin() as session:
        jobs = Jobs(session)
        lost_jobs = jobs.reap(max_attempts=settings.max_attempts, gone=find_ended(jobs.holders()))
    for job in lost_jobs:
        log.warning("job taken from a lost worker", extra={"job_id": job.id, "status": str(job.status)})


def republish_jobs(sessions: Sessions, queue: TaskQueue, *, republish_after_s: float = 60.0) -> None:
    """Publish messages for queued jobs that have none, as far as the database shows.

    Args:
        republish_after_s: Age of a message before it is repeated; a shorter time floods the queue with
            messages about jobs that wait their turn.
    """
    with sessions.read() as session:
        silent = Jobs(session).list_unpublished(again_after_s=republish_after_s)
    for job_id, kind in silent:
        if not queue.notify(job_id, kind):
            return
        with sessions.begin() as session:
            Jobs(session).set_published(job_id)


def delete_finished_subtasks(sessions: Sessions) -> None:
    """Delete the subtasks of ended jobs, with their results."""
    with sessions.begin() as session:
        jobs = Jobs(session)
        for part in list_orphans(session):
            blobs = jobs.list_blobs(part)
            jobs.delete(part)
            for sha256 in blobs:
                release_blob(session, sha256)


def delete_finished_checkpoints(sessions: Sessions) -> None:
    """Delete the checkpoints of finished jobs."""
    with sessions.begin() as session:
        jobs = Jobs(session)
        for job in jobs.list_with_stale_checkpoint():
            sha256 = job.checkpoint_sha256
            jobs.set_checkpoint(job, None)
            if sha256 is not None:
                release_blob(session, sha256)
