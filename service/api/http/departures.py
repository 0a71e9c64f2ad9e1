"""End the work of another process for a client that has left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive

from service.client_work import ClientWork
from service.errors import Malformed, ServiceError

Result = TypeVar("Result")


async def run_for_client(receive: Receive, do: Callable[[ClientWork], Result]) -> Result:
    """Run a function in a thread, and end its process if the client leaves.

    Args:
        receive: Source of the messages of a request whose body has been read.
        do: The function; its argument ends its process.

    Raises:
        Malformed: The client has left; nobody gets this, but logs and meters do not blame the body.
    """
    work = ClientWork()
    watch = asyncio.create_task(_abandon_on_departure(receive, work))
    try:
        return await run_in_threadpool(do, work)
    except ServiceError:
        if work.is_abandoned:
            raise Malformed("client_left", "the client left before it was answered; send it again") from None
        raise
    finally:
        watch.cancel()


async def _abandon_on_departure(receive: Receive, work: ClientWork) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    work.abandon()
