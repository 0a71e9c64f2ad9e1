"""Whatever happens to the workers of a study, every training of it is done once, and the study ends."""

import os
import signal

import pytest

from service.db.repositories import Jobs
from service.db.repositories.subtasks import JobSubtasks
from service.db.tables import Job
from tests.faults.workers import Workers, pid_in
from tests.support.factories import make_job
from tests.support.servers import wait_until

STEPS = {"steps": "15", "step_s": "0.1"}
TRAININGS = 4


def submit(workers: Workers) -> str:
    """A study of trainings of a second and a half."""
    dataset_id = workers.add_dataset()
    request = {
        "kind": "study",
        "dataset_id": dataset_id,
        "target": "y",
        "max_seconds": 300,
        "tags": STEPS,
        "vary": {"seed": list(range(TRAININGS))},
    }
    return make_job(workers.sessions, kind="study", dataset_id=dataset_id, request=request).id


def trainings(workers: Workers, study_id: str) -> list[Job]:
    with workers.sessions.read() as session:
        return JobSubtasks(session, Jobs(session).get(study_id)).trainings()


def assert_all_done_once(workers: Workers, study_id: str) -> None:
    study = workers.wait_for_end(study_id)
    assert (study.status, study.result_format) == ("succeeded", "csv"), workers.output()
    jobs = trainings(workers, study_id)
    assert len(jobs) == TRAININGS
    for job in jobs:
        workers.assert_done_once(job.id)


@pytest.mark.thorough
def test_a_training_process_that_is_killed_costs_a_study_nothing_but_time(workers: Workers) -> None:
    workers.start(KAN_WORKER_SLOTS="2")
    study_id = submit(workers)
    os.kill(pid_in(workers.wait_for_note("start")), signal.SIGKILL)
    assert_all_done_once(workers, study_id)


@pytest.mark.thorough
def test_a_worker_that_is_killed_leaves_a_study_to_the_next_one(workers: Workers) -> None:
    worker = workers.start()
    study_id = submit(workers)
    workers.wait_for_note("start", times=2)
    worker.kill()
    worker.wait()
    workers.start()
    assert_all_done_once(workers, study_id)


@pytest.mark.thorough
def test_a_cancelled_study_stops_with_all_its_trainings(workers: Workers) -> None:
    workers.start(KAN_WORKER_SLOTS="2")
    study_id = submit(workers)
    workers.wait_for_note("start", times=2)
    with workers.sessions.begin() as session:
        Jobs(session).cancel(study_id)
    assert workers.wait_for_end(study_id).status == "cancelled"
    wait_until(lambda: {job.status for job in trainings(workers, study_id)} == {"cancelled"})
    assert workers.notes("end") == []
