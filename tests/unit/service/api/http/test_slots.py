"""Slots: nobody holds them all, and nobody waits for ever."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import wraps
from typing import Any

import pytest

from service.api.http.limits import HttpLimits
from service.api.http.slots import Slots
from service.errors import TooMany, Unavailable


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


@in_a_loop
async def test_two_tenants_leave_a_slot_for_a_third() -> None:
    slots = Slots(HttpLimits(max_parsed_bodies=4, kept_slots=2, slot_timeout_s=0.05))
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(slots.hold("a"))
        with pytest.raises(Unavailable, match="try again later"):
            await held.enter_async_context(slots.hold("a"))
        await held.enter_async_context(slots.hold("b"))
        with pytest.raises(Unavailable):
            await held.enter_async_context(slots.hold("b"))
        await held.enter_async_context(slots.hold("c"))
        with pytest.raises(Unavailable):
            await held.enter_async_context(slots.hold("d"))
    async with slots.hold("a"), slots.hold("a"), slots.hold("c"):
        pass


@in_a_loop
async def test_who_waits_gets_the_slot_that_comes_free() -> None:
    slots = Slots(HttpLimits(max_parsed_bodies=1))
    order = []

    async def work(name: str) -> None:
        async with slots.hold(name):
            order.append(name)
            await asyncio.sleep(0.01)

    await asyncio.gather(*map(work, "abc"))
    assert order == ["a", "b", "c"]


@in_a_loop
async def test_a_free_slot_goes_to_the_tenant_that_holds_the_fewest() -> None:
    slots = Slots(HttpLimits(max_parsed_bodies=4, kept_slots=2))
    order = []

    async def work(name: str) -> None:
        async with slots.hold(name):
            order.append(name)
            await asyncio.sleep(0.01)

    await asyncio.gather(*map(work, "aaaaaabbbbbbc"))
    assert order[:4] == ["a", "a", "b", "c"]
    assert order[4:7].count("b") >= 1


@in_a_loop
async def test_the_last_free_slots_are_kept_for_tenants_without_one() -> None:
    slots = Slots(HttpLimits(max_parsed_bodies=4, kept_slots=2, slot_timeout_s=0.05))
    async with slots.hold("a"), slots.hold("b"):
        with pytest.raises(Unavailable):
            await _hold(slots)
        async with slots.hold("c"):
            pass


@in_a_loop
async def test_more_than_so_many_of_a_tenant_do_not_even_wait() -> None:
    slots = Slots(HttpLimits(max_parsed_bodies=1, max_waiting_per_tenant=4))
    async with slots.hold("a"):
        waiting = [asyncio.create_task(_hold(slots)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(TooMany):
            await _hold(slots)
    await asyncio.gather(*waiting)
    await _hold(slots)


async def _hold(slots: Slots) -> None:
    async with slots.hold("a"):
        pass
