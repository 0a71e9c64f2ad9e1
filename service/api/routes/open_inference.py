"""Routes of the Open Inference Protocol, version 2, which clients of Triton, KServe and Seldon use.

This module parses bodies instead of FastAPI: binary data may follow the JSON of a request, and Triton's
client sends no Content-Type.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version as version_of
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from service import strict_json
from service.api.http.dependencies import (
    ADMIN,
    PREDICT,
    Config,
    Directory,
    Predictors,
    Sessions,
    Stats,
    Watch,
    find_sessions,
)
from service.api.http.large_bodies import HEADER_LENGTH
from service.api.http.problems import validation_error
from service.api.openapi.document import describe_file, schema_reference
from service.api.routes import health
from service.api.telemetry.request_metrics import RequestMetrics
from service.db import session
from service.db.tables import Model
from service.errors import Malformed
from service.operations.prediction import open_inference
from service.operations.prediction.model_resolver import ModelResolver
from service.operations.prediction.open_inference import ModelStatistics
from service.operations.prediction.predict import load_predictor
from service.schemas.open_inference import (
    IndexEntry,
    InferRequest,
    InferResponse,
    ModelMetadata,
    ServerMetadata,
)

EXTENSIONS = ["binary_tensor_data", "model_repository", "statistics"]
BYTES_MEDIA_TYPE = "application/octet-stream"
INFER_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": schema_reference(InferRequest)},
            BYTES_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

router = APIRouter(prefix="/v2", tags=["open inference protocol"])
infer_router = APIRouter(prefix="/v2", tags=["open inference protocol"])  # matched early: the most requests

Name = Annotated[str, Path(description="Name, id or `name@alias` of a model.")]
Version = Annotated[str, Path(description="Number of a version.")]
HeaderLength = Annotated[
    int | None,
    Header(alias=HEADER_LENGTH, ge=0, description="Length of the JSON in bytes, if binary data follow it."),
]


@router.get("/health/live", summary="Is the server alive?")
def server_live() -> dict[str, bool]:
    """As `/health/live`."""
    return {"live": True}


@router.get("/health/ready", summary="Is the server ready?")
def server_ready(sessions: Sessions, settings: Config, watch: Watch) -> dict[str, bool]:
    """As `/health/ready`."""
    health.ready(sessions, settings, watch)
    return {"ready": True, "live": True}


@router.get("", dependencies=[PREDICT], summary="What this server is")
def describe_server() -> ServerMetadata:
    """Name, version, and the extensions of the protocol that it knows."""
    return ServerMetadata(name="kan-service", version=version_of("kan-service"), extensions=EXTENSIONS)


@router.post("/repository/index", dependencies=[PREDICT], summary="All versions of all models")
def index_models(sessions: Sessions) -> list[IndexEntry]:
    """All models are ready; each is loaded on its first request."""
    return open_inference.list_versions(sessions)


@router.post(
    "/repository/models/{name}/load",
    dependencies=[ADMIN],
    summary="Load a model in advance",
    response_class=Response,
)
def load(name: Name, sessions: Sessions, directory: Directory, predictors: Predictors) -> Response:
    """The first prediction then does not wait for the model to load."""
    load_predictor(directory.get(name, sessions), sessions, predictors)
    return Response()


@router.post(
    "/repository/models/{name}/unload",
    dependencies=[ADMIN],
    summary="Free a model's memory",
    response_class=Response,
)
def unload(name: Name, sessions: Sessions, directory: Directory, predictors: Predictors) -> Response:
    """The next request loads the model again."""
    predictors.drop(directory.get(name, sessions).id)
    return Response()


@router.get("/models/{name}", dependencies=[PREDICT], summary="Inputs and outputs of a model")
def describe_model(name: Name, sessions: Sessions, directory: Directory) -> ModelMetadata:
    """Its inputs and outputs with their types."""
    return open_inference.describe_model(directory.get(name, sessions), sessions)


@router.get(
    "/models/{name}/versions/{version}", dependencies=[PREDICT], summary="Inputs and outputs of a version"
)
def describe_version(name: Name, version: Version, sessions: Sessions) -> ModelMetadata:
    """Its inputs and outputs with their types."""
    return open_inference.describe_model(open_inference.find_version(name, version, sessions), sessions)


@router.get(
    "/models/{name}/ready",
    dependencies=[PREDICT],
    summary="Is a model ready?",
    response_model=dict[str, Any],
)
def model_ready(name: Name, sessions: Sessions, directory: Directory) -> dict[str, str | bool]:
    """Every existing model is ready."""
    return {"name": directory.get(name, sessions).name, "ready": True}


@router.get(
    "/models/{name}/versions/{version}/ready",
    dependencies=[PREDICT],
    summary="Is a version ready?",
    response_model=dict[str, Any],
)
def version_ready(name: Name, version: Version, sessions: Sessions) -> dict[str, str | bool]:
    """Every existing version is ready."""
    return {"name": open_inference.find_version(name, version, sessions).name, "ready": True}


@router.get(
    "/models/{name}/stats",
    dependencies=[PREDICT],
    summary="Inference statistics of a model",
    response_model=dict[str, Any],
)
def model_stats(
    name: Name, sessions: Sessions, directory: Directory, statistics: Stats
) -> dict[str, list[ModelStatistics]]:
    """Counts requests of this protocol to this process."""
    return _list_statistics(directory.get(name, sessions), statistics)


@router.get(
    "/models/{name}/versions/{version}/stats",
    dependencies=[PREDICT],
    summary="Inference statistics of a version",
    response_model=dict[str, Any],
)
def version_stats(
    name: Name, version: Version, sessions: Sessions, statistics: Stats
) -> dict[str, list[ModelStatistics]]:
    """Counts requests of this protocol to this process."""
    return _list_statistics(open_inference.find_version(name, version, sessions), statistics)


@infer_router.post(
    "/models/{name}/infer",
    dependencies=[PREDICT],
    summary="Predict",
    response_model=InferResponse,
    responses={200: describe_file(BYTES_MEDIA_TYPE)},
    openapi_extra=INFER_BODY,
)
async def infer(name: Name, request: Request, header_length: HeaderLength = None) -> Response:
    """A tensor of shape [rows] for every column, or one of [rows, features] for all."""
    body, directory = await request.body(), cast("ModelResolver", request.app.state.directory)
    return await run_in_threadpool(_infer, lambda of: directory.get(name, of), body, header_length, request)


@infer_router.post(
    "/models/{name}/versions/{version}/infer",
    dependencies=[PREDICT],
    summary="Predict with a version",
    response_model=InferResponse,
    responses={200: describe_file(BYTES_MEDIA_TYPE)},
    openapi_extra=INFER_BODY,
)
async def infer_version(
    name: Name, version: Version, request: Request, header_length: HeaderLength = None
) -> Response:
    """A tensor of shape [rows] for every column, or one of [rows, features] for all."""
    body, find = await request.body(), partial(open_inference.find_version, name, version)
    return await run_in_threadpool(_infer, find, body, header_length, request)


def _list_statistics(model: Model, statistics: Stats) -> dict[str, list[ModelStatistics]]:
    return {"model_stats": [open_inference.report_statistics(model, statistics)]}


def _infer(
    find: Callable[[session.Sessions], Model], body: bytes, header_length: int | None, request: Request
) -> Response:
    sessions, state = find_sessions(request), request.app.state
    model, meters = find(sessions), cast("RequestMetrics", state.meters)
    length = len(body) if header_length is None else header_length
    if length > len(body):
        detail = f"{HEADER_LENGTH} is {length}, but the body has {len(body)} bytes; correct the header"
        raise Malformed("malformed_request", detail)
    header = strict_json.parse(body[:length])
    try:
        infer_request = InferRequest.model_validate(header)
    except ValidationError as error:
        errors = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors(include_url=False)]
        raise validation_error(errors, header) from None
    with meters.time_prediction("infer") as count:
        result = open_inference.infer(
            model,
            infer_request,
            memoryview(body)[length:],
            sessions,
            state.predictors,
            state.statistics,
            state.settings.max_predict_rows,
        )
        count(result.outputs[0].shape[0])
    content = result.to_json()
    if not result.behind:
        return Response(content, media_type="application/json")
    headers = {HEADER_LENGTH: str(len(content))}
    return Response(b"".join([content, *result.behind]), media_type=BYTES_MEDIA_TYPE, headers=headers)
