"""Authentication by API key. Callers on this machine need none while no key exists, others always do.

A request with ``Authorization`` is judged by it, wherever it comes from. One without is refused

- by a service that is not bound to loopback, which does not start until a key exists: the command line calls
  ``check_key_exists`` before it binds,
- if a proxy has forwarded it (``service.api.http.forwarding``),
- as soon as a key was made, also one that is revoked or expired by now: what was protected once does not
  become open by itself. ``KAN_OPEN_LOOPBACK=on`` says otherwise.

Health probes, the guide, the web page and the API documentation need no key, with or without ``/v1``.
"""

import math
import secrets
import time
from contextlib import suppress
from enum import Enum, auto

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.forwarding import is_client_local, is_forwarded
from service.api.http.limits import DEFAULT_LIMITS, HttpLimits
from service.api.http.problems import problem_response
from service.api.http.rate_limit import Allowance, RateLimiter
from service.api.http.response_headers import SAFE_METHODS
from service.caller import LOCAL_CALLER, Caller
from service.caller import Scope as Allowed
from service.db.repositories.api_keys import ApiKeys
from service.db.session import UNAVAILABLE_ERRORS, Sessions
from service.errors import ServiceError, TooMany, Unauthorized, Unavailable
from service.settings import InvalidSettings, Settings, is_loopback

# A browser sends no key when it opens an address, so the page and the documentation ask the user for it.
# None of these paths returns a tenant's data.
OPEN_PATHS = ("/health/", "/v2/health/", "/assets/", "/guide/", "/docs/assets/")
PAGE_PATHS = ("/", "/guide", "/docs", "/openapi.json")
SESSION_PATH = "/session"
MAX_TICKET_BYTES = 1000  # of the request that exchanges a ticket


KEY_DETAIL = "send your key as one header: 'Authorization: Bearer <key>'"
FORWARDED_DETAIL = (
    "a proxy has forwarded this request, so it needs a key: 'Authorization: Bearer <key>'; or the operator "
    "names the proxy in KAN_TRUSTED_PROXIES, for clients on its machine"
)


class Origin(Enum):
    """Where a request comes from, as far as the service can tell."""

    THIS_MACHINE = auto()
    PROXY = auto()
    OTHER_MACHINE = auto()


def needs_key(host: str) -> bool:
    """Whether other machines can reach a service bound to ``host``."""
    return not is_loopback(host)


def check_key_exists(host: str, sessions: Sessions) -> None:
    """Refuse to bind to an address that other machines can reach while no valid key exists.

    Raises:
        InvalidSettings: There is no key yet, or all are revoked.
    """
    if not needs_key(host):
        return
    with sessions.read() as session:
        if not ApiKeys(session).has_valid_key():
            raise InvalidSettings(
                f"other machines can reach {host!r}, and no valid key exists; "
                "make one with 'kan-service keys create NAME', or bind to 127.0.0.1"
            )


