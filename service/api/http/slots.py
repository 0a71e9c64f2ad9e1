"""A limit on expensive requests at a time, with a lower limit per tenant so that none can hold all slots."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.api.http.limits import DEFAULT_LIMITS, HttpLimits
from service.errors import TooMany, Unavailable


class Slots:
    """Slots for requests that occupy a processor and much memory.

    Args:
        limits: Slots of this process and of a tenant, and how long and how many requests may wait.
    """

    def __init__(self, limits: HttpLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._all = asyncio.Semaphore(limits.max_parsed_bodies)
        self._own = defaultdict[str, asyncio.Semaphore](
            lambda: asyncio.Semaphore(limits.max_parsed_bodies_of_tenant)
        )
        self._present = defaultdict[str, int](int)

    @asynccontextmanager
    async def hold(self, tenant: str) -> AsyncIterator[None]:
        """Hold a slot within the block.

        Raises:
            TooMany: Too many requests of this tenant hold a slot or wait for one.
            Unavailable: No slot became free in time.
        """
        most = self._limits.max_waiting_per_tenant
        if self._present[tenant] >= most:
            detail = f"{most} of your large requests are in progress; send them one after the other"
            raise TooMany("too_many_large_requests", detail, limit=most)
        self._present[tenant] += 1
        try:
            async with self._acquire(tenant):
                yield
        finally:
            self._present[tenant] -= 1
            if not self._present[tenant]:
                del self._present[tenant]
                self._own.pop(tenant, None)

    @asynccontextmanager
    async def _acquire(self, tenant: str) -> AsyncIterator[None]:
        own, holds_own = self._own[tenant], False
        try:
            async with asyncio.timeout(self._limits.slot_timeout_s):
                await own.acquire()
                holds_own = True
                await self._all.acquire()
        except BaseException as error:
            if holds_own:
                own.release()
            if isinstance(error, TimeoutError):
                detail = "other large requests are in progress; try again later"
                raise Unavailable("too_busy", detail) from None
            raise
        try:
            yield
        finally:
            self._all.release()
            own.release()
