"""HTTP on a connection, with an end to what the server keeps of a request that is not complete.

uvicorn's parser in C keeps the head of a request, and what stands between the parts of its body, for as
long as they come: 54 MB of headers took 1 GB, and no route, key or limit had seen them by then.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_PENDING_BYTES = 64 * 1024  # as uvicorn's parser in Python has it
READ_AHEAD_BYTES = 2**20
"""Of a body, before its route asks for it. uvicorn stops at 64 KiB and goes on when asked: ten turns for the
640 kB of 10,000 rows, each of which waits for its share of a busy machine."""


class BoundedHttp(HttpToolsProtocol):
    """Hangs up where nothing came of so many bytes: no head was complete, and no body went on."""

    _pending = 0

    def data_received(self, data: bytes) -> None:
        """Read on, unless there was too much of nothing."""
        self._pending += len(data)
        super().data_received(data)
        if self._pending > MAX_PENDING_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """A head has come to its end."""
        self._pending = 0
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
