import time

from service.queue import NoBell, RedisBell, make_queue
from service.settings import Settings
from tests.servers import free_port


def test_one_machine_has_no_bell() -> None:
    queue = make_queue(Settings())
    assert isinstance(queue, NoBell)
    assert queue.ring("job") is False


def test_a_dead_broker_is_reported_quickly_and_raises_nothing() -> None:
    queue = make_queue(Settings(broker_url=f"redis://127.0.0.1:{free_port()}/0"))
    assert isinstance(queue, RedisBell)
    began = time.monotonic()
    assert queue.ring("job") is False
    assert time.monotonic() - began < 5
