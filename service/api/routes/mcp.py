"""The route of the Model Context Protocol: streamable HTTP without sessions.

`GET` would open a stream of messages that no request asked for, and `DELETE` would end a session: this server
has neither, and answers 405.
"""

from functools import cache
from importlib import import_module
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import JSONResponse

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
from service.api.routes.guide_pages import ENGLISH, PAGES, read_source, read_title
from service.api.routes.predictions import make_prediction_context
from service.schemas.figures import LanguageName

INVALID_REQUEST = -32_600  # of JSON-RPC

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.post("/mcp")
async def answer_message(
    *,
    message: Annotated[dict[str, Any], Body()],  # parsed strictly; the protocol parses it again
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
    if fault := _find_fault(message):
        return _make_invalid_request(message, fault)
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
        guide=_GuidePages(),
    )
    server = await to_thread.run_sync(_import_server)
    response: Response = server.McpResponse(await request.body(), context)
    return response


class _GuidePages:
    """The guide, whose pages belong to another route."""

    def list_pages(self) -> list[tuple[str, str]]:
        return [(name, read_title(name, ENGLISH)) for name in PAGES]

    def read_page(self, name: str, language: LanguageName) -> str:
        return read_source(name, language)


def _find_fault(message: dict[str, Any]) -> str | None:
    """What makes a message no JSON-RPC 2.0; a notification is a request without an id."""
    if message.get("jsonrpc") != "2.0":
        return 'jsonrpc must be "2.0"'
    if "id" in message and not _is_id(message["id"]):
        return "id must be a text or an integer"
    if "method" not in message:
        is_answer = "id" in message and ("result" in message) != ("error" in message)
        return None if is_answer else "a request has a method, an answer has an id and a result or an error"
    if not isinstance(message["method"], str):
        return "method must be a text"
    if not isinstance(message.get("params", {}), dict):
        return "params must be an object"
    return None


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _make_invalid_request(message: dict[str, Any], fault: str) -> Response:
    message_id = message.get("id")
    error = {"code": INVALID_REQUEST, "message": f"{fault}; correct the message"}
    body = {"jsonrpc": "2.0", "id": message_id if _is_id(message_id) else None, "error": error}
    return JSONResponse(body, status_code=400)


@cache
def _import_server() -> Any:
    """Import the protocol with the first message: this takes a second, which other APIs save."""
    return import_module("service.api.mcp.server")
