"""A job that takes more than it may is ended, whatever it is at, and nothing else is harmed."""

import time

import pytest

from service.db.repositories import Jobs
from tests.faults.workers import ON_ONE_MACHINE_IN_EVERY_RUN, Workers

MiB = 2**20
QUEUED, RUNNING = ("queued", None), ("running", None)
FOR_EVER = "1000000"
LONG = "600"  # seconds: nothing here waits for a lease


@ON_ONE_MACHINE_IN_EVERY_RUN
def test_a_job_that_takes_too_much_memory_fails_at_once_and_alone(workers: Workers) -> None:
    workers.start(KAN_LEASE_S=LONG, KAN_WORKER_SLOTS="2", KAN_MAX_MEMORY_BYTES=str(256 * MiB))
    beside = workers.submit(steps="10")
    job = workers.wait_for_end(workers.submit(hoards="", steps=FOR_EVER, step_s="0.02"))
    assert (job.status, job.error_code, job.attempt) == ("failed", "out_of_memory", 1)
    assert "a job may use 0.25 GiB" in (job.error_detail or "")
    workers.assert_done_once(beside)
    workers.assert_done_once(workers.submit(steps="1"))


@pytest.mark.thorough
def test_a_job_that_does_not_ask_for_the_time_ends_with_its_best_model_so_far(workers: Workers) -> None:
    workers.start(KAN_LEASE_S=LONG)
    job_id = workers.submit(publishes="", deaf="", max_seconds="2")
    workers.wait_for_note("start")
    began = time.monotonic()
    job = workers.wait_for_end(job_id)
    assert time.monotonic() - began < 40  # 14 seconds, and what a busy machine takes
    assert (job.status, job.cut_by, job.attempt) == ("succeeded", "slow", 1)
    assert job.model_id is not None
    workers.assert_done_once(workers.submit(steps="1"))


@pytest.mark.thorough
def test_a_job_that_does_not_notice_its_cancellation_is_ended(workers: Workers) -> None:
    workers.start(KAN_LEASE_S=LONG)
    job_id = workers.submit(deaf="")
    workers.wait_for_note("start")
    with workers.sessions.begin() as session:
        Jobs(session).cancel(job_id)
    assert workers.wait_for_end(job_id).status == "cancelled"
    workers.assert_done_once(workers.submit(steps="1"))
