"""uvicorn's HTTP protocol with limits on buffered bytes, on idle time and on the number of connections.

uvicorn's C parser buffers the head of a request, and the data between the chunks of its body, without limit:
54 MB of headers took 1 GB before any route, key or limit saw them. uvicorn also keeps idle connections for
ever: as many connections as a process may open files made it unreachable, even for probes.
"""

import asyncio
import math
import resource
from functools import cache

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.http.limits import DEFAULT_CONNECTION_LIMITS
from service.api.http.problems import problem_response
from service.errors import Unavailable

PROBE_PATHS = (b"/health/", b"/v1/health/", b"/v2/health/")


@cache
def _max_open_connections() -> float:
    """The number of connections that leaves the process a quarter of its open-file limit for other files."""
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if may_open == resource.RLIM_INFINITY else may_open * 3 // 4


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes connections that exceed the byte or time limits, and idle ones when the limit is reached."""

    limits = DEFAULT_CONNECTION_LIMITS
    _pending = 0
    _since = 0.0  # when the current wait began, in time of the event loop
    _is_beyond = False
    _looks: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Accept a connection; close an idle one if there are too many."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._looks = self.loop.call_later(self.limits.check_interval_s, self._check_idle)
        if len(self.connections) > self._max_connections:
            self._evict_idle_connection()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer of the connection."""
        if self._looks is not None:
            self._looks.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes, *, max_pending_bytes: int = 64 * 1024) -> None:
        """Parse data; answer 400 if too many bytes belong to no body.

        Args:
            max_pending_bytes: That belong to no body, as uvicorn's parser in Python has it.
        """
        self._pending += len(data)
        if self._is_receiving():
            self._since = self.loop.time()
        super().data_received(data)
        if self._pending > max_pending_bytes and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """Reset the limits at the end of a head; choose whether to serve the request."""
        self._pending, self._since = 0, self.loop.time()
        if self._is_beyond:
            is_taken = self.url.startswith(PROBE_PATHS) or len(self.connections) <= self._max_connections
            self.app = self.config.loaded_app if is_taken else _refuse_request
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Reset the byte count, and read ahead up to ``read_ahead_bytes``."""
        self._pending = 0
        super().on_body(body)
        if len(self.cycle.body) <= self.limits.read_ahead_bytes:
            self.flow.resume_reading()

    def on_message_complete(self) -> None:
        """Reset the byte count at the end of a request."""
        self._pending = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Restart the wait for the next request."""
        self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start the wait for a client that does not read its response."""
        self._since = self.loop.time()
        super().pause_writing()

    @property
    def _max_connections(self) -> float:
        return min(self.limits.max_connections, _max_open_connections())

    def _is_waiting(self) -> bool:
        """Whether no request is in progress, or only an incomplete head has arrived."""
        return self.cycle is None or self.cycle.response_complete

    def _is_receiving(self) -> bool:
        """Whether the client must send more of a body, or read more of a response."""
        if self._is_waiting():
            return False
        return (self.cycle.more_body and not self.flow.read_paused) or self.flow.write_paused

    def _check_idle(self) -> None:
        """Close the connection if the client has been idle for too long; else check again later."""
        silent_s = self.loop.time() - self._since
        if (self._is_waiting() and silent_s > self.limits.head_timeout_s) or (
            self._is_receiving() and silent_s > self.limits.idle_timeout_s
        ):
            self.transport.abort()
        else:
            self._looks = self.loop.call_later(self.limits.check_interval_s, self._check_idle)

    def _evict_idle_connection(self, *, probe_connections: int = 16) -> None:
        """Close the connection that has been idle longest; if none is idle, this one serves probes only.

        Args:
            probe_connections: Beyond the limit, which serve health probes only.
        """
        connections = [
            connection
            for connection in self.connections
            if isinstance(connection, BoundedHttpProtocol) and connection is not self
        ]
        idle = [connection for connection in connections if not connection.transport.is_closing()]
        for is_idle in (BoundedHttpProtocol._is_waiting, BoundedHttpProtocol._is_receiving):
            if candidates := [connection for connection in idle if is_idle(connection)]:
                min(candidates, key=lambda connection: connection._since).transport.abort()
                return
        self._is_beyond = True
        if len(connections) >= self._max_connections + probe_connections:
            self.transport.abort()


async def _refuse_request(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "all connections of this service are in use; close some, or try again later"
    answer = problem_response(Unavailable("too_many_connections", detail), headers={"Connection": "close"})
    await answer(scope, receive, send)
