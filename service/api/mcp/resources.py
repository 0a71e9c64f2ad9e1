"""Resources for agents: the cards of models, and the pages of the guide, both in Markdown."""

from __future__ import annotations

import re
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from starlette.concurrency import run_in_threadpool

from service.api.http.dependencies import check_scopes
from service.api.mcp.tool import ToolContext
from service.api.mcp.wording import name_tools
from service.caller import Scope
from service.db.repositories.models import TrainedModels
from service.errors import ServiceError
from service.operations.models.model_card import read_card
from service.operations.models.model_card_markdown import render_card

MARKDOWN = "text/markdown"
PAGE_MODELS = 50  # in a page of the list
GUIDE = re.compile(r"kan://guide/(en|ru)/([a-z-]+)")
MODEL = re.compile(r"kan://models/(.+)")
TEMPLATES = [
    ResourceTemplate(
        name="model",
        title="Card of a model",
        uri_template="kan://models/{model}",
        description="Target, inputs, metrics, formulas with their verdict, valid range and training of a "
        "model, by its id, name or `name@alias`.",
        mime_type=MARKDOWN,
    ),
    ResourceTemplate(
        name="guide",
        title="Page of the guide",
        uri_template="kan://guide/{language}/{page}",
        description="How to use the service and read its results, in `en` or `ru`.",
        mime_type=MARKDOWN,
    ),
]


async def list_resources(
    context: ToolContext, _: Any, params: PaginatedRequestParams | None
) -> ListResourcesResult:
    """The pages of the guide, then the models, newest first."""
    cursor = params.cursor if params else None
    pages = [] if cursor else [_describe_page(page, title) for page, title in context.guide.list_pages()]
    models, following = await run_in_threadpool(_list_models, context, cursor)
    return ListResourcesResult(resources=[*pages, *models], next_cursor=following)


async def list_templates(*_: Any) -> ListResourceTemplatesResult:
    """The forms of all addresses."""
    return ListResourceTemplatesResult(resource_templates=TEMPLATES)


async def read_resource(
    context: ToolContext, _: Any, params: ReadResourceRequestParams
) -> ReadResourceResult:
    """The text of a resource."""
    try:
        text = await run_in_threadpool(_read, context, str(params.uri))
    except ServiceError as error:
        raise MCPError(code=INVALID_PARAMS, message=name_tools(error.detail)) from None
    return ReadResourceResult(contents=[TextResourceContents(uri=params.uri, mime_type=MARKDOWN, text=text)])


def _list_models(context: ToolContext, after: str | None) -> tuple[list[Resource], str | None]:
    if not context.caller.has_scope(Scope.READ):
        return [], None
    with context.sessions.read() as session:
        rows = TrainedModels(session).page(limit=PAGE_MODELS, after=after, has_previews=False)
    resources = [
        Resource(
            name=f"{row.name} version {row.version}",
            uri=f"kan://models/{row.id}",
            description=f"A model of {row.target} ({row.task}).",
            mime_type=MARKDOWN,
        )
        for row in rows[:PAGE_MODELS]
    ]
    return resources, rows[PAGE_MODELS - 1].id if len(rows) > PAGE_MODELS else None


def _describe_page(page: str, title: str) -> Resource:
    return Resource(name=page, title=title, uri=f"kan://guide/en/{page}", mime_type=MARKDOWN)


def _read(context: ToolContext, uri: str) -> str:
    if (match := GUIDE.fullmatch(uri)) and match[2] in dict(context.guide.list_pages()):
        return context.guide.read_page(match[2], "ru" if match[1] == "ru" else "en")
    if match := MODEL.fullmatch(uri):
        check_scopes(context.caller, (Scope.READ,))
        return render_card(read_card(match[1], context.sessions))
    detail = f"there is no resource {uri[:200]!r}; resources/list and resources/templates/list tell them"
    raise MCPError(code=INVALID_PARAMS, message=detail)
