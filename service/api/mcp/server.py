"""The protocol: lists the tools that a key opens, calls them, and tells errors as the routes do.

Every request has a server of its own, made for its caller, so that any process can answer any request and no
state remains. The middleware of the application has checked host, key, rate and size before.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Mapping
from functools import cache, partial
from importlib.metadata import version
from inspect import iscoroutinefunction
from typing import Any

import orjson
from fastapi import Response
from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    BlobResourceContents,
    CallToolRequestParams,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)
from mcp_types import Tool as ListedTool
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

from service.api.http.dependencies import check_scopes
from service.api.http.problems import describe_error
from service.api.http.uploads import validate_body
from service.api.mcp.dataset_tools import DATASET_TOOLS
from service.api.mcp.job_tools import JOB_TOOLS
from service.api.mcp.model_tools import MODEL_TOOLS
from service.api.mcp.resources import list_resources, list_templates, read_resource
from service.api.mcp.tool import ExportedFile, Picture, Tool, ToolContext
from service.api.mcp.wording import name_tools
from service.error_codes import load_remedies

log = logging.getLogger(__name__)
logging.getLogger("mcp").setLevel(logging.WARNING)  # it tells of every request

TOOLS = {tool.name: tool for tool in (*DATASET_TOOLS, *JOB_TOOLS, *MODEL_TOOLS)}
INSTRUCTIONS = """\
This service turns a table into a formula: it trains Kolmogorov-Arnold networks and reads formulas off them.
1. upload_table with one row per observation, and units where you know them; or list_datasets.
2. describe_dataset. `types` of train corrects a wrong type, `missing` of an upload a code for missing values.
3. train with dataset_id and target, then wait_for_job until the status is succeeded: seconds to minutes.
4. read_formula with the model_id of the job. State the verdict and the error with the formula.
5. predict, draw_plot, describe_model; export_model for a file.
To take another formula: change_formula with `choose`, or with `fix` and the edges of read_edges.
For every row of a dataset: predict_table; to compare settings: run_study. Then wait_for_job, read_result.
For differential equations: solve_equations, wait_for_job, read_formula.
Resources hold the guide and the cards of models: kan://guide/en/reading explains verdicts and errors.
An error is JSON with code, detail and remedy. The name of a model means its newest version.
"""


class McpResponse(Response):
    """Answers one request of the protocol, whose body has been read.

    Args:
        body: The request's.
    """

    def __init__(self, body: bytes, context: ToolContext) -> None:
        super().__init__()
        self._request_body, self._context = body, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with JSON, or with a stream if there is progress to tell."""
        unread = [{"type": "http.request", "body": self._request_body, "more_body": False}]

        async def receive_again() -> Message:
            return unread.pop() if unread else await receive()

        manager = StreamableHTTPSessionManager(
            make_server(self._context), stateless=True, max_request_body_size=len(self._request_body) + 1
        )
        async with manager.run():
            await manager.handle_request(scope, receive_again, send)


def make_server(context: ToolContext) -> Server[Any]:
    """A server with the tools that the caller's key opens."""
    return Server(
        "kan-service",
        title="KAN service",
        version=version("kan-service"),
        instructions=INSTRUCTIONS,
        get_tool_input_schema=_get_input_schema,
        on_list_tools=partial(_list_tools, context),
        on_call_tool=partial(_call_tool, context),
        on_list_resources=partial(list_resources, context),
        on_list_resource_templates=list_templates,
        on_read_resource=partial(read_resource, context),
    )


async def _list_tools(
    context: ToolContext, _: ServerRequestContext[Any], __: PaginatedRequestParams | None
) -> ListToolsResult:
    return ListToolsResult(
        tools=[describe_tool(tool) for tool in TOOLS.values() if tool.is_open_to(context.caller)]
    )


def _get_input_schema(name: str) -> Mapping[str, Any] | None:
    tool = TOOLS.get(name)
    return None if tool is None else _describe_arguments(tool)


@cache
def describe_tool(tool: Tool) -> ListedTool:
    """A tool as clients see it."""
    return ListedTool(
        name=tool.name,
        title=tool.title,
        description=" ".join((tool.run.__doc__ or "").split()),
        input_schema=_describe_arguments(tool),
        output_schema=tool.result and name_tools(tool.result.model_json_schema(mode="serialization")),
        annotations=ToolAnnotations(
            read_only_hint=tool.is_read_only, destructive_hint=False, open_world_hint=False
        ),
    )


@cache
def _describe_arguments(tool: Tool) -> dict[str, Any]:
    """The schema of the arguments, that of HTTP."""
    schema: dict[str, Any] = name_tools(tool.arguments.model_json_schema())
    return schema


async def _call_tool(
    context: ToolContext, request: ServerRequestContext[Any], params: CallToolRequestParams
) -> CallToolResult:
    tool, since, code = TOOLS.get(params.name), time.perf_counter(), None
    if tool is None:
        raise MCPError(code=INVALID_PARAMS, message=f"there is no tool {params.name[:100]!r}; see tools/list")
    try:
        check_scopes(context.caller, tool.scopes)
        arguments = validate_body(tool.arguments, params.arguments or {})
        if iscoroutinefunction(tool.run):
            return await run_in_threadpool(
                _to_content, await tool.run(arguments, context, request.session.report_progress)
            )
        return await run_in_threadpool(_run, tool, arguments, context, request.session.report_progress)
    except Exception as error:
        problem = describe_error(error, f"/mcp {tool.name}")
        code = problem["code"]
        document = name_tools(problem | {"remedy": load_remedies().get(code)})
        return CallToolResult(content=[_to_text(document)], is_error=True)
    finally:
        facts = {"tool": tool.name, "seconds": round(time.perf_counter() - since, 4)}
        log.info("tool called", extra=facts if code is None else facts | {"error_code": code})


def _run(tool: Tool, *arguments: Any) -> CallToolResult:
    return _to_content(tool.run(*arguments))


def _to_content(result: BaseModel | dict[str, Any] | Picture | ExportedFile) -> CallToolResult:
    """A result as text for agents, and as JSON, an image or a file for programs."""
    if isinstance(result, ExportedFile):
        return CallToolResult(content=[_to_text(result.facts), _embed(result)])
    if isinstance(result, Picture):
        data = base64.b64encode(result.png).decode()
        return CallToolResult(content=[ImageContent(data=data, mime_type="image/png")])
    document = result if isinstance(result, dict) else result.model_dump(mode="json")
    text = _to_text(document)
    return CallToolResult(content=[text], structured_content=orjson.loads(text.text))


def _embed(file: ExportedFile) -> EmbeddedResource:
    contents: TextResourceContents | BlobResourceContents
    if file.media_type.startswith("text/"):
        text = file.data.decode()
        contents = TextResourceContents(uri=file.uri, mime_type=file.media_type, text=text)
    else:
        blob = base64.b64encode(file.data).decode()
        contents = BlobResourceContents(uri=file.uri, mime_type=file.media_type, blob=blob)
    return EmbeddedResource(resource=contents)


def _to_text(document: dict[str, Any]) -> TextContent:
    return TextContent(text=orjson.dumps(document).decode())
