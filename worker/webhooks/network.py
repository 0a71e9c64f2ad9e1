"""Connections to public addresses: the address that was checked is the one that is connected to."""

import socket
import time
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any

import httpcore

from service.webhooks.addresses import is_public


class AddressRefused(Exception):
    """A name has no address, or one that is not public.

    Both have one message, because the difference would reveal names of the internal network.
    """


class CheckedNetwork(httpcore.NetworkBackend):
    """Resolves a name once, checks all of its addresses and connects to one of them.

    TLS and the header ``Host`` still use the name.

    Args:
        is_named: Whether the operator has named the host, so that its addresses need not be public.
        deadline: When reading ends, by the monotonic clock.
    """

    def __init__(self, *, is_named: bool, deadline: float) -> None:
        self._is_named, self._deadline = is_named, deadline
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers.

        Raises:
            AddressRefused: An address is not public, or there is none.
            ConnectError: No address answers.
        """
        addresses = _resolve(host, port)
        if not addresses or not (self._is_named or all(map(is_public, addresses))):
            raise AddressRefused
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port, timeout, local_address, socket_options)

    def _connect(
        self, address: str, port: int, timeout: float | None, *options: Any
    ) -> httpcore.NetworkStream:
        remaining = _limit_timeout(timeout, self._deadline, httpcore.ConnectTimeout)
        return BoundedStream(self._network.connect_tcp(address, port, remaining, *options), self._deadline)


class BoundedStream(httpcore.NetworkStream):
    """A stream whose reading and writing end at a deadline, however slowly the other side reads and sends."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read bytes.

        Raises:
            ReadTimeout: The deadline has passed.
        """
        return self._stream.read(max_bytes, _limit_timeout(timeout, self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write bytes.

        Raises:
            WriteTimeout: The deadline has passed.
        """
        self._stream.write(buffer, _limit_timeout(timeout, self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Encrypt the connection.

        Raises:
            ConnectTimeout: The deadline has passed.
        """
        remaining = _limit_timeout(timeout, self._deadline, httpcore.ConnectTimeout)
        return BoundedStream(self._stream.start_tls(ssl_context, server_hostname, remaining), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """A property of the connection, by its name in httpcore."""
        return self._stream.get_extra_info(info)


def _resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order of the system."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in addresses))


def _limit_timeout(timeout: float | None, deadline: float, error: type[Exception]) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise error("the time for the attempt is over")
    return remaining if timeout is None else min(timeout, remaining)
