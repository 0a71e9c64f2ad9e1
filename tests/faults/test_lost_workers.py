"""Whatever happens to its worker, a job is done, and done once: on one machine and on many."""

import os
import signal
import time

import pytest

from service.db.repositories import Jobs
from tests.faults.deployment import idle_processes, training_processes
from tests.faults.workers import ON_ONE_MACHINE_IN_EVERY_RUN, START_TIMEOUT_S, Workers, pid_in
from tests.support.servers import wait_until

QUEUED, RUNNING, SUCCEEDED = ("queued", None), ("running", None), ("succeeded", None)
LONG = "600"  # seconds, more than any test waits
LOST, GIVEN_BACK = ("queued", "worker_lost"), ("queued", "worker_stopped")


@ON_ONE_MACHINE_IN_EVERY_RUN
def test_a_killed_process_costs_no_finished_step(workers: Workers) -> None:
    workers.start()
    job_id = workers.submit()
    child = pid_in(workers.wait_for_note("start"))
    workers.wait_for_note("saved 10")
    os.kill(child, signal.SIGKILL)
    workers.assert_one_success(job_id, QUEUED, RUNNING, LOST, RUNNING, SUCCEEDED)
    first, second = workers.notes("start")
    assert (first.endswith("at 0"), second.endswith("at 0")) == (True, False)
    assert pid_in(first) != pid_in(second)
    assert len(workers.notes("end")) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("stops_first", [False, True])
def test_a_process_that_is_killed_while_it_waits_costs_nothing(
    workers: Workers, slots: int, stops_first: bool
) -> None:
    """Also one that has a message in its pipe, and has not read it yet."""
    worker = workers.start(KAN_WORKER_SLOTS=str(slots), KAN_LEASE_S=LONG)
    for _ in range(2):
        wait_until(lambda: len(idle_processes(worker.pid)) == slots, timeout_s=START_TIMEOUT_S)
        processes, jobs = training_processes(worker.pid), []
        if stops_first:
            signal_to(processes, signal.SIGSTOP)
            jobs = [workers.submit(steps="1") for _ in range(slots)]
            time.sleep(1)
        signal_to(processes, signal.SIGKILL)
        jobs += [workers.submit(steps="1") for _ in range(slots + 1)]
        for job_id in jobs:
            workers.assert_one_success(job_id, QUEUED, RUNNING, SUCCEEDED)


@ON_ONE_MACHINE_IN_EVERY_RUN
def test_a_killed_worker_leaves_its_job_to_the_next_one(workers: Workers) -> None:
    worker = workers.start()
    job_id = workers.submit()
    child = pid_in(workers.wait_for_note("start"))
    workers.wait_for_note("saved 5")
    worker.kill()
    worker.wait()
    wait_until(lambda: not is_running(child))
    workers.start()
    workers.assert_one_success(job_id, QUEUED, RUNNING, LOST, RUNNING, SUCCEEDED)


@pytest.mark.thorough
def test_a_process_that_is_gone_is_seen_on_its_machine_before_the_lease_ends(workers: Workers) -> None:
    workers.start(KAN_LEASE_S=LONG)
    job_id = workers.submit()
    child = pid_in(workers.wait_for_note("start"))
    os.kill(child, signal.SIGKILL)
    workers.assert_one_success(job_id, QUEUED, RUNNING, LOST, RUNNING, SUCCEEDED)


@pytest.mark.thorough
def test_a_worker_that_starts_again_takes_up_its_job_before_the_lease_ends(workers: Workers) -> None:
    worker = workers.start(machine="restarted", KAN_LEASE_S=LONG)
    job_id = workers.submit()
    workers.wait_for_note("start")
    worker.kill()
    worker.wait()
    workers.start(machine="restarted", KAN_LEASE_S=LONG)
    workers.assert_one_success(job_id, QUEUED, RUNNING, LOST, RUNNING, SUCCEEDED)


@ON_ONE_MACHINE_IN_EVERY_RUN
def test_a_stopping_worker_gives_its_job_back_at_once_and_for_nothing(workers: Workers) -> None:
    worker = workers.start()
    job_id = workers.submit()
    workers.wait_for_note("start")
    workers.wait_for_note("saved 5")
    worker.terminate()
    began = time.monotonic()
    assert worker.wait(timeout=30) == 0
    assert time.monotonic() - began < 10
    assert (workers.read(job_id).status, workers.read(job_id).attempt) == ("queued", 0)
    workers.start()
    workers.assert_one_success(job_id, QUEUED, RUNNING, GIVEN_BACK, RUNNING, SUCCEEDED)
    assert not workers.notes("start")[1].endswith("at 0")


@pytest.mark.thorough
def test_a_process_that_slept_past_its_lease_cannot_write_any_more(workers: Workers) -> None:
    workers.start()
    job_id = workers.submit()
    child = pid_in(workers.wait_for_note("start"))
    workers.wait_for_note("saved 5")
    os.kill(child, signal.SIGSTOP)
    wait_until(lambda: LOST in [(e.data.get("status"), e.data.get("reason")) for e in workers.events(job_id)])
    os.kill(child, signal.SIGCONT)
    workers.assert_one_success(job_id, QUEUED, RUNNING, LOST, RUNNING, SUCCEEDED)
    assert len(workers.notes("end")) == 1


@ON_ONE_MACHINE_IN_EVERY_RUN
def test_a_cancelled_job_stops_and_the_worker_goes_on(workers: Workers) -> None:
    workers.start()
    job_id, next_id = workers.submit(steps="3000"), workers.submit(steps="1")
    workers.wait_for_note("start")
    with workers.sessions.begin() as session:
        Jobs(session).cancel(job_id)
    began = time.monotonic()
    assert workers.wait_for_end(job_id).status == "cancelled"
    assert time.monotonic() - began < 10
    assert workers.wait_for_end(next_id).status == "succeeded"


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def signal_to(processes: list[int], number: int) -> None:
    for pid in processes:
        os.kill(pid, number)
