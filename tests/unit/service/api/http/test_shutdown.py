"""A signal to end: who is told, and when the server stops."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from service.api.http.shutdown import notify_on_shutdown


@pytest.fixture
def happened() -> Iterator[list[str]]:
    """What happened, in order; the server is a handler of SIGTERM that was there before."""
    happened: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: happened.append("server stops"))
    yield happened
    signal.signal(signal.SIGTERM, before)


async def terminate(happened: list[str], *, times: int, delay_s: float, wait_s: float = 0.0) -> None:
    with notify_on_shutdown(lambda: happened.append("told"), delay_s):
        for _ in range(times):
            signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(wait_s)


def test_without_a_delay_the_server_stops_at_once(happened: list[str]) -> None:
    asyncio.run(terminate(happened, times=1, delay_s=0))
    assert sorted(happened) == ["server stops", "told"]


def test_with_a_delay_all_are_told_at_once_and_the_server_stops_later(happened: list[str]) -> None:
    asyncio.run(terminate(happened, times=1, delay_s=60, wait_s=0.05))
    assert happened == ["told"]
    happened.clear()
    asyncio.run(terminate(happened, times=1, delay_s=0.02, wait_s=0.5))
    assert happened == ["told", "server stops"]


def test_a_second_signal_takes_no_delay(happened: list[str]) -> None:
    asyncio.run(terminate(happened, times=2, delay_s=60, wait_s=0.05))
    assert happened.count("server stops") == 1
