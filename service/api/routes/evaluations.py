"""Routes of evaluations: does a model still hold on labelled rows that came after its training?"""

from fastapi import APIRouter, Request

from service.api.http.dependencies import READ, TRAIN, Config, Sessions, StrictRoute
from service.api.http.pagination import Paging
from service.api.routes.models import Reference
from service.api.routes.predictions import make_prediction_context
from service.operations.models import evaluations
from service.schemas.common import Page
from service.schemas.evaluations import EvaluateRequest, EvaluationOut

router = APIRouter(tags=["models"], route_class=StrictRoute)


@router.post("/models/{model_id}/evaluate", dependencies=[TRAIN], summary="Evaluate a model on labelled rows")
def evaluate(model_id: Reference, body: EvaluateRequest, request: Request, settings: Config) -> EvaluationOut:
    """Error, calibration, residuals and drift, compared with training. The result is kept."""
    serving = make_prediction_context(request)
    return EvaluationOut.from_row(evaluations.evaluate(model_id, body, serving, settings.data_dir))


@router.get("/models/{model_id}/evaluations", dependencies=[READ], summary="The evaluations of a model")
def list_evaluations(model_id: Reference, sessions: Sessions, window: Paging) -> Page[EvaluationOut]:
    """Newest first; the newest 1,000 are kept."""
    rows = evaluations.list_evaluations(model_id, sessions, limit=window.limit, after=window.after)
    page, cursor = window.take_page(rows)
    return Page(items=[EvaluationOut.from_row(row) for row in page], next_cursor=cursor)
