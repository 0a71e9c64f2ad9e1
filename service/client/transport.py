"""Requests and retries, shared by both clients.

Each method of the clients is written once, as a coroutine over a ``Transport``. The transport of ``Client``
blocks instead of suspending, so its coroutines run to their end without an event loop.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import IO, Any, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from service.client.errors import ClientError, Unreachable, parse_refusal
from service.client.limits import DEFAULT_CLIENT, ClientLimits
from service.schemas.common import Page

BUSY_STATUSES = (429, 503)
# Network failures. Other errors of httpx are mistakes in a URL or a header.
TRANSIENT_ERRORS = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)

Out = TypeVar("Out", bound=BaseModel)
Outcome = httpx.Response | httpx.TransportError


@dataclass(frozen=True)
class Request:
    """A request to the service.

    Args:
        is_repeatable: Whether the request is idempotent, so that it may be retried.
        on_line: Called with each line of a streamed response, until it returns false.
        into: File for a response that may be too large for memory.
        read_s: Longest wait for the next bytes; by default the client's timeout.
        after_s: Pause before the request is sent.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    is_repeatable: bool = False
    on_line: Callable[[str], bool] | None = None
    into: Path | None = None
    read_s: float | None = None
    after_s: float = 0

    def options(self, timeout: float, connect_timeout_s: float) -> dict[str, Any]:
        """The arguments of ``httpx.Client.stream``."""
        content = None if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()
        kind = {} if content is None else {"Content-Type": "application/json"}
        return {
            "method": self.method,
            "url": self.path,
            "params": {name: value for name, value in self.params.items() if value is not None},
            "headers": {**kind, **self.headers},
            "content": content,
            "data": self.form or None,
            "files": self.files or None,
            "timeout": httpx.Timeout(
                timeout, connect=min(timeout, connect_timeout_s), read=self.read_s or timeout
            ),
        }


def connection_options(url: str, key: str | None) -> dict[str, Any]:
    """The arguments of ``httpx.Client`` and ``httpx.AsyncClient``."""
    return {"base_url": url, "headers": {"Authorization": f"Bearer {key}"} if key else {}}


@contextmanager
def write_atomically(at: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``at`` that replaces it when complete; it is deleted on failure."""
    part = at.with_name(f"{at.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(at)
    finally:
        part.unlink(missing_ok=True)


def make_path(*parts: str) -> str:
    """Join names to a URL path. Percent-encodes names, including ``.`` and ``..``, to prevent path traversal.

    Raises:
        ValueError: A name is empty.
    """
    if not all(parts):
        raise ValueError("an id or a name is empty; give the one of a dataset, a job or a model")
    return "".join("/" + (quote(part, safe="@") if part.strip(".") else "%2E" * len(part)) for part in parts)


def make_get_request(*parts: str, **params: Any) -> Request:
    """Make a GET request, which may be repeated."""
    return Request("GET", make_path(*parts), params, is_repeatable=True)


class Transport(ABC):
    """Sends requests and parses responses."""

    def __init__(self, limits: ClientLimits = DEFAULT_CLIENT) -> None:
        self.limits = limits

    @abstractmethod
    async def exchange(self, request: Request) -> Outcome:
        """Send a request once, after its pause; return the response or the network failure."""

    async def send(self, request: Request, tries: int | None = None) -> httpx.Response:
        """Send a request; if it is repeatable, retry up to ``tries`` sends in total.

        Raises:
            ApiError: The service refuses the request.
            Unreachable: No response arrives.
        """
        number, tries = 1, tries or self.limits.max_tries
        while True:
            outcome = await self.exchange(request)
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return outcome
            pause_s = _retry_pause_s(outcome, number, self.limits)
            if pause_s is None or number >= tries or not request.is_repeatable:
                raise make_error(outcome) from None
            request, number = replace(request, after_s=pause_s), number + 1

    async def fetch(self, kind: type[Out], request: Request) -> Out:
        """Send a request and parse its response."""
        return kind.model_validate_json((await self.send(request)).content)

    async def get(self, kind: type[Out], /, *parts: str, **params: Any) -> Out:
        """Send a GET request and parse its response."""
        return await self.fetch(kind, make_get_request(*parts, **params))

    async def iterate(self, kind: type[Out], /, *places: str, **filters: Any) -> AsyncIterator[Out]:
        """Iterate over all items of a resource, page by page."""
        page_type = Page[kind]  # type: ignore[valid-type]  # the schema is created at run time
        cursor: str | None = ""
        while cursor is not None:
            page = await self.get(
                page_type, *places, limit=self.limits.max_page_items, cursor=cursor or None, **filters
            )
            for item in page.items:
                yield item
            cursor = page.next_cursor

    async def download(self, request: Request, path: str | PathLike[str]) -> Path:
        """Write the response to a file."""
        await self.send(replace(request, into=Path(path)))
        return Path(path)


class EndpointGroup:
    """Methods of the clients, over the transport of one of them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport


def make_error(outcome: Outcome) -> ClientError:
    """Convert a failed outcome to an error."""
    if isinstance(outcome, httpx.Response):
        return parse_refusal(outcome)
    reason = str(outcome) or type(outcome).__name__
    return Unreachable(f"the service cannot be reached: {reason}")


def _retry_pause_s(outcome: Outcome, number: int, limits: ClientLimits) -> float | None:
    """Seconds to wait before another try; None if a retry is useless."""
    usual: float = min(limits.max_pause_s, limits.first_pause_s * 2 ** (number - 1))
    if isinstance(outcome, httpx.Response):
        retry_after = outcome.headers.get("retry-after", "")
        is_busy = (
            outcome.status_code in BUSY_STATUSES
            and retry_after.isdecimal()
            and int(retry_after[:9]) <= limits.max_pause_s
        )
        return max(usual, int(retry_after)) if is_busy else None
    return usual if isinstance(outcome, TRANSIENT_ERRORS) else None
