"""Routes of pictures as SVG and PNG, and of their data."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Path, Query, Response

from kan_engine.drawing.svg import THEMES, Theme
from service.api.http.dependencies import READ, Drawing, Sessions, StrictRoute
from service.api.http.downloads import OCTETS, VARY, AsOctets
from service.api.openapi.document import describe_file
from service.api.routes.models import NetworkQuery, Reference
from service.documents.plots import PLOTS, STUDY_PLOTS, describe_plots
from service.operations.models import management, plots, study_plots
from service.rendering.png import to_png
from service.schemas.figures import FiguresOut, LanguageName, ThemeName

Draw = Callable[[], str]
SVG, PNG = "image/svg+xml", "image/png"
# A picture that is opened directly may neither run scripts nor load resources.
PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
} | VARY
SVG_ROUTE: dict[str, Any] = {
    "dependencies": [READ],
    "response_class": Response,
    "responses": {200: describe_file(SVG, OCTETS)},
}
PNG_ROUTE: dict[str, Any] = SVG_ROUTE | {"responses": {200: describe_file(PNG, OCTETS)}}
Width = Annotated[int, Query(ge=200, le=4000, description="Pixels across; the height follows.")]
LayoutWidth = Annotated[
    int | None,
    Query(
        ge=240,
        le=4000,
        description="Pixels across that the picture may take: the narrower, the fewer curves side by side. "
        "A network of very many curves is wider.",
    ),
]
MostCurves = Annotated[
    int | None,
    Query(ge=1, le=60, description="Draw at most so many curves, the strongest. By default, all."),
]
Plot = Annotated[str, Path(description=describe_plots(PLOTS), json_schema_extra={"enum": list(PLOTS)})]
StudyPlot = Annotated[
    str,
    Path(
        description=describe_plots({name: plot.about for name, plot in STUDY_PLOTS.items()}),
        json_schema_extra={"enum": list(STUDY_PLOTS)},
    ),
]


async def _get_theme(
    theme: Annotated[ThemeName, Query(description="Colours for a light or a dark background.")] = "light",
    lang: Annotated[LanguageName, Query(description="Language of the texts and numbers.")] = "en",
) -> Theme:
    return replace(THEMES[theme], language=lang)


ThemeQuery = Annotated[Theme, Depends(_get_theme)]
router = APIRouter(tags=["pictures"], route_class=StrictRoute)


async def _get_network_theme(look: ThemeQuery, curves: MostCurves = None) -> Theme:
    return look if curves is None else replace(look, diagram=look.diagram.show_strongest(curves))


NetworkTheme = Annotated[Theme, Depends(_get_network_theme)]


# SVG and PNG routes share the parameters of a picture; the routes call the returned function to draw it.
async def _prepare_network(
    model_id: Reference, sessions: Sessions, look: NetworkTheme, network: NetworkQuery = None
) -> Draw:
    return partial(management.draw_model, model_id, sessions, look, network=network)


async def _prepare_network_svg(
    model_id: Reference,
    sessions: Sessions,
    look: NetworkTheme,
    network: NetworkQuery = None,
    width: LayoutWidth = None,
) -> Draw:
    theme = look if width is None else replace(look, diagram=look.diagram.fit(width))
    return partial(management.draw_model, model_id, sessions, theme, network=network)


async def _prepare_plot(model_id: Reference, plot: Plot, sessions: Sessions, look: ThemeQuery) -> Draw:
    return partial(plots.draw_plot, model_id, plot, sessions, look)


async def _prepare_study_plot(
    job_id: str, study_plot: StudyPlot, sessions: Sessions, look: ThemeQuery
) -> Draw:
    return partial(study_plots.draw_study_plot, job_id, study_plot, sessions, look)


@router.get(
    "/models/{model_id}/figures",
    dependencies=[READ],
    summary="The data of the pictures",
    response_model=FiguresOut,
)
def get_figures(model_id: Reference, sessions: Sessions) -> Response:
    """Predictions with true values, effects and importance of the features. For a density or a solution: its
    values over the columns or variables. 409 `no_figures` if there are none.
    """
    return Response(orjson.dumps(plots.read_figures(model_id, sessions)), media_type="application/json")


@router.get("/models/{model_id}/plot.svg", summary="The network as a picture", **SVG_ROUTE)
def get_network(draw: Annotated[Draw, Depends(_prepare_network_svg)], as_octets: AsOctets) -> Response:
    """Every edge with its activation; more important edges are drawn stronger."""
    return _svg_response(draw, as_octets)


@router.get("/models/{model_id}/plot.png", summary="The network as PNG", **PNG_ROUTE)
async def get_network_png(
    draw: Annotated[Draw, Depends(_prepare_network)],
    drawing: Drawing,
    as_octets: AsOctets,
    width: Width = 1200,
) -> Response:
    """The same picture in pixels."""
    return await _png_response(draw, width, drawing, as_octets)


@router.get("/models/{model_id}/plots/{plot}.svg", summary="A picture of a model", **SVG_ROUTE)
def get_plot(draw: Annotated[Draw, Depends(_prepare_plot)], as_octets: AsOctets) -> Response:
    """A plot of what the model learnt, or of its quality. 409 if the model lacks the data."""
    return _svg_response(draw, as_octets)


@router.get("/models/{model_id}/plots/{plot}.png", summary="A picture of a model as PNG", **PNG_ROUTE)
async def get_plot_png(
    draw: Annotated[Draw, Depends(_prepare_plot)], drawing: Drawing, as_octets: AsOctets, width: Width = 1200
) -> Response:
    """The same picture in pixels."""
    return await _png_response(draw, width, drawing, as_octets)


@router.get("/jobs/{job_id}/plots/{study_plot}.svg", summary="A picture of a study", **SVG_ROUTE)
def get_study_plot(draw: Annotated[Draw, Depends(_prepare_study_plot)], as_octets: AsOctets) -> Response:
    """Error or time of its trainings on logarithmic axes. 409 `no_plot` without grids or before its end."""
    return _svg_response(draw, as_octets)


@router.get("/jobs/{job_id}/plots/{study_plot}.png", summary="A picture of a study as PNG", **PNG_ROUTE)
async def get_study_plot_png(
    draw: Annotated[Draw, Depends(_prepare_study_plot)],
    drawing: Drawing,
    as_octets: AsOctets,
    width: Width = 1200,
) -> Response:
    """The same picture in pixels."""
    return await _png_response(draw, width, drawing, as_octets)


def _svg_response(draw: Draw, as_octets: bool) -> Response:
    return Response(draw(), media_type=OCTETS if as_octets else SVG, headers=PICTURE_HEADERS)


async def _png_response(draw: Draw, width: int, drawing: CapacityLimiter, as_octets: bool) -> Response:
    """Draw a PNG in a thread. Requests beyond the limit wait here without occupying a thread."""
    png = await to_thread.run_sync(lambda: to_png(draw(), width), limiter=drawing)
    return Response(png, media_type=OCTETS if as_octets else PNG, headers=PICTURE_HEADERS)
