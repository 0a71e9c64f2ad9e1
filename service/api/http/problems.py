"""Error responses as RFC 9457 problem+json. No other module creates them."""

import json
import logging
import re
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import uuid_utils
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from kan_engine.errors import InvalidData, KANEngineError
from service.api.openapi.document import PROBLEM_MEDIA_TYPE
from service.db.session import UNAVAILABLE_ERRORS, is_full
from service.errors import (
    ErrorEntry,
    Invalid,
    Malformed,
    OutOfSpace,
    Place,
    ServiceError,
    TooMany,
    Unauthorized,
    Unavailable,
    is_disk_full,
)
from service.strict_json import pointer

log = logging.getLogger(__name__)

MAX_ERROR_ENTRIES = 100
MAX_TEXT_CHARACTERS = 2_000
is_v2: ContextVar[bool] = ContextVar("is_v2", default=False)  # its clients expect a member `error`
RETRY_AFTER_S = 5
CODES_BY_STATUS = {
    400: "malformed_request",
    404: "path_not_found",
    405: "method_not_allowed",
    413: "body_too_large",
}
DETAILS_BY_TYPE = {
    "extra_forbidden": "unknown field; remove it or correct its name",
    "missing": "required, but missing",
}


def register(app: FastAPI) -> None:
    """Register handlers that turn every error, expected or not, into a problem."""
    app.exception_handler(HTTPException)(_handle_http_exception)
    app.exception_handler(ClientDisconnect)(_handle_disconnect)
    for kind in (ServiceError, KANEngineError, RequestValidationError, *UNAVAILABLE_ERRORS):
        app.exception_handler(kind)(_handle_error)
    app.exception_handler(Exception)(_handle_unexpected_error)


def problem_response(
    error: ServiceError, *, headers: dict[str, str] | None = None, instance: str | None = None
) -> Response:
    """The response to an error.

    Args:
        headers: Further headers.
        instance: URI of this occurrence, as logged; a new one if None.
    """
    return _render(
        error.status, _describe(error), headers=_headers(error) | (headers or {}), instance=instance
    )


def describe_error(error: Exception, path: str) -> dict[str, Any]:
    """Any error of a request as the members of a problem that are its own; unexpected ones are logged.

    Args:
        path: Of the request, for the log.
    """
    instance = _make_instance()
    return _describe(_to_service_error(error, path, instance)) | {"instance": instance}


def _describe(error: ServiceError) -> dict[str, Any]:
    entries = [
        {name: _shorten(value) for name, value in entry.to_json().items()}
        for entry in error.errors[:MAX_ERROR_ENTRIES]
    ]
    return {"code": error.code, "detail": _shorten(error.detail), "errors": entries} | error.extra


def _shorten(value: Any) -> Any:
    """Truncate a long text: a name from a client may be a megabyte long."""
    is_long = isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS
    return f"{value[:MAX_TEXT_CHARACTERS]}…" if is_long else value


def validation_error(errors: list[Any], body: Any) -> Invalid:
    """Pydantic's errors as one error, without the values sent: they may be NaN, huge or secret."""
    errors = _merge_literal_alternatives(errors)
    entries = [_make_entry(error, body) for error in errors[:MAX_ERROR_ENTRIES]]
    summary = f"{_location_text(entries[0].place)}: {entries[0].detail}"
    detail = summary if len(errors) == 1 else f"{len(errors)} problems in the request; the first: {summary}"
    return Invalid("validation_failed", detail, errors=entries)


def _merge_literal_alternatives(errors: list[Any]) -> list[Any]:
    """Merge the errors of alternatives: a value that is neither `"auto"` nor a number is one mistake."""
    words = {
        error["loc"][:-1]: error["msg"].removeprefix("Input should be ")
        for error in errors
        if error["type"] == "literal_error" and str(error["loc"][-1]).startswith("literal[")
    }
    entries = [
        error for error in errors if error["loc"][:-1] not in words or error["type"] != "literal_error"
    ]
    return [
        {**error, "msg": f"{error['msg']} or {words[error['loc'][:-1]]}"}
        if error["type"].endswith("_type") and error["loc"][:-1] in words
        else error
        for error in entries
    ]


def _render(
    status: int, members: dict[str, Any], *, headers: dict[str, str], instance: str | None = None
) -> Response:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "instance": instance or _make_instance(),
        **members,
    }
    if is_v2.get():
        document["error"] = document["detail"]
    content = json.dumps(document, ensure_ascii=False)  # orjson fails above 64 bits, as estimates may be
    answer = _ProblemResponse(content, status_code=status, media_type=PROBLEM_MEDIA_TYPE, headers=headers)
    answer.code = members["code"]
    return answer


class _ProblemResponse(Response):
    """Stores its code in the request's state, where `ResponseHeadersMiddleware` counts it."""

    code: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["error_code"] = self.code
        await super().__call__(scope, receive, send)


def _make_instance() -> str:
    return f"urn:uuid:{uuid_utils.uuid7()}"


