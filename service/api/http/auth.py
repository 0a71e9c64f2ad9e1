"""Authentication by API key. Callers on this machine need none, callers on other machines do.

A service bound to loopback asks for no key. A service bound to any other address does not start until a key
exists: the command line calls ``check_key_exists`` before it binds. Every request then needs
``Authorization: Bearer <key>``, except for the health probes, the guide, the web page and the API
documentation, with or without ``/v1``. ``create_app`` adds the middleware if ``needs_key(settings.host)``.
"""

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.problems import problem_response
from service.api.http.rate_limit import Allowance, RateLimiter
from service.caller import Caller
from service.caller import Scope as Allowed
from service.db.repositories.api_keys import ApiKeys
from service.db.session import UNAVAILABLE_ERRORS, Sessions
from service.errors import ServiceError, TooMany, Unauthorized, Unavailable
from service.settings import InvalidSettings, is_loopback

# A browser sends no key when it opens an address, so the page and the documentation ask the user for it.
# None of these paths returns a tenant's data.
OPEN_PATHS = ("/health/", "/v2/health/", "/assets/", "/guide/", "/docs/assets/")
PAGE_PATHS = ("/", "/guide", "/docs", "/openapi.json")


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
    """ASGI middleware that refuses requests without a key before routing, so that they reveal nothing."""

    def __init__(self, app: ASGIApp, sessions: Sessions, rates: RateLimiter | None) -> None:
        self.app = app
        self._sessions, self._rates = sessions, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401, 429 or 503."""
        if scope["type"] != "http" or _is_open(scope["path"]):
            return await self.app(scope, receive, send)
        try:
            authorization = Headers(scope=scope).getlist("authorization")
            caller, allowance = await run_in_threadpool(self._admit, authorization)
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

    def _admit(self, headers: list[str]) -> tuple[Caller, Allowance | None]:
        caller = self._identify_caller(headers)
        return caller, self._rates.take(str(caller.key_id)) if self._rates else None

    def _identify_caller(self, headers: list[str]) -> Caller:
        secret = _parse_bearer_key(headers)
        try:
            with self._sessions.read() as session:
                keys = ApiKeys(session)
                key = keys.find(secret)
                is_to_be_noted = key is not None and keys.is_use_record_due(key)
            if key is not None and is_to_be_noted:
                with self._sessions.begin() as session:
                    ApiKeys(session).record_use(key.id)
        except UNAVAILABLE_ERRORS as error:
            detail = "the key cannot be checked because the database is unavailable; try again"
            raise Unavailable("database_unavailable", detail) from error
        if key is None:
            raise Unauthorized("invalid_key", "this key is unknown, expired or revoked; ask for a new one")
        scopes = frozenset(map(Allowed, key.scopes))
        return Caller(tenant=key.tenant, scopes=scopes, key_id=key.id, name=key.name)


def _is_open(path: str) -> bool:
    unversioned = path.removeprefix("/v1")
    return unversioned in PAGE_PATHS or unversioned.startswith(OPEN_PATHS)


def _rate_limit_error(allowance: Allowance) -> TooMany:
    wait_s = allowance.retry_after_s
    detail = f"this key may send {allowance.limit} requests a minute; try again in {wait_s} s"
    return TooMany("rate_limited", detail, limit=allowance.limit, retry_after=wait_s)


def _parse_bearer_key(headers: list[str]) -> str:
    """The key from the Authorization header, of which there must be exactly one."""
    scheme, _, secret = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthorized("key_required", "send your key as one header: 'Authorization: Bearer <key>'")
    return secret.strip()
