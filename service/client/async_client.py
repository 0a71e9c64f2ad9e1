"""The asynchronous client, for asyncio and trio."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import anyio
import httpx

from service.client.endpoints import Endpoints
from service.client.environment import DEFAULT_URL, read_environment
from service.client.limits import DEFAULT_CLIENT, ClientLimits
from service.client.transport import Outcome, Request, Transport, connection_options, write_atomically


class AsyncClient(Endpoints):
    """Asynchronous client of the service, with the methods of ``Client``.

    async with AsyncClient() as kan:
        model = await kan.train(await kan.upload("law.csv"), "y", name="law")
        async for dataset in kan.datasets(): ...
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        limits: ClientLimits = DEFAULT_CLIENT,
    ) -> None:
        self._http = httpx.AsyncClient(**connection_options(url, key))
        super().__init__(AsyncTransport(self._http, timeout, limits))

    @classmethod
    def from_env(cls, *, timeout: float = 60.0, limits: ClientLimits = DEFAULT_CLIENT) -> Self:
        """A client of the service that KANSERVICE_URL and KANSERVICE_KEY name, as for the commands."""
        return cls(*read_environment(), timeout=timeout, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


class AsyncTransport(Transport):
    """A transport that suspends while it waits."""

    def __init__(self, http: httpx.AsyncClient, timeout: float, limits: ClientLimits) -> None:
        super().__init__(limits)
        self._http, self._timeout = http, timeout

    async def exchange(self, request: Request) -> Outcome:
        """Send a request once, after its pause; return the response or the network failure."""
        await anyio.sleep(request.after_s)
        try:
            async with self._http.stream(
                **request.options(self._timeout, self.limits.connect_timeout_s)
            ) as response:
                if response.is_success and request.into:
                    with write_atomically(request.into) as file:
                        async for chunk in response.aiter_bytes():
                            file.write(chunk)
                    return response
                if request.on_line is None or not response.is_success:
                    await response.aread()
                    return response
                async for line in response.aiter_lines():
                    if not request.on_line(line):
                        break
                return response
        except httpx.TransportError as error:
            return error
