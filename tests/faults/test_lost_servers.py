"""Broker and database may die and come back: no request fails for the broker, no job is lost for either."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.db.migrate import upgrade
from service.db.session import make_engine, make_sessions
from service.main import create_app
from service.settings import Settings
from tests.faults.conftest import LEASE_S
from tests.faults.workers import Workers
from tests.support.servers import LOOPBACK, PostgresServer, ValkeyServer

RUNNING = ("running", None)


@pytest.fixture
def with_broker(postgres_url: str, valkey: ValkeyServer, tmp_path: Path) -> Iterator[Workers]:
    settings = Settings(database_url=postgres_url, broker_url=valkey.url, data_dir=tmp_path, lease_s=LEASE_S)
    engine = make_engine(settings)
    workers = Workers(settings, make_sessions(engine))
    yield workers
    workers.close()
    engine.dispose()


def test_a_job_submitted_while_the_broker_is_down_is_accepted_and_done_later(
    with_broker: Workers, valkey: ValkeyServer
) -> None:
    with_broker.start()
    with_broker.wait_for_end(with_broker.submit(steps="1"))
    valkey.kill()
    body = {"dataset_id": with_broker.add_dataset(), "target": "y", "tags": {"steps": "1"}}
    with TestClient(create_app(with_broker.settings), base_url=LOOPBACK) as client:
        began = time.monotonic()
        response = client.post("/jobs", json=body)
        assert response.status_code == 202
        assert time.monotonic() - began < 5
    valkey.start()
    assert with_broker.wait_for_end(response.json()["id"]).status == "succeeded"


@pytest.mark.thorough
def test_a_broker_that_dies_in_the_middle_of_a_job_harms_neither_it_nor_the_next(
    with_broker: Workers, valkey: ValkeyServer
) -> None:
    with_broker.start()
    job_id = with_broker.submit()
    with_broker.wait_for_note("start")
    valkey.kill()
    with_broker.wait_for_note("saved 20")
    valkey.start()
    with_broker.assert_one_success(job_id, ("queued", None), RUNNING, ("succeeded", None))
    next_id = with_broker.submit(steps="1")
    with_broker.assert_one_success(next_id, ("queued", None), RUNNING, ("succeeded", None))


@pytest.mark.thorough
def test_a_broker_that_is_away_when_a_job_ends_does_not_silence_the_worker(
    with_broker: Workers, valkey: ValkeyServer
) -> None:
    with_broker.start()
    job_id = with_broker.submit()
    with_broker.wait_for_note("start")
    valkey.kill()
    assert with_broker.wait_for_end(job_id).status == "succeeded"
    valkey.start()
    next_id = with_broker.submit(steps="1")
    with_broker.assert_one_success(next_id, ("queued", None), RUNNING, ("succeeded", None))


@pytest.mark.thorough
def test_a_database_that_dies_in_the_middle_of_a_job_costs_no_job(tmp_path: Path) -> None:
    server = PostgresServer()
    try:
        server.start()
        settings = Settings(database_url=server.url, data_dir=tmp_path, lease_s=LEASE_S)
        upgrade(settings)
        engine = make_engine(settings)
        workers = Workers(settings, make_sessions(engine))
        try:
            workers.start()
            job_id = workers.submit()
            workers.wait_for_note("saved 5")
            server.kill()
            time.sleep(2 * LEASE_S)
            server.start()
            assert workers.wait_for_end(job_id).status == "succeeded"
            numbers = [event.number for event in workers.events(job_id)]
            assert numbers == list(range(1, len(numbers) + 1))
        finally:
            workers.close()
            engine.dispose()
    finally:
        server.close()