def _headers(error: ServiceError) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, Unavailable | TooMany):
        return {"Retry-After": str(error.extra.get("retry_after", RETRY_AFTER_S))}
    return {}


def _handle_error(request: Request, error: Exception) -> Response:
    instance = _make_instance()
    return problem_response(_to_service_error(error, request.url.path, instance), instance=instance)


def _handle_unexpected_error(request: Request, error: Exception) -> Response:
    """The framework raises the error again after the response, so the server closes the connection."""
    answer = _handle_error(request, error)
    answer.headers["Connection"] = "close"
    return answer


def _to_service_error(error: Exception, path: str, instance: str) -> ServiceError:
    """Any error as one that clients read; those of the service itself are logged under ``instance``."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, KANEngineError):
        return _make_engine_error(error)
    if isinstance(error, RequestValidationError):
        return validation_error(list(error.errors()), error.body)
    facts = {"instance": instance, "path": path}
    if isinstance(error, UNAVAILABLE_ERRORS):
        log.error("database failed", exc_info=error, extra=facts)
        return _make_database_error(error)
    log.error("request failed", exc_info=error, extra=facts)
    return _make_unexpected_error(error)


def _make_engine_error(error: KANEngineError) -> Invalid:
    """Errors of the engine come from the client's request: 422."""
    code = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
    if not isinstance(error, InvalidData):
        return Invalid(code, str(error))
    place = {"column": error.column, "row": error.row}
    position = {name: value for name, value in place.items() if value is not None}
    return Invalid.make_at(code, str(error), position)


def _make_database_error(error: DBAPIError) -> ServiceError:
    """The database is down, restarting, full or not migrated: the client may try again."""
    if is_full(error):
        detail = "the database has no space left and stored nothing; try again when there is space"
        return OutOfSpace("disk_full", detail)
    return Unavailable(
        "database_unavailable", "the database is unavailable; try again, and see /health/ready"
    )


def _make_unexpected_error(error: Exception) -> ServiceError:
    """Errors of the service itself: 500 with the traceback in the log and not in the body."""
    if is_disk_full(error):
        detail = "the disk of the service is full, so nothing was stored; try again when there is space"
        return OutOfSpace("disk_full", detail)
    return ServiceError("internal_error", "the service failed; its log has the details under this instance")


def _handle_http_exception(request: Request, error: HTTPException) -> Response:
    """Errors of the framework: unknown paths, wrong methods, malformed forms."""
    details = {
        404: f"there is nothing at {request.url.path}; /docs lists every path",
        405: f"{request.method} is not possible at {request.url.path}; see the header Allow",
    }
    members = {
        "code": CODES_BY_STATUS.get(error.status_code, f"http_{error.status_code}"),
        "detail": details.get(error.status_code, str(error.detail)),
        "errors": [],
    }
    headers = dict(error.headers or {})
    if error.status_code == 405:
        methods = _list_methods(request)
        headers["Allow"] = ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))
    return _render(error.status_code, members, headers=headers)


def _list_methods(request: Request) -> set[str]:
    """All methods of a path; the framework names only those of the first matching route.

    If a route has exactly this path (`/models/compare`), routes with parameters do not count.
    """
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    routes = [
        route
        for route in iter_route_contexts(request.app.routes)
        if route.path and compile_path(route.path)[0].match(path)
    ]
    spelt_out = [route for route in routes if route.path == path]
    return {method for route in spelt_out or routes for method in route.methods or ()}


def _handle_disconnect(_: Request, __: ClientDisconnect) -> Response:
    """The client has disconnected and reads no response, but this is no error of the service."""
    return problem_response(
        Malformed("incomplete_body", "the request ended before its body did; send it again")
    )


def _make_entry(error: dict[str, Any], body: Any) -> ErrorEntry:
    kind, (source, *path) = error["type"], error["loc"]
    detail = DETAILS_BY_TYPE.get(kind, str(error["msg"]).removeprefix("Value error, "))
    return ErrorEntry(kind, detail, _locate(source, path, body, kind))


def _locate(source: str, path: list[str | int], body: Any, kind: str) -> Place:
    if source == "body":
        return {"pointer": pointer(_client_path(body, path, kind))}
    if source == "form":
        return {"field": path[0]}
    return {"parameter": ".".join(map(str, path)), "in": source}


def _client_path(body: Any, path: list[str | int], kind: str) -> list[str | int]:
    """The path of the client's own keys, without the names of union members that Pydantic inserts."""
    keys: list[str | int] = []
    for number, part in enumerate(path):
        is_last = number == len(path) - 1
        if (isinstance(body, dict) and part in body) or (
            isinstance(body, list) and isinstance(part, int) and 0 <= part < len(body)
        ):
            body = body[part]  # type: ignore[index]  # a dict's key or a list's index, checked above
            keys.append(part)
        elif is_last and kind == "missing":
            keys.append(part)
    return keys


def _location_text(place: Place) -> str:
    return str(place.get("pointer") or place.get("field") or place.get("parameter"))
