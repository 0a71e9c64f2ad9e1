import time

import pytest
import redis

from service.queue import QUEUE_BY_KIND, EmbeddedQueue, RedisQueue, list_kinds, make_queue
from service.settings import QUEUES, Settings
from tests.support.servers import ValkeyServer, free_port


def test_one_machine_has_no_bell() -> None:
    queue = make_queue(Settings())
    assert isinstance(queue, EmbeddedQueue)
    assert queue.notify("job", "train") is False


def test_a_dead_broker_is_reported_quickly_and_raises_nothing() -> None:
    queue = make_queue(Settings(broker_url=f"redis://127.0.0.1:{free_port()}/0"))
    assert isinstance(queue, RedisQueue)
    began = time.monotonic()
    assert queue.notify("job", "train") is False
    assert time.monotonic() - began < 5


def test_a_broker_whose_driver_cannot_be_loaded_raises_nothing(
    no_redis_transport: None, caplog: pytest.LogCaptureFixture
) -> None:
    queue = make_queue(Settings(broker_url=f"redis://127.0.0.1:{free_port()}/0"))
    assert queue.notify("job", "train") is False
    assert "packaging" in caplog.records[-1].__dict__["reason"]


def test_a_broker_that_refuses_the_message_raises_nothing(valkey: ValkeyServer) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("maxmemory", "1")  # as a full one
    assert make_queue(Settings(broker_url=valkey.url)).notify("job", "train") is False


def test_every_kind_of_job_has_a_queue_that_workers_know() -> None:
    assert set(QUEUE_BY_KIND.values()) == set(QUEUES)
    assert set(list_kinds(QUEUES)) == set(QUEUE_BY_KIND)
    assert list_kinds(["batch"]) == ("predict",)
