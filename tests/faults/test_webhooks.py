"""A message about a job outlives its worker: it arrives at least once, always under the same id."""

import json
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from service.caller import DEFAULT_TENANT
from service.client.webhooks import verify
from service.db.repositories import WebhookDeliveries, WebhookSecrets
from service.db.tables import DeliveryStatus
from tests.faults import points
from tests.faults.workers import ON_ONE_MACHINE_IN_EVERY_RUN, START_TIMEOUT_S, Workers
from tests.support.factories import make_job
from tests.support.servers import Receiver, wait_until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def secret(workers: Workers) -> str:
    with workers.sessions.begin() as session:
        return WebhookSecrets(session).rotate(DEFAULT_TENANT, overlap=timedelta()).secret


def submit(workers: Workers, receiver: Receiver) -> str:
    dataset_id = workers.add_dataset()
    request = {"dataset_id": dataset_id, "target": "y", "max_seconds": 300.0, "tags": {"steps": "1"}}
    webhook = {"url": receiver.url, "events": ["succeeded"]}
    return make_job(workers.sessions, dataset_id=dataset_id, request=request, webhook=webhook).id


def wait_for_delivery(workers: Workers, job_id: str) -> str:
    def is_delivered() -> bool:
        with workers.sessions.read() as session:
            page = WebhookDeliveries(session).page(limit=10, job_id=job_id)
        return [delivery.status for delivery in page] == [DeliveryStatus.DELIVERED]

    wait_until(is_delivered, timeout_s=START_TIMEOUT_S)
    with workers.sessions.read() as session:
        return WebhookDeliveries(session).page(limit=1, job_id=job_id)[0].id


@ON_ONE_MACHINE_IN_EVERY_RUN
def test_a_message_arrives_although_its_worker_is_killed_between_commit_and_delivery(
    workers: Workers, receiver: Receiver, secret: str
) -> None:
    worker = workers.start(KAN_WEBHOOK_HOSTS=receiver.host, KAN_TEST_CRASH_AT=points.MESSAGE_CLAIMED)
    job_id = submit(workers, receiver)
    workers.wait_for_note("crash")
    assert worker.wait() == -signal.SIGKILL
    assert (workers.read(job_id).status, receiver.requests) == ("succeeded", [])
    workers.start(KAN_WEBHOOK_HOSTS=receiver.host)
    delivery_id = wait_for_delivery(workers, job_id)
    assert receiver.ids() == [delivery_id]
    (request,) = receiver.requests
    assert verify(request.body, request.headers, secret)["data"]["id"] == job_id


@ON_ONE_MACHINE_IN_EVERY_RUN
@pytest.mark.usefixtures("secret")
def test_a_message_whose_worker_is_killed_before_the_answer_arrives_again_under_the_same_id(
    workers: Workers, receiver: Receiver
) -> None:
    worker = workers.start(KAN_WEBHOOK_HOSTS=receiver.host)

    def kill_the_first() -> None:
        if len(receiver.requests) == 1:
            worker.kill()
            worker.wait()

    receiver.on_request = kill_the_first
    job_id = submit(workers, receiver)
    wait_until(lambda: worker.poll() is not None, timeout_s=START_TIMEOUT_S)
    workers.start(KAN_WEBHOOK_HOSTS=receiver.host)
    delivery_id = wait_for_delivery(workers, job_id)
    assert receiver.ids() == [delivery_id] * 2
    assert len({request.body for request in receiver.requests}) == 1
    assert json.loads(receiver.requests[0].body)["sequence"] == 1
