"""Dependencies of the routes, and strict reading of request bodies.

Routes declare their dependencies as annotated arguments; ``create_app`` puts the objects into ``app.state``:

    router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=StrictRoute)

    @router.post("", status_code=202)
    def submit(body: TrainRequest, sessions: Sessions, settings: Config, here: VersionedPath) -> JobOut: ...

``route_class=StrictRoute`` parses every JSON body of that router strictly (``service.strict_json``) and
refuses other media types with 415. An unknown query parameter is refused with 422; otherwise a misspelt
parameter would be ignored silently.

Dependencies are coroutines although they await nothing. FastAPI runs each plain function in a thread, and
five thread switches take longer than a prediction. Routes that predict read ``app.state`` themselves, because
ten dependencies take as long as a prediction of one row.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from email.message import Message
from typing import Annotated, Any, cast

from anyio import CapacityLimiter
from fastapi import Depends, Request, Response, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer, SecurityScopes
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from service import strict_json
from service.api.http.limits import HttpLimits
from service.api.http.problems import MAX_ERROR_ENTRIES
from service.api.http.slots import Slots
from service.api.live.job_watch import JobWatch
from service.api.telemetry.request_metrics import RequestMetrics
from service.caller import LOCAL_CALLER, Caller, Scope
from service.db import session
from service.errors import ErrorEntry, Forbidden, Invalid, UnsupportedMedia
from service.operations.prediction.model_resolver import ModelResolver
from service.operations.prediction.open_inference import InferenceStatistics
from service.operations.prediction.predictor_cache import PredictorCache
from service.queue import TaskQueue
from service.settings import Settings

BEARER = HTTPBearer(
    scheme_name="key",
    description="A key from `kan-service keys create`. None is needed where the service listens on loopback.",
    auto_error=False,
)


def _find_caller(request: Request) -> Caller:
    """The owner of the request's key; ``LOCAL_CALLER`` for every caller if the service asks for no keys."""
    return getattr(request.state, "caller", LOCAL_CALLER)


async def _get_caller(request: Request) -> Caller:
    return _find_caller(request)


async def _authorize(needed: SecurityScopes, request: Request, _: Annotated[Any, Depends(BEARER)]) -> None:
    check_scopes(_find_caller(request), [Scope(scope) for scope in needed.scopes])


def check_scopes(caller: Caller, scopes: Sequence[Scope]) -> None:
    """Refuse a caller whose key has none of the needed scopes.

    Raises:
        Forbidden: It has none.
    """
    if not any(map(caller.has_scope, scopes)):
        alternatives = " or ".join(f"`{scope}`" for scope in scopes)
        has = ", ".join(sorted(caller.scopes))
        detail = f"this needs a key with the scope {alternatives}, and yours has {has}; use another"
        raise Forbidden("scope_missing", detail)


def find_sessions(request: Request) -> session.Sessions:
    """Transactions that are restricted to the caller's tenant."""
    everything = cast("session.Sessions", request.app.state.sessions)
    return everything.restrict_to(_find_caller(request))


async def _get_sessions(request: Request) -> session.Sessions:
    return find_sessions(request)


async def _get_versioned_path(request: Request) -> Callable[[str], str]:
    """A function that adds the caller's prefix to a path, so that a client of ``/v1`` gets ``/v1`` paths."""
    version = "/v1" if request.scope["path"].startswith("/v1/") else ""
    root = str(request.scope.get("root_path", "")).rstrip("/")
    return lambda path: root + version + path


