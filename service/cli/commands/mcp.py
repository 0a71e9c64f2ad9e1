"""``kan-service mcp``: the tools of a service for agents that start a program and speak over its streams.

Both sides speak the version of the protocol that their partner knows; calls and results pass unchanged.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)

from service.cli.support.connection import Key, find_service
from service.cli.support.connection import Server as Address
from service.cli.support.errors import report_failure

TIMEOUT_S = 300.0  # of a call, such as the upload of a large table


def mcp(server: Address = None, key: Key = None) -> None:
    """Offer a service as tools to an agent, over standard input and output (MCP).

    Enter `kan-service mcp` as the command of a server where your agent lists its MCP servers. An agent that
    reaches the service itself uses its URL with /mcp instead.
    """
    with find_service(server, key) as (url, own_key):
        asyncio.run(_serve(f"{url}/mcp", own_key))


async def _serve(url: str, key: str | None) -> None:
    """Serve until standard input ends."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_S) as http:
        await _check_admission(http, url)
        async with (
            Client(streamable_http_client(url, http_client=http)) as service,
            stdio_server() as (messages, answers),
        ):
            agent = make_server(service)
            await agent.run(messages, answers, agent.create_initialization_options())


async def _check_admission(http: httpx2.AsyncClient, url: str) -> None:
    """End the command if the service cannot be reached, or does not accept the key."""
    try:
        answer = await http.get(url)
    except httpx2.TransportError as error:
        raise report_failure(f"there is no service at {url}: {error}") from None
    if answer.status_code == httpx2.codes.UNAUTHORIZED:
        raise report_failure(f"{answer.json()['detail']}\n  give the key with --key, or in KANSERVICE_KEY")
    if answer.status_code != httpx2.codes.METHOD_NOT_ALLOWED:  # no stream without a request
        raise report_failure(
            f"{url} answers {answer.status_code}; check the address and version of the service"
        )


def make_server(service: Client) -> Server[Any]:
    """A server that passes every call on to the service."""

    async def list_tools(
        _: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return await service.list_tools(cursor=params.cursor if params else None, cache_mode="refresh")

    async def call_tool(request: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        return await service.call_tool(
            params.name, params.arguments, progress_callback=request.session.report_progress
        )

    async def list_resources(
        _: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        return await service.list_resources(cursor=params.cursor if params else None, cache_mode="refresh")

    async def list_templates(
        _: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return await service.list_resource_templates(
            cursor=params.cursor if params else None, cache_mode="refresh"
        )

    async def read_resource(
        _: ServerRequestContext[Any], params: ReadResourceRequestParams
    ) -> ReadResourceResult:
        return await service.read_resource(params.uri, cache_mode="refresh")

    info = service.server_info
    return Server(
        info.name if info else "kan-service",
        title=info.title if info else None,
        version=info.version if info else "",
        instructions=service.instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )
