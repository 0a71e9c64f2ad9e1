"""A limit on expensive requests at a time, whose slots tenants share fairly."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.api.http.limits import DEFAULT_LIMITS, HttpLimits
from service.errors import TooMany, Unavailable


class Slots:
    """Slots for requests that occupy a processor and much memory.

    A free slot goes to the tenant that holds the fewest, then to the request that has waited longest. The
    last free ones are kept for tenants that hold none: two tenants cannot hold all.

    Args:
        limits: Slots of this process, how many are kept, and how long and how many requests may wait.
    """

    def __init__(self, limits: HttpLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._held = Counter[str]()
        self._waiting: list[tuple[str, asyncio.Event]] = []  # in the order of their arrival

    @asynccontextmanager
    async def hold(self, tenant: str) -> AsyncIterator[None]:
        """Hold a slot within the block.

        Raises:
            TooMany: Too many requests of this tenant hold a slot or wait for one.
            Unavailable: No slot became free in time.
        """
        max_waiting = self._limits.max_waiting_per_tenant
        if self._held[tenant] + sum(name == tenant for name, _ in self._waiting) >= max_waiting:
            detail = f"{max_waiting} of your large requests are in progress; send them one after the other"
            raise TooMany("too_many_large_requests", detail, limit=max_waiting)
        request = tenant, asyncio.Event()
        self._waiting.append(request)
        try:
            await self._wait(request)
            yield
        finally:
            if request in self._waiting:
                self._waiting.remove(request)
            else:
                self._held[tenant] -= 1
            self._held += Counter()  # forget tenants that hold none
            self._give_slots()

    async def _wait(self, request: tuple[str, asyncio.Event]) -> None:
        self._give_slots()
        try:
            async with asyncio.timeout(self._limits.slot_timeout_s):
                await request[1].wait()
        except TimeoutError:
            detail = "other large requests are in progress; try again later"
            raise Unavailable("too_busy", detail) from None

    def _give_slots(self) -> None:
        while candidates := [request for request in self._waiting if self._may_hold(request[0])]:
            request = min(candidates, key=lambda request: self._held[request[0]])
            self._waiting.remove(request)
            self._held[request[0]] += 1
            request[1].set()

    def _may_hold(self, tenant: str) -> bool:
        free = self._limits.max_parsed_bodies - self._held.total()
        return free > (self._limits.kept_slots if self._held[tenant] else 0)
