"""Routes of predictions. They are matched before all other routes, because they are requested most often."""

from typing import Any, cast

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from service.api.http.dependencies import PREDICT, StrictRoute, find_sessions
from service.api.routes.models import Reference
from service.api.telemetry.request_metrics import RequestMetrics
from service.operations.prediction import predict as prediction
from service.operations.prediction.predict import PredictionContext
from service.schemas.prediction import PredictionOut, PredictRequest, Rows

router = APIRouter(tags=["predictions"], route_class=StrictRoute)


@router.post("/predict", dependencies=[PREDICT], summary="Predict with a model", response_model=PredictionOut)
async def predict(body: PredictRequest, request: Request) -> Response:
    """`model` is an id, a name, or `name@alias`."""
    return await _predict_rows(body.model, body, request)


@router.post(
    "/models/{model_id}/predict",
    dependencies=[PREDICT],
    summary="Predict with this model",
    response_model=PredictionOut,
)
async def predict_with(model_id: Reference, body: Rows, request: Request) -> Response:
    """As `/predict`, with the model in the path."""
    return await _predict_rows(model_id, body, request)


async def _predict_rows(reference: str, rows: Rows, request: Request, *, max_loop_rows: int = 32) -> Response:
    """Predict a few rows of a loaded model on the event loop, everything else in a thread.

    Args:
        max_loop_rows: Up to here predicting takes less time than a thread switch.
    """
    serving, meters = make_prediction_context(request), cast("RequestMetrics", request.app.state.meters)
    is_small = rows.row_count <= max_loop_rows and not rows.explain
    is_quick = is_small and serving.is_cached(reference)
    document: Any
    with meters.time_prediction("predict") as count:
        if is_quick:
            document = prediction.predict(reference, rows, serving)
        else:
            document = await run_in_threadpool(prediction.predict, reference, rows, serving)
        count(rows.row_count)
    # No validation by Pydantic: it would take longer than the prediction.
    return Response(orjson.dumps(document), media_type="application/json")


def make_prediction_context(request: Request) -> PredictionContext:
    """What a prediction needs of the application, for the caller of a request."""
    state = request.app.state
    return PredictionContext(
        find_sessions(request),
        state.predictors,
        state.directory,
        state.settings.max_predict_rows,
        state.limits.prediction,
    )
