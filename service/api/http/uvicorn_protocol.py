"""HTTP on connections that end when nothing comes of them, with an end to what is kept of each.

uvicorn's parser in C keeps the head of a request, and what stands between the parts of its body, for as
long as they come: 54 MB of headers took 1 GB, and no route, key or limit had seen them by then. And uvicorn
keeps a connection that asks nothing for ever: as many as a process may open files took it down, probes too.
"""

import asyncio
import resource
from functools import cache

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.http.problems import problem
from service.errors import Unavailable

MAX_PENDING_BYTES = 64 * 1024  # as uvicorn's parser in Python has it
READ_AHEAD_BYTES = 2**20
"""Of a body, before its route asks for it. uvicorn stops at 64 KiB and goes on when asked: ten turns for the
640 kB of 10,000 rows, each of which waits for its share of a busy machine."""
HEAD_S = 20.0  # from the beginning of a connection, or the last answer, to the end of a head
SILENT_S = 60.0  # in which nothing of a body comes, or nothing of an answer is taken
LOOK_S = 1.0
MAX_CONNECTIONS = 10_000
FOR_PROBES = 16  # connections beyond the limit, on which a probe is answered and nothing else
PROBES = (b"/health/", b"/v1/health/", b"/v2/health/")


@cache
def most_connections() -> int:
    """So many that a quarter of the files that this process may open is left for its own."""
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if may_open == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, may_open * 3 // 4)


class BoundedHttp(HttpToolsProtocol):
    """Hangs up where nothing came of so many bytes or of so much time, and where others need the place."""

    _pending = 0
    _since = 0.0  # when the waiting began that the connection is in
    _is_beyond = False
    _looks: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Take a connection, perhaps in the place of one that is idle."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._looks = self.loop.call_later(LOOK_S, self._look)
        if len(self.connections) > most_connections():
            self._make_place()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        if self._looks is not None:
            self._looks.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless there was too much of nothing."""
        self._pending += len(data)
        if self._is_receiving():
            self._since = self.loop.time()
        super().data_received(data)
        if self._pending > MAX_PENDING_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """A head has come to its end."""
        self._pending, self._since = 0, self.loop.time()
        if self._is_beyond:
            is_taken = self.url.startswith(PROBES) or len(self.connections) <= most_connections()
            self.app = self.config.loaded_app if is_taken else _refuse
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A body goes on."""
        self._pending = 0
        super().on_body(body)
        if len(self.cycle.body) <= READ_AHEAD_BYTES:
            self.flow.resume_reading()

    def on_message_complete(self) -> None:
        """A request has come to its end."""
        self._pending = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer has gone; another request may come."""
        self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client takes nothing right now."""
        self._since = self.loop.time()
        super().pause_writing()

    def _is_waiting(self) -> bool:
        """Whether there is no request, or the beginning of one."""
        return self.cycle is None or self.cycle.response_complete

    def _is_receiving(self) -> bool:
        """Whether it is for the client to go on with a body, or to take an answer."""
        if self._is_waiting():
            return False
        return (self.cycle.more_body and not self.flow.read_paused) or self.flow.write_paused

    def _look(self) -> None:
        """Hang up if nothing has come for too long."""
        silent_s = self.loop.time() - self._since
        if (self._is_waiting() and silent_s > HEAD_S) or (self._is_receiving() and silent_s > SILENT_S):
            self.transport.abort()
        else:
            self._looks = self.loop.call_later(LOOK_S, self._look)

    def _make_place(self) -> None:
        """Hang up on who has been idle for longest; where all are busy, this one is for probes alone."""
        others = [other for other in self.connections if isinstance(other, BoundedHttp) and other is not self]
        idle = [other for other in others if not other.transport.is_closing()]
        for is_idle in (BoundedHttp._is_waiting, BoundedHttp._is_receiving):
            if found := [other for other in idle if is_idle(other)]:
                min(found, key=lambda other: other._since).transport.abort()
                return
        self._is_beyond = True
        if len(others) >= most_connections() + FOR_PROBES:
            self.transport.abort()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "all connections of this service are in use; close some, or come again"
    answer = problem(Unavailable("too_many_connections", detail), headers={"Connection": "close"})
    await answer(scope, receive, send)
