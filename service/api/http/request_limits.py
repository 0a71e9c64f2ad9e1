"""Checks of every request before it reaches a route."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.dependencies import is_json
from service.api.http.large_bodies import accepts_table
from service.api.http.problems import problem_response
from service.errors import Malformed, ServiceError, TooLarge, UnsupportedMedia
from service.settings import Settings


class RequestLimitMiddleware:
    """ASGI middleware that limits bodies by the bytes received and refuses what no route accepts."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._max_body_bytes(headers, scope["path"])
        try:
            _check_request(scope, headers, limit)
        except ServiceError as error:
            await problem_response(error, headers={"Connection": "close"})(scope, receive, send)
            return
        await self.app(scope, _count_bytes(receive, limit), send)

    def _max_body_bytes(self, headers: Headers, path: str) -> int:
        is_read_as_json = is_json(headers.get("content-type", "")) or path.startswith("/v2")
        limits = [self.settings.max_body_bytes]
        if is_read_as_json:
            limits.append(self.settings.max_json_bytes)
            if not accepts_table(path):
                limits.append(self.settings.max_request_bytes)
        return min(limits)


def _check_request(scope: Scope, headers: Headers, limit: int) -> None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise Malformed("nul_character", "the URL contains the character NUL; remove it")
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMedia(
            "unsupported_encoding",
            f"Content-Encoding {encoding!r} is not supported; send the body plain, or upload a .gz file",
        )
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > limit:
        raise _too_large_error(limit)


def _count_bytes(receive: Receive, limit: int) -> Receive:
    byte_count = 0

    async def receive_counted() -> Message:
        nonlocal byte_count
        message = await receive()
        byte_count += len(message.get("body", b""))
        if byte_count > limit:
            raise _too_large_error(limit)
        return message

    return receive_counted


def _too_large_error(limit: int) -> TooLarge:
    return TooLarge("body_too_large", f"the body is over the limit of {limit} bytes; send less", limit=limit)
