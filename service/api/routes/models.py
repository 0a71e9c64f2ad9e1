"""Routes of trained models and their formulas."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response

from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.printing.languages import LANGUAGES
from service.api.http.choices import choose_from
from service.api.http.conditional import NOT_MODIFIED, IfMatch, IfNoneMatch, respond_with_etag
from service.api.http.dependencies import (
    READ,
    READ_OR_PREDICT,
    TRAIN,
    Config,
    Directory,
    Sessions,
    StrictRoute,
)
from service.api.http.pagination import Paging, WantedNamed
from service.api.openapi.document import describe_file
from service.db.repositories.models import TrainedModels
from service.operations.entity_tags import entity_tag
from service.operations.models import formulas as symbolic
from service.operations.models import management, rows
from service.operations.models.pictured_network import select_network
from service.schemas.common import Page
from service.schemas.figures import ModelRowsOut
from service.schemas.formulas import SymbolicOut
from service.schemas.models import (
    NETWORK_DESCRIPTION,
    EdgesOut,
    ModelOut,
    ModelPatch,
    ModelTask,
    NetworkChoice,
)

FormulaFormat = Annotated[str, *choose_from(LANGUAGES, "json")]

FrontQuery = Annotated[
    bool,
    Query(
        description="The formulas of `pareto` of every output instead, a line each: as `text`, `latex` or "
        "`mathml`. JSON has them anyway."
    ),
]

router = APIRouter(tags=["models"], route_class=StrictRoute)

Reference = Annotated[str, Path(description="Id, name or `name@alias`.")]
NetworkQuery = Annotated[NetworkChoice | None, Query(description=NETWORK_DESCRIPTION)]


@router.get("/models", dependencies=[READ_OR_PREDICT], summary="List models")
def list_models(
    *,
    sessions: Sessions,
    window: Paging,
    wanted: WantedNamed,
    name: Annotated[str | None, Query(description="Only the versions of this name.")] = None,
    dataset: Annotated[str | None, Query(description="Id of the dataset that it learnt from.")] = None,
    target: Annotated[str | None, Query(description="Column that it predicts.")] = None,
    task: Annotated[ModelTask | None, Query(description="What it was trained for.")] = None,
    previews: Annotated[
        bool,
        Query(description="Whether to list models of running trainings, which have `preview_of`, too."),
    ] = False,
) -> Page[ModelOut]:
    """All models, or those that the filters leave; `search` looks into names, targets and tags."""
    with sessions.read() as session:
        repository = TrainedModels(session)
        matches = repository.page(
            window.place(wanted),
            limit=window.limit,
            after=window.after,
            name=name,
            dataset_id=dataset,
            target=target,
            task=task,
            has_previews=previews,
        )
        page, cursor = window.take_page(matches, wanted.order)
        aliases = repository.list_aliases(page)
        return Page(items=[ModelOut.from_row(model, aliases[model.id]) for model in page], next_cursor=cursor)


@router.get(
    "/models/{model_id}",
    dependencies=[READ_OR_PREDICT],
    response_model=ModelOut,
    responses=NOT_MODIFIED,
    summary="One model",
)
def get_model(
    model_id: Reference, response: Response, sessions: Sessions, if_none_match: IfNoneMatch = None
) -> ModelOut | Response:
    """Its shape, its metrics on the hold-out rows, and its origin."""
    with sessions.read() as session:
        repository = TrainedModels(session)
        model = repository.get(model_id)
        out = ModelOut.from_row(model, repository.list_aliases([model])[model.id])
    return respond_with_etag(out, response, if_none_match)


@router.patch("/models/{model_id}", dependencies=[TRAIN], summary="Rename, tag or alias a model")
def change_model(
    *,
    model_id: str,
    patch: ModelPatch,
    response: Response,
    sessions: Sessions,
    directory: Directory,
    if_match: IfMatch = None,
) -> ModelOut:
    """Changes only the given fields. Requires the id: a name may refer to another model by then."""
    out = management.change_model(model_id, patch, sessions, if_match=if_match)
    directory.clear()
    response.headers["ETag"] = entity_tag(out)
    return out


@router.delete("/models/{model_id}", dependencies=[TRAIN], status_code=204, summary="Delete a model")
def delete_model(model_id: str, sessions: Sessions, directory: Directory, if_match: IfMatch = None) -> None:
    """Cannot be undone. Requires the id, as a change does."""
    management.delete_model(model_id, sessions, if_match=if_match)
    directory.clear()


@router.get(
    "/models/{model_id}/symbolic",
    dependencies=[READ],
    summary="The model as formulas",
    response_model=SymbolicOut,
    responses={200: describe_file("text/plain")},
)
def get_formulas(
    model_id: Reference, sessions: Sessions, format: FormulaFormat = "json", front: FrontQuery = False
) -> Response:
    """JSON with errors and domains, or text in the requested language with one formula per output."""
    formulas = symbolic.read_formulas(model_id, sessions)
    if format == "json":
        return _json_response(formulas.to_json())
    return Response(formulas.write(format, front=front), media_type="text/plain")


@router.get(
    "/models/{model_id}/edges",
    dependencies=[READ],
    summary="The activations of a model",
    response_model=EdgesOut,
)
def get_edges(model_id: Reference, sessions: Sessions, network: NetworkQuery = None) -> Response:
    """Curve, score and fitted functions of every edge. 409 `no_compact_network` for a model without one."""
    with sessions.read() as session:
        model = TrainedModels(session).get(model_id)
        member = select_network(model, network)
        body = {"model_id": model.id, "network": member.name, **member.edges, "functions": list(LIBRARY)}
    return _json_response(body)


@router.get(
    "/models/{model_id}/rows",
    dependencies=[READ],
    summary="Rows of a model",
    response_model=ModelRowsOut,
)
def get_rows(
    model_id: Reference,
    sessions: Sessions,
    settings: Config,
    limit: Annotated[int, Query(ge=1, le=2000)] = 2000,
) -> Response:
    """Inputs and target of a sample of the rows that the model was trained and measured on, to draw them
    with its predictions; fewer than `limit` for very many inputs. 404 `dataset_not_found` after a deletion.
    """
    return _json_response(rows.read_rows(model_id, limit, sessions, settings.data_dir))


def _json_response(document: Any) -> Response:
    """Serialize without validation by Pydantic, which would take longer than a prediction."""
    return Response(orjson.dumps(document), media_type="application/json")
