"""A service on a socket, the way to it, and both clients: every test runs with one and with the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from service.client import AsyncClient, Client
from service.client.limits import ClientLimits
from tests.support.servers import serving

if TYPE_CHECKING:
    from service.db.session import Sessions
    from service.settings import Settings

QUICK = ClientLimits(first_pause_s=0.001, poll_interval_s=0.05)
Message = dict[str, Any]
Mishap = Callable[[Any, Message, Any, Any], Awaitable[None]]


class Way:
    """The way to the service, on which things can go wrong."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.mishaps: dict[str, list[Mishap]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = f"{scope['method']} {scope['path']}"
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((request, headers))
        ahead = self.mishaps.get(request)
        await (ahead.pop(0) if ahead else _pass)(self.app, scope, receive, send)

    def asked(self, request: str) -> list[dict[str, str]]:
        """The headers of every such request."""
        return [headers for asked, headers in self.requests if asked == request]


async def _pass(app: Any, scope: Message, receive: Any, send: Any) -> None:
    await app(scope, receive, send)


async def hang_up(app: Any, scope: Message, receive: Any, send: Any) -> None:
    """The connection breaks."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})


async def lose_the_answer(app: Any, scope: Message, receive: Any, send: Any) -> None:
    """What was asked is done, but nobody hears of it."""

    async def swallow(_: Message) -> None: ...

    await app(scope, receive, swallow)
    await hang_up(app, scope, receive, send)


def answer(status: int, **headers: str) -> Mishap:
    """An answer of something on the way, that the service has no part in."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def mishap(app: Any, scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b"<html>"})

    return mishap


def cut_after(text: str) -> Mishap:
    """The connection breaks behind the first part of the answer that contains this."""

    class Cut(Exception): ...

    async def mishap(app: Any, scope: Message, receive: Any, send: Any) -> None:
        async def until_then(message: Message) -> None:
            await send(message)
            if text in message.get("body", b"").decode():
                raise Cut

        with pytest.raises(Cut):
            await app(scope, receive, until_then)

    return mishap


@pytest.fixture
def worked_on(sessions: Sessions, settings: Settings) -> Mishap:
    """A worker does the job before the client hears that it is queued."""
    from anyio import to_thread

    from service.db.repositories import Jobs

    async def worked_on(app: Any, *request: Any) -> None:
        await app(*request)
        with sessions.read() as session:
            newest = Jobs(session).page(limit=1)[0].id
        await to_thread.run_sync(partial(_work, newest, sessions, settings))

    return worked_on


def _work(job_id: str, sessions: Sessions, settings: Settings) -> None:
    """Do a job, with all that it makes of itself."""
    from service.db.repositories import Jobs
    from worker.execution.runner import run_job
    from worker.jobs.registry import HANDLERS

    is_queued = True
    while is_queued:
        run_job(job_id, None, sessions, settings, work_of=HANDLERS.__getitem__)
        with sessions.read() as session:
            is_queued = Jobs(session).is_any_queued(("train", "study"))
            waiting = Jobs(session).page(limit=1, status="queued")
        job_id = waiting[0].id if waiting else job_id


class InLoop:
    """An asynchronous client, called as the other one is."""

    def __init__(self, client: AsyncClient, runner: asyncio.Runner) -> None:
        self._client, self._runner = client, runner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            return self._runner.run(_listed(result) if hasattr(result, "__aiter__") else result)

        return call


async def _listed(items: Any) -> list[Any]:
    return [item async for item in items]


@pytest.fixture(scope="module")
def settings(new_settings: Callable[[], Settings]) -> Settings:
    return new_settings()


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[tuple[str, Way]]:
    from service.main import create_app

    way = Way(create_app(settings))
    with serving(way) as url:
        yield url, way


@pytest.fixture(scope="module")
def key(service: tuple[str, Way]) -> str:
    from service.caller import Scope
    from service.db.repositories.api_keys import ApiKeys

    with service[1].app.state.sessions.begin() as session:
        return ApiKeys(session).add("a client", scopes=tuple(Scope))[1]


@pytest.fixture
def way(service: tuple[str, Way]) -> Iterator[Way]:
    yield service[1]
    service[1].mishaps.clear()
    service[1].requests.clear()


# For tests of what both clients share, and of what takes a training.
WITH_ONE_CLIENT = pytest.mark.parametrize("kan", ["sync"], indirect=True)


@pytest.fixture
def limits() -> ClientLimits:
    """Without pauses; a test may ask for others by a parameter of this name."""
    return QUICK


@pytest.fixture(params=["sync", "async"])
def kan(
    request: pytest.FixtureRequest, service: tuple[str, Way], way: Way, limits: ClientLimits, key: str
) -> Iterator[Any]:
    url, _ = service
    if request.param == "sync":
        with Client(url, key, limits=limits) as client:
            yield client
        return
    with asyncio.Runner() as runner:
        client = AsyncClient(url, key, limits=limits)
        yield InLoop(client, runner)
        runner.run(client.close())
