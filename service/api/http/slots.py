"""So many pieces of work side by side, and fewer of one tenant, so that nobody holds them all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import TooMany, Unavailable

PATIENCE_S = 30.0
MAX_WAITING = 32  # of a tenant: what waits has its body on the disk


class Slots:
    """Slots for what takes a processor and much memory.

    Args:
        total: Slots of this process.
        of_tenant: How many of these a tenant may hold at a time.
        patience_s: How long a request waits for one before it is told to come again.
    """

    def __init__(self, total: int, of_tenant: int, patience_s: float = PATIENCE_S) -> None:
        self._all = asyncio.Semaphore(total)
        self._own = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(of_tenant))
        self._present = defaultdict[str, int](int)
        self._patience_s = patience_s

    @asynccontextmanager
    async def one(self, tenant: str) -> AsyncIterator[None]:
        """Hold a slot.

        Raises:
            TooMany: Too many requests of this tenant wait already.
            Unavailable: None came free in time.
        """
        if self._present[tenant] >= MAX_WAITING:
            detail = f"{MAX_WAITING} large requests of yours are being read already; send one after the other"
            raise TooMany("too_many_large_requests", detail, limit=MAX_WAITING)
        self._present[tenant] += 1
        try:
            async with self._held(tenant):
                yield
        finally:
            self._present[tenant] -= 1
            if not self._present[tenant]:
                del self._present[tenant]
                self._own.pop(tenant, None)

    @asynccontextmanager
    async def _held(self, tenant: str) -> AsyncIterator[None]:
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
                detail = "other large requests are being read; send yours again"
                raise Unavailable("too_busy", detail) from None
            raise
        try:
            yield
        finally:
            self._all.release()
            own.release()