class ApiKeyMiddleware:
    """ASGI middleware that refuses requests without a key before routing, so that they reveal nothing.

    Args:
        sessions: Transactions that see the keys of all tenants.
        settings: Of the service.
        rates: Count requests by key; None for no limit.
        session_key: The session of this machine; None for none.
        limits: How often to look for a first key.
    """

    def __init__(
        self,
        app: ASGIApp,
        sessions: Sessions,
        settings: Settings,
        rates: RateLimiter | None,
        session_key: str | None,
        limits: HttpLimits = DEFAULT_LIMITS,
    ) -> None:
        self.app, self._limits = app, limits
        self._sessions, self._rates, self._session_key = sessions, rates, session_key
        self._is_on_loopback, self._proxies = is_loopback(settings.host), settings.proxies
        self._is_open = settings.open_loopback == "on"
        self._has_keys, self._asks_again_at = False, -math.inf  # keys stay: a revoked one is not deleted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401, 429 or 503."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if _is_open(scope, headers):
            return await self.app(scope, receive, send)
        try:
            caller, allowance = await self._admit(headers, self._find_origin(scope, headers))
        except ServiceError as error:
            return await problem_response(error)(scope, receive, send)
        scope.setdefault("state", {})["caller"] = caller
        if allowance is None:
            return await self.app(scope, receive, send)
        if not allowance.is_allowed:
            return await problem_response(_rate_limit_error(allowance), headers=allowance.headers)(
                scope, receive, send
            )

        async def send_with_allowance(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).update(allowance.headers)
            await send(message)

        return await self.app(scope, receive, send_with_allowance)

    def _find_origin(self, scope: Scope, headers: Headers) -> Origin:
        """Where a request comes from."""
        peer = scope["client"][0] if scope.get("client") else ""
        if is_forwarded(headers):
            is_local = is_client_local(peer, headers, self._proxies)
            return Origin.THIS_MACHINE if is_local else Origin.PROXY
        is_local = self._is_on_loopback or is_loopback(peer)
        return Origin.THIS_MACHINE if is_local else Origin.OTHER_MACHINE

    async def _admit(self, headers: Headers, origin: Origin) -> tuple[Caller, Allowance | None]:
        """The caller of a request, and what is left of the rate of its key.

        Raises:
            Unauthorized: The key is not valid, or is missing where one is needed.
            Unavailable: The keys cannot be read.
        """
        authorization = headers.getlist("authorization")
        if not authorization:
            await self._admit_without_key(origin)
            return LOCAL_CALLER, None
        secret = _parse_bearer_key(authorization)
        if origin is Origin.THIS_MACHINE and self._is_session(secret):
            await self._find_whether_keys_exist()
            return LOCAL_CALLER, None
        return await run_in_threadpool(self._identify_caller, secret)

    async def _admit_without_key(self, origin: Origin) -> None:
        if origin is Origin.PROXY:
            raise Unauthorized("key_required", FORWARDED_DETAIL)
        if not self._is_on_loopback or (not self._is_open and await self._find_whether_keys_exist()):
            raise Unauthorized("key_required", KEY_DETAIL)

    async def _find_whether_keys_exist(self) -> bool:
        """Whether a key was ever made, as far as is known while the database is unavailable.

        A process that does not know it has admitted nobody, so it has no data to protect either.
        """
        if not self._has_keys and time.monotonic() >= self._asks_again_at:
            with suppress(*UNAVAILABLE_ERRORS):
                self._has_keys = await run_in_threadpool(self._read_whether_keys_exist)
                self._asks_again_at = time.monotonic() + self._limits.key_check_interval_s
        return self._has_keys

    def _read_whether_keys_exist(self) -> bool:
        with self._sessions.read() as session:
            return ApiKeys(session).has_key()

    def _is_session(self, secret: str) -> bool:
        session_key = self._session_key
        return session_key is not None and secrets.compare_digest(secret.encode(), session_key.encode())

    def _identify_caller(self, secret: str) -> tuple[Caller, Allowance | None]:
        try:
            with self._sessions.read() as session:
                keys = ApiKeys(session)
                key = keys.find(secret)
                is_to_be_noted = key is not None and keys.is_use_record_due(key)
        except UNAVAILABLE_ERRORS as error:
            detail = "the key cannot be checked because the database is unavailable; try again"
            raise Unavailable("database_unavailable", detail) from error
        if key is not None and is_to_be_noted:
            with suppress(*UNAVAILABLE_ERRORS):  # of a database that takes no writes for a while
                self._record_use(key.id)
        if key is None:
            raise Unauthorized("invalid_key", "this key is unknown, expired or revoked; ask for a new one")
        self._has_keys = True
        scopes = frozenset(map(Allowed, key.scopes))
        caller = Caller(tenant=key.tenant, scopes=scopes, key_id=key.id, name=key.name)
        return caller, self._rates.take(str(caller.key_id)) if self._rates else None

    def _record_use(self, key_id: str) -> None:
        with self._sessions.begin() as session:
            ApiKeys(session).record_use(key_id)


def _is_open(scope: Scope, headers: Headers) -> bool:
    """Whether a request needs no key: one that reads what is open, or exchanges a ticket.

    Others could send large bodies, which are read before a route refuses them.
    """
    path = scope["path"].removeprefix("/v1")
    if scope["method"] in SAFE_METHODS:
        return path in PAGE_PATHS or path.startswith(OPEN_PATHS)
    length = headers.get("content-length", "")
    return path == SESSION_PATH and length.isdecimal() and int(length[:20]) <= MAX_TICKET_BYTES


def _rate_limit_error(allowance: Allowance) -> TooMany:
    wait_s = allowance.retry_after_s
    detail = f"this key may send {allowance.limit} requests a minute; try again in {wait_s} s"
    return TooMany("rate_limited", detail, limit=allowance.limit, retry_after=wait_s)


def _parse_bearer_key(headers: list[str]) -> str:
    """The key from the Authorization header, of which there must be exactly one."""
    scheme, _, secret = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthorized("key_required", KEY_DETAIL)
    return secret.strip()
