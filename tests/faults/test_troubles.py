"""Other troubles than sudden death: sleep, echoes, poison, full disks, refused writes, jumping clocks."""

import io
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString, cast

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from service.queue import EMBEDDED_BROKER_URL, make_queue
from tests.faults.conftest import LEASE_S
from tests.faults.deployment import MANY_MACHINES, ONE_MACHINE, deployed
from tests.faults.workers import Workers, pid_in
from tests.support.servers import libpq_url

LOST = ("queued", "worker_lost")
NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
pytestmark = pytest.mark.thorough


def test_a_worker_that_slept_past_its_lease_writes_nothing_any_more(workers: Workers) -> None:
    sleeper = workers.start()
    job_id = workers.submit()
    workers.wait_for_note("saved 5")
    os.killpg(sleeper.pid, signal.SIGSTOP)
    workers.start()
    workers.wait_for_note("start", times=2)
    os.killpg(sleeper.pid, signal.SIGCONT)
    workers.assert_done_once(job_id)
    assert workers.statuses(job_id).count(LOST) == 1
    assert len(workers.notes("end")) == 1
    workers.assert_nothing_lies_about()


def test_a_message_that_comes_five_times_is_one_job(workers: Workers) -> None:
    for _ in range(2):
        workers.start(KAN_TEST_SEND_TIMES="5")
    first, second = workers.submit(steps="5"), workers.submit(steps="5")
    if workers.settings.broker_url != EMBEDDED_BROKER_URL:
        queue = make_queue(workers.settings)
        assert all(queue.notify(job_id, "train") for job_id in (first, second) for _ in range(5))
    for job_id in (first, second):
        workers.assert_one_success(job_id, ("queued", None), ("running", None), ("succeeded", None))
    assert len(workers.notes("start")) == 2
    workers.assert_one_success(
        workers.submit(steps="1"), ("queued", None), ("running", None), ("succeeded", None)
    )


def test_a_job_that_kills_its_process_each_time_fails_visibly_and_alone(workers: Workers) -> None:
    workers.start()
    job_id, next_id = workers.submit(poison="yes"), workers.submit(steps="1")
    job = workers.wait_for_end(job_id)
    assert (job.status, job.error_code, job.attempt) == ("failed", "worker_lost", 3)
    assert "3 times in a row" in (job.error_detail or "")
    assert workers.statuses(job_id).count(LOST) == 2
    workers.assert_done_once(next_id)


@pytest.mark.parametrize("mode", [ONE_MACHINE, MANY_MACHINES])
def test_a_full_disk_refuses_an_upload_and_takes_it_once_there_is_room(mode: str, tmp_path: Path) -> None:
    table = "x,y\n" + "".join(f"{i}.5,{i}\n" for i in range(100_000))
    with deployed(mode, tmp_path) as service:
        service.start("api")
        service.wait_for_api()

        def upload() -> httpx.Response:
            files = {"file": ("table.csv", io.BytesIO(table.encode()))}
            return httpx.post(f"{service.url}/datasets", files=files, timeout=60)

        with full_disk(service.pid("api"), 2**16):
            refused = upload()
            assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
            assert service.get("/health/live") == {"status": "live"}
        assert upload().status_code == 201


@pytest.mark.parametrize("settings", [ONE_MACHINE], indirect=True)
def test_a_full_disk_beneath_the_database_costs_no_job(workers: Workers) -> None:
    worker = workers.start()
    job_id = workers.submit()
    child = pid_in(workers.wait_for_note("start"))
    workers.wait_for_note("saved 5")
    with full_disk(child, 1), full_disk(worker.pid, 1):
        time.sleep(2 * LEASE_S)
    workers.assert_done_once(job_id)


@pytest.mark.parametrize("settings", [MANY_MACHINES], indirect=True)
def test_a_worker_without_room_for_the_table_says_so(workers: Workers) -> None:
    workers.start()
    workers.wait_for_end(workers.submit(steps="1"))
    child = pid_in(workers.wait_for_note("start"))
    with full_disk(child, 1):
        job = workers.wait_for_end(workers.submit(steps="1"))
        assert (job.status, job.error_code) == ("failed", "disk_full")
    workers.assert_done_once(workers.submit(steps="1"))


def test_a_database_that_takes_no_writes_for_a_while_costs_no_job(workers: Workers) -> None:
    workers.start()
    job_id = workers.submit()
    workers.wait_for_note("saved 5")
    with read_only(workers):
        time.sleep(2 * LEASE_S)
    workers.assert_done_once(job_id)
    workers.assert_nothing_lies_about()


@pytest.mark.parametrize("seconds", ["3600", "-3600"])
def test_a_clock_that_jumps_neither_loses_nor_doubles_a_job(workers: Workers, seconds: str) -> None:
    workers.start()
    job_id = workers.submit()
    workers.wait_for_note("saved 5")
    workers.tell("clock", seconds)
    workers.assert_done_once(job_id)
    workers.tell("clock", "0")
    workers.assert_done_once(workers.submit(steps="1"))


def test_a_broker_that_was_restarted_between_jobs_rings_for_the_next(tmp_path: Path) -> None:
    with deployed(MANY_MACHINES, tmp_path, lease_s=LEASE_S) as service:
        service.start("api")
        service.start("worker")
        service.wait_for_api()
        dataset_id = service.workers.add_dataset()
        for _ in range(3):
            job_id = service.submit(dataset_id, steps="1")
            service.workers.assert_one_success(
                job_id, ("queued", None), ("running", None), ("succeeded", None)
            )
            service.kill("broker")
            time.sleep(1)
            service.start("broker")


@contextmanager
def full_disk(pid: int, size: int) -> Iterator[None]:
    """A process that can write to no file beyond this size."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, NO_LIMIT)


@contextmanager
def read_only(workers: Workers) -> Iterator[None]:
    """A database as after a failover to a standby, or on a file system that was mounted read-only."""
    if workers.settings.broker_url == EMBEDDED_BROKER_URL:
        flag = workers.tell("read_only")
        yield
        flag.unlink()
        return
    _refuse_writes(workers.settings.database_url, "on")
    yield
    _refuse_writes(workers.settings.database_url, "off")


def _refuse_writes(url: str, on: str) -> None:
    name = make_url(url).database
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(
            cast("LiteralString", f"ALTER DATABASE {name} SET default_transaction_read_only = {on}")
        )
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND pid <> pg_backend_pid()",
            (name,),
        )
