"""The API application: middleware, routers and shared state."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI

from service.api.http import problems
from service.api.http.auth import RequireKey, needs_key
from service.api.http.head_requests import AnswerHead
from service.api.http.large_bodies import LargeBodies, Reader
from service.api.http.rate_limit import make_rates
from service.api.http.request_limits import RequestLimits
from service.api.http.response_headers import Frame
from service.api.http.shutdown import told_of_shutdown
from service.api.http.slots import Slots
from service.api.live.job_watch import JobWatch
from service.api.openapi import document
from service.api.routes import (
    datasets,
    docs,
    exports,
    guide,
    health,
    jobs,
    metrics,
    models,
    open_inference,
    plots,
    predictions,
    registry,
    tenant,
    web,
)
from service.api.telemetry.job_metrics import JobMeters
from service.api.telemetry.request_metrics import Meters
from service.db.session import make_engine, make_sessions
from service.observability import tracing
from service.operations.prediction.model_resolver import ModelDirectory
from service.operations.prediction.open_inference import Statistics
from service.operations.prediction.predictor_cache import PredictorCache
from service.queue import make_queue
from service.settings import Settings, load_settings

RESOURCES: list[APIRouter] = [
    predictions.router,
    datasets.router,
    jobs.router,
    registry.router,  # before the models, else /models/compare would mean a model named compare
    models.router,
    plots.router,
    exports.router,
    tenant.router,
    metrics.router,
]
MAX_PARSING = 3  # large uploads and bodies parsed at once: each may hold a whole table in memory
MAX_PARSING_OF_TENANT = 2
MAX_DRAWING = 2  # images rendered as pixels at once: each takes a processor


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the API over one database; it connects with the first request."""
    settings = settings or load_settings()
    app = make_application(settings)
    app.add_middleware(
        LargeBodies,
        folder=settings.data_dir,
        slots=app.state.parsing,
        reader=app.state.reader,
        meters=app.state.meters,
        statistics=app.state.statistics,
    )
    app.add_middleware(RequestLimits, settings=settings)
    if needs_key(settings.host):
        rates = make_rates(settings.rate_limit, settings.broker_url)
        app.add_middleware(RequireKey, sessions=app.state.sessions, rates=rates)
    app.add_middleware(AnswerHead)
    app.add_middleware(Frame, hosts=settings.hosts, meters=app.state.meters)
    return app


def make_application(settings: Settings) -> FastAPI:
    """Make the application with its routes and state, without the middleware that admits requests."""
    engine = make_engine(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # for temporary files of uploads
        with told_of_shutdown(app.state.watch.close, settings.shutdown_delay_s):
            yield
        app.state.reader.close()
        engine.dispose()

    app = FastAPI(
        title="KAN service",
        summary="Send a table, get a formula.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        responses=document.RESPONSES,
        telemetry=tracing.of_requests(),
    )
    app.state.settings = settings
    app.state.sessions = make_sessions(engine)
    app.state.parsing = Slots(MAX_PARSING, MAX_PARSING_OF_TENANT)
    app.state.reader = Reader(settings)
    app.state.drawing = CapacityLimiter(MAX_DRAWING)
    app.state.queue = make_queue(settings)
    app.state.watch = JobWatch(app.state.sessions)
    app.state.predictors = PredictorCache(settings.predict_cache_bytes)
    app.state.directory = ModelDirectory()
    app.state.statistics = Statistics()
    app.state.meters = Meters(JobMeters(app.state.sessions))
    problems.register(app)
    document.complete(app)
    for router in [*RESOURCES, open_inference.router, docs.router, guide.router, web.router, health.router]:
        app.include_router(router)
    for router in [*RESOURCES, docs.router, guide.router, web.router, health.router]:
        app.include_router(router, prefix="/v1", include_in_schema=False)
    return app
