"""Routes of pictures, as SVG and as PNG, and of the numbers behind them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Path, Query, Response

from service.api.http.dependencies import READ, Drawing, Sessions, StrictRoute
from service.api.routes.models import Reference
from service.operations.models import management, plots
from service.rendering.png import to_png
from service.rendering.svg import THEMES, Theme
from service.schemas.figures import FiguresOut, LanguageName, ThemeName

Draw = Callable[[], str]
SVG, PNG = "image/svg+xml", "image/png"
# A picture opened by itself may run nothing and fetch nothing.
PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
AS_SVG: dict[str, Any] = {
    "dependencies": [READ],
    "response_class": Response,
    "responses": {200: {"content": {SVG: {"schema": {"type": "string"}}}}},
}
AS_PNG: dict[str, Any] = AS_SVG | {
    "responses": {200: {"content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}}
}
Width = Annotated[int, Query(ge=200, le=4000, description="Pixels across; the height follows.")]
Plot = Annotated[
    str,
    Path(
        description="`history`: losses of the training, or errors of a solution. `parity`: predicted beside "
        "true values, or the confusion matrix. `residuals`: what is left between them, or what the "
        "probabilities are worth. `effects`: how predictions change with each feature. `importance`: what "
        "it loses without each. `density`: of a density, its curve or its map. `solution`: of solved "
        "equations, their curves or a map.",
        json_schema_extra={"enum": list(plots.PLOTS)},
    ),
]
StudyPlot = Annotated[
    str,
    Path(
        description="The error of the trainings over their grid intervals, or over their parameters with "
        "that of any MLP beside them; or their time over their grid intervals.",
        json_schema_extra={"enum": list(plots.OF_STUDIES)},
    ),
]


async def _look(
    theme: Annotated[ThemeName, Query(description="Colours on white, or on a dark ground.")] = "light",
    lang: Annotated[LanguageName, Query(description="The language of its words and numbers.")] = "en",
) -> Theme:
    return replace(THEMES[theme], language=lang)


Look = Annotated[Theme, Depends(_look)]
router = APIRouter(tags=["pictures"], route_class=StrictRoute)


# Each picture is asked for once, and drawn when a route of its SVG or its PNG says so.
async def _network(model_id: Reference, sessions: Sessions, look: Look) -> Draw:
    return partial(management.draw_model, model_id, sessions, look)


async def _plot(model_id: Reference, plot: Plot, sessions: Sessions, look: Look) -> Draw:
    return partial(plots.draw_plot, model_id, plot, sessions, look)


async def _study_plot(job_id: str, study_plot: StudyPlot, sessions: Sessions, look: Look) -> Draw:
    return partial(plots.draw_study_plot, job_id, study_plot, sessions, look)


@router.get(
    "/models/{model_id}/figures",
    dependencies=[READ],
    summary="The numbers behind the pictures",
    response_model=FiguresOut,
)
def get_figures(model_id: Reference, sessions: Sessions) -> Response:
    """Predictions beside the truth, effects and importance of the features; of a density or a solution its
    values over the columns or variables. 409 `no_figures` without any.
    """
    return Response(orjson.dumps(plots.read_figures(model_id, sessions)), media_type="application/json")


@router.get("/models/{model_id}/plot.svg", summary="The network as a picture", **AS_SVG)
def get_network(draw: Annotated[Draw, Depends(_network)]) -> Response:
    """Every edge with its activation, drawn the stronger the more it matters."""
    return _svg(draw)


@router.get("/models/{model_id}/plot.png", summary="The network as PNG", **AS_PNG)
async def get_network_png(
    draw: Annotated[Draw, Depends(_network)], drawing: Drawing, width: Width = 1200
) -> Response:
    """The same picture in pixels."""
    return await _png(draw, width, drawing)


@router.get("/models/{model_id}/plots/{plot}.svg", summary="A picture of a model", **AS_SVG)
def get_plot(draw: Annotated[Draw, Depends(_plot)]) -> Response:
    """What it learnt and what it is worth. 409 where the model lacks what is to be drawn."""
    return _svg(draw)


@router.get("/models/{model_id}/plots/{plot}.png", summary="A picture of a model as PNG", **AS_PNG)
async def get_plot_png(
    draw: Annotated[Draw, Depends(_plot)], drawing: Drawing, width: Width = 1200
) -> Response:
    """The same picture in pixels."""
    return await _png(draw, width, drawing)


@router.get("/jobs/{job_id}/plots/{study_plot}.svg", summary="A picture of a study", **AS_SVG)
def get_study_plot(draw: Annotated[Draw, Depends(_study_plot)]) -> Response:
    """Error or time of its trainings on logarithmic axes. 409 `no_plot` without grids, or before its end."""
    return _svg(draw)


@router.get("/jobs/{job_id}/plots/{study_plot}.png", summary="A picture of a study as PNG", **AS_PNG)
async def get_study_plot_png(
    draw: Annotated[Draw, Depends(_study_plot)], drawing: Drawing, width: Width = 1200
) -> Response:
    """The same picture in pixels."""
    return await _png(draw, width, drawing)


def _svg(draw: Draw) -> Response:
    return Response(draw(), media_type=SVG, headers=PICTURE_HEADERS)


async def _png(draw: Draw, width: int, drawing: CapacityLimiter) -> Response:
    """Who has to wait until others are drawn waits here, and keeps no thread."""
    png = await to_thread.run_sync(lambda: to_png(draw(), width), limiter=drawing)
    return Response(png, media_type=PNG, headers=PICTURE_HEADERS)
