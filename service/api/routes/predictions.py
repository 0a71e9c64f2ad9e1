"""Routes of predictions. They are matched before all other routes, because they are requested most often."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Response
from starlette.concurrency import run_in_threadpool

from service.api.http.dependencies import (
    PREDICT,
    Config,
    Directory,
    Metered,
    Predictors,
    Sessions,
    StrictRoute,
)
from service.api.routes.models import Reference
from service.api.telemetry.request_metrics import Meters
from service.operations.prediction import predict as prediction
from service.operations.prediction.predict import Serving
from service.schemas.prediction import PredictionOut, PredictRequest, Rows

FEW_ROWS = 32  # up to here predicting takes less time than a thread switch

router = APIRouter(tags=["predictions"], route_class=StrictRoute)


async def _serving(
    sessions: Sessions, predictors: Predictors, directory: Directory, settings: Config
) -> Serving:
    return Serving(sessions, predictors, directory, settings.max_predict_rows)


Ready = Annotated[Serving, Depends(_serving)]


@router.post("/predict", dependencies=[PREDICT], summary="Predict with a model", response_model=PredictionOut)
async def predict(request: PredictRequest, serving: Ready, meters: Metered) -> Response:
    """`model` is an id, a name, or `name@alias`."""
    return await _answer(request.model, request, serving, meters)


@router.post(
    "/models/{model_id}/predict",
    dependencies=[PREDICT],
    summary="Predict with this model",
    response_model=PredictionOut,
)
async def predict_with(model_id: Reference, request: Rows, serving: Ready, meters: Metered) -> Response:
    """As `/predict`, with the model in the path."""
    return await _answer(model_id, request, serving, meters)


async def _answer(reference: str, request: Rows, serving: Serving, meters: Meters) -> Response:
    """Predict a few rows of a loaded model on the event loop, everything else in a thread."""
    is_quick = request.row_count <= FEW_ROWS and serving.has_at_hand(reference)
    document: Any
    with meters.predicting("predict") as count:
        if is_quick:
            document = prediction.predict(reference, request, serving)
        else:
            document = await run_in_threadpool(prediction.predict, reference, request, serving)
        count(request.row_count)
    # No validation by Pydantic: it would take longer than the prediction.
    return Response(orjson.dumps(document), media_type="application/json")
