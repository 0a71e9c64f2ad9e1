"""A limit on expensive requests at a time, with a lower limit per tenant so that none can hold all slots."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import TooMany, Unavailable

SLOT_TIMEOUT_S = 30.0
MAX_WAITING_PER_TENANT = 32  # requests of a tenant: each has its body on disk while it waits


class Slots:
    """Slots for requests that occupy a processor and much memory.

    Args:
        total: Slots of this process.
        of_tenant: Slots that a tenant may hold at a time.
        patience_s: How long a request waits for a slot before it is refused.
    """

    def __init__(self, total: int, of_tenant: int, patience_s: float = SLOT_TIMEOUT_S) -> None:
        self._all = asyncio.Semaphore(total)
        self._own = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(of_tenant))
        self._present = defaultdict[str, int](int)
        self._patience_s = patience_s

    @asynccontextmanager
    async def hold(self, tenant: str) -> AsyncIterator[None]:
        """Hold a slot within the block.

        Raises:
            TooMany: Too many requests of this tenant hold a slot or wait for one.
            Unavailable: No slot became free in time.
        """
        if self._present[tenant] >= MAX_WAITING_PER_TENANT:
            detail = (
                f"{MAX_WAITING_PER_TENANT} of your large requests are in progress; send them one after "
                "the other"
            )
            raise TooMany("too_many_large_requests", detail, limit=MAX_WAITING_PER_TENANT)
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
            async with asyncio.timeout(self._patience_s):
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
