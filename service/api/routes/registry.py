"""Routes of the model registry: history of aliases, model cards, comparison of models."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from service.api.http.dependencies import READ, Sessions, StrictRoute
from service.api.http.pagination import Paging
from service.api.openapi.document import describe_file
from service.api.routes.models import Reference
from service.db.repositories.aliases import Aliases
from service.operations.models.comparison import MAX_MODELS, MIN_MODELS, compare_models
from service.operations.models.model_card import read_card
from service.operations.models.model_card_markdown import render_card
from service.schemas.registry import AliasMoveOut, AliasOut, AliasPage, CompareOut
from service.schemas.registry.card import CardOut

MARKDOWN = "text/markdown"
# Documented here, checked by `compare_models`.
MODEL_LIST_SCHEMA: dict[str, Any] = {"pattern": f"^[^,]+(,[^,]+){{{MIN_MODELS - 1},{MAX_MODELS - 1}}}$"}

router = APIRouter(tags=["models"], route_class=StrictRoute)


@router.get("/aliases", dependencies=[READ], summary="The aliases of a name, and their history")
def list_aliases(
    sessions: Sessions,
    window: Paging,
    name: Annotated[str, Query(min_length=1, max_length=200, description="A model's name.")],
    alias: Annotated[str | None, Query(max_length=64, description="Only the moves of this alias.")] = None,
) -> AliasPage:
    """The current model of every alias; and each setting and removal, with its time and key."""
    with sessions.read() as session:
        aliases = Aliases(session)
        moves, cursor = window.take_page(
            aliases.list_moves(name, alias=alias, limit=window.limit, after=window.after)
        )
        now = aliases.list_current(name)
    return AliasPage(
        name=name,
        aliases=[AliasOut(alias=alias, model_id=id_, version=version) for alias, id_, version in now],
        items=[AliasMoveOut.model_validate(move) for move in moves],
        next_cursor=cursor,
    )


@router.get("/models/compare", dependencies=[READ], summary="Compare models")
def compare(
    sessions: Sessions,
    ids: Annotated[
        str,
        Query(
            max_length=MAX_MODELS * 301,
            json_schema_extra=MODEL_LIST_SCHEMA,
            description="2 to 20 models, separated by commas: ids, names or `name@alias`. Give the id of a "
            "model whose name contains a comma.",
            examples=["law@live,law"],
        ),
    ],
) -> CompareOut:
    """Metrics, formulas and shapes of models of the same target and task, with warnings about differences."""
    return compare_models([reference.strip() for reference in ids.split(",")], sessions)


@router.get(
    "/models/{model_id}/card",
    dependencies=[READ],
    summary="The model card",
    response_model=CardOut,
    responses={200: describe_file(MARKDOWN)},
)
def get_card(
    model_id: Reference,
    request: Request,
    response: Response,
    sessions: Sessions,
    format: Annotated[
        Literal["json", "markdown"] | None,
        Query(description="By default Markdown for `Accept: text/markdown`, else JSON."),
    ] = None,
) -> CardOut | Response:
    """Target, inputs, metrics, formula, valid range and training of the model."""
    card = read_card(model_id, sessions)
    media_types = request.headers.get("accept", "")
    if format == "markdown" or (format is None and MARKDOWN in media_types):
        return Response(render_card(card), media_type=MARKDOWN, headers={"Vary": "Accept"})
    response.headers["Vary"] = "Accept"
    return card
