import asyncio
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from service.api.http.uvicorn_protocol import BoundedHttpProtocol

READ_AHEAD_BYTES = BoundedHttpProtocol.limits.read_ahead_bytes
HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10000000\r\n\r\n"


class Line(asyncio.Transport):
    """A connection that notes whether it is read from."""

    is_read = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


async def never_asks(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize(("size", "is_read"), [(READ_AHEAD_BYTES, True), (READ_AHEAD_BYTES + 1, False)])
def test_a_body_is_read_ahead_of_its_route_up_to_a_limit(size: int, is_read: bool) -> None:
    async def after_a_body() -> bool:
        config = Config(never_asks, lifespan="off", log_config=None)
        config.load()
        line, connection = Line(), BoundedHttpProtocol(config, ServerState(), app_state={})
        connection.connection_made(line)
        connection.data_received(HEAD)
        for start in range(0, size, 2**16):
            connection.data_received(b"x" * min(2**16, size - start))
        return line.is_read

    assert asyncio.run(after_a_body()) is is_read
