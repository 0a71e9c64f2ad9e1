"""A pipeline that takes as long as a test wants, and says when it starts, saves, resumes and ends.

``tests.faults.slow_worker`` is the real worker around it. Steps and their length travel in the tags of
the job; the log file is named by ``KAN_TEST_NOTES``.
"""

import os
import signal
import time

import numpy as np
from celery import signals
from sqlalchemy.orm import Session

from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable
from tests.faults import points, troubles
from tests.faults.points import note
from tests.support.stored import bare_record
from worker import tasks
from worker.execution.attempt import Attempt, JobResult, StoredResult
from worker.execution.job_callbacks import JobCallbacks
from worker.execution.outcome import JobProgress, Outcome, SourceModel
from worker.jobs.train import make_training_handlers

MiB = 2**20
STEPS, STEP_S = 40, 0.1
RESUMED = 0.25  # of that, for the steps of a job that goes on: what was to happen to it has happened

signals.worker_process_init.disconnect(tasks._warm_up)  # nothing here needs torch, whose import takes seconds
points.arm()  # in the processes that train; the worker itself has done so before it imports this
troubles.arm()


def slow_pipeline(
    table: StoredTable, request: TrainRequest, job: JobCallbacks, revises: SourceModel | None
) -> Outcome:
    first = int(job.resume or b"0")
    steps, step_s = int(request.tags.get("steps", STEPS)), float(request.tags.get("step_s", STEP_S))
    if first:
        step_s *= RESUMED
    hoarded: list[np.ndarray] = []
    note(f"start {os.getpid()} at {first}")
    if "number" in request.tags:
        note(f"number {request.tags['number']} {os.getpid()}")
    if "publishes" in request.tags:
        job.report(JobProgress("slow", 0.0, "publishing"))
        assert job.publish is not None
        job.publish(outcome())
    while "deaf" in request.tags:
        time.sleep(step_s)
    for step in range(first, steps):
        job.report(JobProgress("slow", step / steps, f"step {step}"))
        if job.should_stop():
            return outcome(cut_by="slow")
        time.sleep(step_s)
        if "hoards" in request.tags:
            hoarded.append(np.ones(MiB))
        if "poison" in request.tags:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == 7:
            points.reach(points.TRAINING)
        if step % 5 == 4:
            job.checkpoint(str(step + 1).encode())
            note(f"saved {step + 1}")
    note(f"end {os.getpid()}")
    return outcome()


def outcome(cut_by: str | None = None) -> Outcome:
    return Outcome(
        artifact=b"weights", record=bare_record(), symbolic=None, edges={}, task="regression", cut_by=cut_by
    )


class Nothing:
    """What a prediction makes here."""

    def store(self, _: Session) -> StoredResult:
        return StoredResult()


def predict(_: Attempt) -> Nothing:
    note(f"predicted {os.getpid()}")
    return Nothing()


def study(attempt: Attempt) -> JobResult:
    from worker.jobs.study import run_study  # as late as the worker imports it

    return run_study(attempt)


WORKS = {**make_training_handlers(slow_pipeline), "predict": predict, "study": study}
tasks.find_handler = WORKS.__getitem__
