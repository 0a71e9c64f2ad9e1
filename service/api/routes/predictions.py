"""Routes of predictions. They are matched before all other routes, because they are requested most often."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Response
from starlette.concurrency import run_in_threadpool

from service.api.http.dependencies import (
    PREDICT,
    Config,
    Directory,
    Limits,
    Metrics,
    Predictors,
    Sessions,
    StrictRoute,
)
from service.api.routes.models import Reference
from service.api.telemetry.request_metrics import RequestMetrics
from service.operations.prediction import predict as prediction
from service.operations.prediction.predict import PredictionContext
from service.schemas.prediction import PredictionOut, PredictRequest, Rows

router = APIRouter(tags=["predictions"], route_class=StrictRoute)


async def _get_serving(
    sessions: Sessions, predictors: Predictors, directory: Directory, settings: Config, limits: Limits
) -> PredictionContext:
    most = settings.max_predict_rows
    return PredictionContext(sessions, predictors, directory, most, limits.prediction)


ServingContext = Annotated[PredictionContext, Depends(_get_serving)]


@router.post("/predict", dependencies=[PREDICT], summary="Predict with a model", response_model=PredictionOut)
async def predict(request: PredictRequest, serving: ServingContext, meters: Metrics) -> Response:
    """`model` is an id, a name, or `name@alias`."""
    return await _predict_rows(request.model, request, serving, meters)


@router.post(
    "/models/{model_id}/predict",
    dependencies=[PREDICT],
    summary="Predict with this model",
    response_model=PredictionOut,
)
async def predict_with(
    model_id: Reference, request: Rows, serving: ServingContext, meters: Metrics
) -> Response:
    """As `/predict`, with the model in the path."""
    return await _predict_rows(model_id, request, serving, meters)


async def _predict_rows(
    reference: str, request: Rows, serving: PredictionContext, meters: RequestMetrics
) -> Response:
    """Predict a few rows of a loaded model on the event loop, everything else in a thread."""
    is_quick = request.row_count <= serving.limits.max_loop_rows and serving.is_cached(reference)
    document: Any
    with meters.time_prediction("predict") as count:
        if is_quick:
            document = prediction.predict(reference, request, serving)
        else:
            document = await run_in_threadpool(prediction.predict, reference, request, serving)
        count(request.row_count)
    # No validation by Pydantic: it would take longer than the prediction.
    return Response(orjson.dumps(document), media_type="application/json")
