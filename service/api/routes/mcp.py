"""The route of the Model Context Protocol: streamable HTTP without sessions.

`GET` would open a stream of messages that no request asked for, and `DELETE` would end a session: this server
has neither, and answers 405.
"""

from functools import cache
from importlib import import_module
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Request, Response

from service.api.http.dependencies import (
    Config,
    CurrentCaller,
    Drawing,
    Limits,
    Metrics,
    Parsing,
    Queue,
    Sessions,
    StrictRoute,
    Watch,
)
from service.api.mcp.tool import ToolContext
from service.api.routes.predictions import make_prediction_context

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.post("/mcp")
async def answer_message(
    *,
    _: Annotated[dict[str, Any], Body()],  # parsed strictly; the protocol parses it again
    request: Request,
    caller: CurrentCaller,
    sessions: Sessions,
    settings: Config,
    queue: Queue,
    watch: Watch,
    parsing: Parsing,
    drawing: Drawing,
    meters: Metrics,
    limits: Limits,
) -> Response:
    """Answer one message; each tool checks the scopes of the key."""
    context = ToolContext(
        caller=caller,
        sessions=sessions,
        settings=settings,
        queue=queue,
        serving=make_prediction_context(request),
        watch=watch,
        parsing=parsing,
        drawing=drawing,
        meters=meters,
        limits=limits,
    )
    server = await to_thread.run_sync(_import_server)
    response: Response = server.McpResponse(await request.body(), context)
    return response


@cache
def _import_server() -> Any:
    """Import the protocol with the first message: this takes a second, which other APIs save."""
    return import_module("service.api.mcp.server")
