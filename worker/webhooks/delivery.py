"""One attempt to deliver a message: signed, without redirects, and without reading the body of the answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from ssl import SSLContext

import httpcore
import httpx

from service.errors import ServiceError
from service.settings import Settings
from service.webhooks.addresses import check_url, is_named
from service.webhooks.signatures import sign
from worker.webhooks.limits import WebhookLimits
from worker.webhooks.network import AddressRefused, CheckedNetwork


@dataclass(frozen=True)
class Message:
    """A message of the outbox, and the secrets that sign it."""

    id: str
    url: str
    body: str
    secrets: Sequence[str]


@dataclass(frozen=True)
class Answer:
    """The outcome of an attempt.

    Attributes:
        status_code: HTTP status; None without an answer.
        error: Why the message was not delivered; None if it was.
        is_final: Whether further attempts are useless.
    """

    status_code: int | None
    error: str | None
    is_final: bool = False


def send(message: Message, settings: Settings, limits: WebhookLimits) -> Answer:
    """Send a message, and judge the answer by its status alone.

    The receiver's answer is not read: a client must not read what a server of this network answers.
    """
    try:
        url = check_url(message.url, settings)
    except ServiceError as error:
        return Answer(None, error.detail)
    deadline = time.monotonic() + limits.total_timeout_s
    network = CheckedNetwork(is_named=is_named(url, settings), deadline=deadline)
    timeout = {"connect": limits.connect_timeout_s}
    try:
        with (
            httpcore.ConnectionPool(_make_ssl_context(), network_backend=network) as connections,
            connections.stream(
                "POST",
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=_make_headers(message, url),
                content=message.body.encode(),
                extensions={"timeout": timeout},
            ) as response,
        ):
            return _judge(response.status)
    except AddressRefused:
        return Answer(None, "the host has no public address")
    except httpcore.TimeoutException:
        return Answer(None, f"no answer within {limits.total_timeout_s:g} s")
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        return Answer(None, f"the connection failed: {type(error).__name__}")


def _make_headers(message: Message, url: httpx.URL) -> list[tuple[bytes | str, bytes | str]]:
    timestamp, body = int(time.time()), message.body.encode()
    signatures = (sign(secret, message.id, timestamp, body) for secret in message.secrets)
    return [
        ("Host", url.netloc),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("User-Agent", "kan-service"),
        ("webhook-id", message.id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(signatures)),
    ]


def _judge(status: int) -> Answer:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(status, None)
    if status == HTTPStatus.GONE:
        return Answer(status, "the receiver wants no more messages (410)", is_final=True)
    if status < HTTPStatus.BAD_REQUEST:
        return Answer(status, f"the receiver answered {status}; redirects are not followed")
    return Answer(status, f"the receiver answered {status}")


@cache
def _make_ssl_context() -> SSLContext:
    """The certificates of authorities, which take 50 ms to load."""
    return httpx.create_ssl_context()
