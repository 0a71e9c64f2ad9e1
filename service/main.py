"""The API application: middleware, routers and shared state."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from service.api.http import problems
from service.api.http.auth import ApiKeyMiddleware
from service.api.http.head_requests import HeadRequestMiddleware
from service.api.http.large_bodies import LargeBodyMiddleware, LargeBodyReader
from service.api.http.limits import DEFAULT_LIMITS, HttpLimits
from service.api.http.rate_limit import make_rate_limiter
from service.api.http.request_limits import RequestLimitMiddleware
from service.api.http.response_headers import ResponseHeadersMiddleware
from service.api.http.shutdown import notify_on_shutdown
from service.api.http.slots import Slots
from service.api.live.job_watch import JobWatch
from service.api.openapi import document
from service.api.routes import (
    datasets,
    docs,
    evaluations,
    exports,
    formats,
    guide,
    health,
    jobs,
    mcp,
    metrics,
    models,
    next_rows,
    open_inference,
    plots,
    predictions,
    registry,
    tenant,
    web,
    webhooks,
)
from service.api.routes.exports import DIFFERENCE_HEADER, MEMBERS_HEADER
from service.api.telemetry.job_metrics import JobMetricsCollector
from service.api.telemetry.request_metrics import RequestMetrics
from service.db.session import make_engine, make_sessions
from service.observability import tracing
from service.operations.prediction.model_resolver import ModelResolver
from service.operations.prediction.open_inference import InferenceStatistics
from service.operations.prediction.predictor_cache import PredictorCache
from service.queue import make_queue
from service.settings import Settings, load_settings

RESOURCES: list[APIRouter] = [
    predictions.router,
    datasets.router,
    jobs.router,
    formats.router,
    registry.router,  # before the models, else /models/compare would mean a model named compare
    models.router,
    evaluations.router,
    next_rows.router,
    plots.router,
    exports.router,
    tenant.router,
    webhooks.router,
    metrics.router,
    mcp.router,
]

# Keys go into a header of their own, so browsers need to send no cookies: credentials are never allowed.
CORS_OPTIONS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PATCH", "DELETE"],
    "allow_headers": [
        *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID"),
        *("Inference-Header-Content-Length", "X-Request-ID"),
        *("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id"),
    ],
    "expose_headers": [
        *("Content-Disposition", "ETag", "Idempotency-Replayed", "Inference-Header-Content-Length"),
        *("Location", "RateLimit", "Retry-After", "X-Request-ID", DIFFERENCE_HEADER, MEMBERS_HEADER),
    ],
}


def create_app(
    settings: Settings | None = None, *, limits: HttpLimits = DEFAULT_LIMITS, session_key: str | None = None
) -> FastAPI:
    """Make the API over one database; it connects with the first request.

    Args:
        settings: By default from the environment.
        limits: Of requests.
        session_key: The session of this machine (``service.local_session``); None for none.
    """
    settings = settings or load_settings()
    app = make_application(settings, limits)
    app.state.session_key = session_key
    app.add_middleware(
        LargeBodyMiddleware,
        settings=settings,
        slots=app.state.parsing,
        reader=app.state.reader,
        meters=app.state.meters,
        statistics=app.state.statistics,
        limits=limits,
    )
    app.add_middleware(RequestLimitMiddleware, settings=settings)
    app.add_middleware(
        ApiKeyMiddleware,
        sessions=app.state.sessions,
        settings=settings,
        rates=make_rate_limiter(settings.rate_limit, settings.broker_url, limits),
        session_key=session_key,
        limits=limits,
    )
    app.add_middleware(HeadRequestMiddleware)
    if settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.origins, **CORS_OPTIONS)
    app.add_middleware(
        ResponseHeadersMiddleware,
        hosts=settings.hosts,
        origins=settings.origins,
        meters=app.state.meters,
    )
    return app


def make_application(
    settings: Settings, limits: HttpLimits = DEFAULT_LIMITS, *, max_rendered_images: int = 2
) -> FastAPI:
    """Make the application with its routes and state, without the middleware that admits requests.

    Args:
        max_rendered_images: Rendered as pixels at once: each takes a processor.
    """
    engine = make_engine(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # for temporary files of uploads
        with notify_on_shutdown(app.state.watch.close, settings.shutdown_delay_s):
            yield
        app.state.reader.close()
        engine.dispose()

    app = FastAPI(
        title="KAN service",
        summary="Send a table, get a formula.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=tracing.make_telemetry_config(),
        webhooks=webhooks.messages,
    )
    app.state.settings, app.state.limits = settings, limits
    app.state.sessions = make_sessions(engine)
    app.state.parsing = Slots(limits)
    app.state.reader = LargeBodyReader(settings)
    app.state.drawing = CapacityLimiter(max_rendered_images)
    app.state.queue = make_queue(settings)
    app.state.watch = JobWatch(app.state.sessions, limits.live)
    app.state.predictors = PredictorCache(settings.predict_cache_bytes)
    app.state.directory = ModelResolver()
    app.state.statistics = InferenceStatistics()
    app.state.meters = RequestMetrics(JobMetricsCollector(app.state.sessions))
    problems.register(app)
    document.extend_openapi(app)
    app.router.routes.extend(_make_routes())
    return app


@cache
def _make_routes() -> tuple[BaseRoute, ...]:
    """Make the routes, which applications of a process share: FastAPI builds each on its first request."""
    routes = APIRouter(
        generate_unique_id_function=lambda route: route.name, responses=document.ERROR_RESPONSES
    )
    page_routers = [docs.router, guide.router, web.router, health.router]
    # Matched first, because few requests are as frequent; documented with the rest of its protocol.
    routes.include_router(open_inference.infer_router, include_in_schema=False)
    for router in [*RESOURCES, open_inference.router, open_inference.infer_router, *page_routers]:
        routes.include_router(router)
    for router in [*RESOURCES, *page_routers]:
        routes.include_router(router, prefix="/v1", include_in_schema=False)
    return tuple(routes.routes)
