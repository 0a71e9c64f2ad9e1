"""A pipeline that takes as long as a test wants, and says when it starts, saves, resumes and ends.

``tests.faults.slow_worker`` is the real worker around it. Steps and their length travel in the tags of
the job; the log file is named by ``KAN_TEST_NOTES``.
"""

import os
import signal
import time
from collections.abc import Callable

from celery import shared_task
from sqlalchemy.orm import Session

from service.queue import JOB_TASK
from service.schemas.training import TrainRequest
from service.tables import Table
from tests.faults import points, troubles
from tests.faults.points import note
from worker.attempt import Attempt, Kept
from worker.lifecycle import run_job
from worker.outcome import Outcome, Progress, Revised
from worker.parts import Parts
from worker.process import ring, sessions, settings, until_terminated
from worker.study import do_study
from worker.training import training_works

STEPS, STEP_S = 40, 0.1

points.arm()  # in the processes that train; the worker itself has done so before it imports this
troubles.arm()


@shared_task(name=JOB_TASK)
def work(job_id: str, token: str | None = None) -> None:
    with until_terminated() as termination:
        run_job(job_id, token, sessions(), settings(), works=WORKS, termination=termination, ring=ring)


def slow_pipeline(
    table: Table,
    request: TrainRequest,
    *,
    report: Callable[[Progress], None],
    should_stop: Callable[[], bool],
    resume: bytes | None,
    checkpoint: Callable[[bytes], None],
    revises: Revised | None,
    parts: Parts,
) -> Outcome:
    first = int(resume or b"0")
    steps, step_s = int(request.tags.get("steps", STEPS)), float(request.tags.get("step_s", STEP_S))
    note(f"start {os.getpid()} at {first}")
    if "number" in request.tags:
        note(f"number {request.tags['number']} {os.getpid()}")
    for step in range(first, steps):
        report(Progress("slow", step / steps, f"step {step}"))
        if should_stop():
            return outcome(cut_by="slow")
        time.sleep(step_s)
        if "poison" in request.tags:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == 7:
            points.reach(points.TRAINING)
        if step % 5 == 4:
            checkpoint(str(step + 1).encode())
            note(f"saved {step + 1}")
    note(f"end {os.getpid()}")
    return outcome()


def outcome(cut_by: str | None = None) -> Outcome:
    record = {"metrics": {}, "network": {"parameters": 0}}
    return Outcome(
        artifact=b"weights", record=record, symbolic=None, edges={}, task="regression", cut_by=cut_by
    )


class Nothing:
    """What a prediction makes here."""

    def keep(self, _: Session) -> Kept:
        return Kept()


def predict(_: Attempt) -> Nothing:
    note(f"predicted {os.getpid()}")
    return Nothing()


WORKS = {**training_works(slow_pipeline), "predict": predict, "study": do_study}
