"""Request id, security headers, log line and metrics of every response; checks of Host and origin."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import uuid_utils
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.problems import is_v2, problem_response
from service.api.telemetry.request_metrics import RequestMetrics
from service.errors import Forbidden, Malformed, ServiceError
from service.observability import logs
from service.settings import ANY_ORIGIN, LOOPBACK_NAMES

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # methods that change nothing
QUIET_PATHS = ("/health/live", "/health/ready", "/metrics")  # machines request them every few seconds
# Defaults; pages and pictures set their own.
DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class ResponseHeadersMiddleware:
    """Outermost ASGI middleware.

    Args:
        hosts: Allowed names in the Host header; any name if empty. This prevents DNS rebinding: a foreign
            page can point its own host name at this machine, but the browser still sends that name as Host.
        meters: Count every response.
        origins: Of other pages that may change data; ``*`` for any.
    """

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str], meters: RequestMetrics, origins: Sequence[str] = ()
    ) -> None:
        self.app = app
        self._meters = meters
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origins)
        self._named = self._hosts - {*LOOPBACK_NAMES}  # other ports of loopback belong to other programs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it; then complete, count and log the response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, since, status = Headers(scope=scope), time.perf_counter(), 500
        header_id = headers.get("x-request-id", "")
        request_id = header_id if REQUEST_ID.fullmatch(header_id) else str(uuid_utils.uuid7())

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                response_headers = MutableHeaders(raw=message["headers"])
                response_headers["X-Request-ID"] = request_id
                for name, value in DEFAULT_HEADERS.items():
                    response_headers.setdefault(name, value)
                if status in (307, 308):
                    response_headers["Location"] = _make_relative(response_headers["Location"])
            await send(message)

        scope.setdefault("state", {})  # before the scope is copied, so that all copies share it
        is_v2.set(scope["path"].startswith("/v2"))
        with logs.bind_facts(request_id=request_id):
            try:
                if refusal := self._find_refusal(scope, headers):
                    await problem_response(refusal, headers={"Connection": "close"})(
                        scope, receive, send_with_headers
                    )
                else:
                    await self.app(scope, receive, send_with_headers)
            finally:
                seconds = time.perf_counter() - since
                self._meters.count_request(scope, status, seconds)
                self._log_request(scope, status, seconds)

    def _find_refusal(self, scope: Scope, headers: Headers) -> ServiceError | None:
        if "host" not in headers and scope["http_version"] != "1.0":  # RFC 9112, 3.2
            return Malformed("malformed_request", "the request has no Host; send one")
        if self._hosts and _host_name(headers.get("host", "")) not in self._hosts:
            return _host_error()
        if len(headers.getlist("host")) > 1:
            return Malformed("malformed_request", "the request has more than one Host; send one")
        coding = headers.get("transfer-encoding")
        if coding is not None and (coding.lower() != "chunked" or "content-length" in headers):
            return _framing_error()
        if scope["method"] not in SAFE_METHODS and self._is_cross_site(headers):
            return _cross_site_error()
        return None

    def _is_cross_site(self, headers: Headers) -> bool:
        """Whether a page of another origin sends this; programs send neither Sec-Fetch-Site nor Origin."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if origin in self._origins or ANY_ORIGIN in self._origins:
            return False
        if site is not None:
            return site not in ("same-origin", "none")
        if origin is None:
            return False
        scheme, _, authority = origin.lower().partition("://")
        if _host_name(authority) in self._named:  # a proxy may have changed the Host
            return False
        usual = {"http": ":80", "https": ":443"}.get(scheme, "")
        return authority.removesuffix(usual) != headers.get("host", "").lower().removesuffix(usual)

    def _log_request(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"].removeprefix("/v1")
        level = logging.DEBUG if path in QUIET_PATHS else logging.INFO
        caller = scope.get("state", {}).get("caller")
        whose = {"tenant": caller.tenant, "key_id": caller.key_id} if caller else {}
        facts = {"method": scope["method"], "path": scope["path"], "status": status}
        facts["seconds"] = round(seconds, 4)
        log.log(level, "answered", extra=facts | whose)


def _host_name(host: str) -> str:
    """The lower-case host name of a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _make_relative(location: str) -> str:
    """The path and query of a URL. The host came from the client and could name another service."""
    split = urlsplit(location)
    return urlunsplit(("", "", "/" + split.path.lstrip("/\\"), split.query, ""))


def _host_error() -> Malformed:
    detail = (
        "the host name is not allowed; use the service's own address, or add the name to KAN_ALLOWED_HOSTS"
    )
    return Malformed("host_not_allowed", detail)


def _cross_site_error() -> Forbidden:
    detail = (
        "a page of another site sent this request, and only pages of this service may change data; "
        "send it from a program, or through your own server"
    )
    return Forbidden("cross_site_request", detail)


def _framing_error() -> Malformed:
    """The end of the body is ambiguous, which allows request smuggling through a proxy."""
    detail = "send either a Content-Length, or 'Transfer-Encoding: chunked' alone"
    return Malformed("malformed_request", detail)
