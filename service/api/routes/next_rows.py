"""Route of next rows: where does one more measurement tell most?"""

from fastapi import APIRouter, Request

from service.api.http.dependencies import READ, Config, StrictRoute
from service.api.routes.models import Reference
from service.api.routes.predictions import make_prediction_context
from service.operations.models import next_rows
from service.schemas.prediction import NextRowsOut, NextRowsRequest

router = APIRouter(tags=["models"], route_class=StrictRoute)


@router.post("/models/{model_id}/next_rows", dependencies=[READ], summary="Propose rows to measure next")
def propose_next_rows(
    model_id: Reference, body: NextRowsRequest, request: Request, settings: Config
) -> NextRowsOut:
    """Rows at which the formulas that may be the law differ most against the noise.

    Where they do not differ, those from which their constants gain most (D-optimal).
    """
    serving = make_prediction_context(request)
    return next_rows.propose_next_rows(model_id, body, serving, settings.data_dir)