def _app_state(name: str) -> Any:
    """The dependency on the object that ``create_app`` put into ``app.state`` under this name."""

    async def get_value(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(get_value)


READ, TRAIN, PREDICT, ADMIN = (Security(_authorize, scopes=[scope]) for scope in Scope)
READ_OR_PREDICT = Security(_authorize, scopes=[Scope.READ, Scope.PREDICT])
Sessions = Annotated[session.Sessions, Depends(_get_sessions)]
Config = Annotated[Settings, _app_state("settings")]
Queue = Annotated[TaskQueue, _app_state("queue")]
Limits = Annotated[HttpLimits, _app_state("limits")]
Parsing = Annotated[Slots, _app_state("parsing")]
Drawing = Annotated[CapacityLimiter, _app_state("drawing")]
Predictors = Annotated[PredictorCache, _app_state("predictors")]
Watch = Annotated[JobWatch, _app_state("watch")]
Directory = Annotated[ModelResolver, _app_state("directory")]
Metrics = Annotated[RequestMetrics, _app_state("meters")]
CurrentCaller = Annotated[Caller, Depends(_get_caller)]
Stats = Annotated[InferenceStatistics, _app_state("statistics")]
VersionedPath = Annotated[Callable[[str], str], Depends(_get_versioned_path)]


class StrictRequest(Request):
    """A request whose JSON body is parsed strictly."""

    async def json(self, *, max_loop_body_bytes: int = 64 * 1024) -> Any:
        """The parsed body; parsed once, then cached.

        Args:
            max_loop_body_bytes: Larger bodies are parsed in a thread: it would block the event loop too long.

        Raises:
            Malformed: The body is not strict JSON.
        """
        if not hasattr(self, "_strict"):
            raw = await self.body()
            in_thread = len(raw) > max_loop_body_bytes
            self._strict = (
                await run_in_threadpool(strict_json.parse, raw) if in_thread else strict_json.parse(raw)
            )
        return self._strict


class StrictRoute(APIRoute):
    """A route that accepts only strict JSON and only its own query parameters."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Parse the body before FastAPI does, which would turn our errors into a plain 400."""
        handle = super().get_route_handler()
        parameters = set(_query_parameters(self.dependant))

        async def handle_strictly(request: Request) -> Response:
            _refuse_unknown_parameters(request, parameters)
            strict = StrictRequest(request.scope, request.receive)
            if self.body_field is not None and _has_body(strict.headers):
                _require_json(strict.headers.get("content-type", ""))  # before reading up to 2 GiB
                if await strict.body():
                    await strict.json()
            return await handle(strict)

        return handle_strictly


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    """Names of the query parameters of a route and of all its dependencies."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _query_parameters(dependency)


def _refuse_unknown_parameters(request: Request, valid_names: set[str]) -> None:
    unknown = [name for name in request.query_params if name not in valid_names]
    if not unknown:
        return
    possible = f"possible here: {', '.join(sorted(valid_names))}" if valid_names else "none is possible here"
    entries = [
        ErrorEntry(
            "extra_forbidden",
            f"unknown query parameter {name[:100]!r}; {possible}",
            {"parameter": name[:100], "in": "query"},
        )
        for name in unknown[:MAX_ERROR_ENTRIES]
    ]
    raise Invalid("validation_failed", entries[0].detail, errors=entries)


def media_type(content_type: str) -> str:
    """``type/subtype`` of a Content-Type, in lower case, without parameters."""
    if content_type in ("", "application/json"):  # parsing takes longer
        return content_type
    return _parse_content_type(content_type).get_content_type()


def is_json(content_type: str) -> bool:
    """Whether a Content-Type is ``application/json`` or ``application/…+json``."""
    kind = media_type(content_type)
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _require_json(content_type: str) -> None:
    if content_type == "application/json":
        return
    if not is_json(content_type):
        raise UnsupportedMedia(
            "unsupported_media_type",
            f"the body must be JSON, got {content_type or 'no Content-Type'!r}; "
            "send Content-Type: application/json",
        )
    charset = _parse_content_type(content_type).get_content_charset("utf-8")
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedMedia("unsupported_charset", f"JSON must be in UTF-8, got charset {charset!r}")


def _parse_content_type(content_type: str) -> Message:
    message = Message()
    message["content-type"] = content_type
    return message
