"""The synchronous client: the methods of the asynchronous one, over a transport that blocks."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from service.client.endpoints import Endpoints
from service.client.environment import DEFAULT_URL, read_environment
from service.client.limits import DEFAULT_CLIENT, ClientLimits
from service.client.transport import Outcome, Request, Transport, connection_options, write_atomically

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[Endpoints, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Client, P], T]:
    """Make a method of ``Client`` from one that is a coroutine."""

    @wraps(method)
    def call(client: Client, /, *arguments: P.args, **options: P.kwargs) -> T:
        return _run(method(client._endpoints, *arguments, **options))

    return call


def _blocking_iterator(
    method: Callable[Concatenate[Endpoints, P], AsyncIterator[T]],
) -> Callable[Concatenate[Client, P], Iterator[T]]:
    """Make a method of ``Client`` from one that returns an asynchronous iterator."""

    @wraps(method)
    def call(client: Client, /, *arguments: P.args, **options: P.kwargs) -> Iterator[T]:
        return _iterate(method(client._endpoints, *arguments, **options))

    signature = inspect.signature(method)
    annotation = str(signature.return_annotation).removeprefix("Async")
    call.__signature__ = signature.replace(return_annotation=annotation)  # type: ignore[attr-defined]
    return call


def _iterate(items: AsyncIterator[T]) -> Iterator[T]:
    async def get_next() -> T:
        return await anext(items)

    with suppress(StopAsyncIteration):
        while True:
            yield _run(get_next())


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("the coroutine is suspended, but the transport has to block")


class Client:
    """Client of the service.

        with Client() as kan:
            model = kan.train(kan.upload("law.csv"), "y", name="law")
            print(kan.formula(model), kan.predict(model, [{"x1": 0.3, "x2": -0.7}]).values)

    Arguments accept datasets, jobs and models as objects or by id, datasets also by name, and models by
    ``name`` or ``name@alias``. Methods that list, such as ``jobs``, iterate over all pages. Requests that
    change nothing, and submissions of jobs, are retried a few times if the response is lost or the service
    is busy.

    Every method raises ``ApiError`` if the service refuses the request, and ``Unreachable`` if no response
    arrives.

    Args:
        url: URL of the service, including the path prefix of a proxy.
        key: API key, if the service requires one.
        timeout: Longest time in seconds without any data of a response.
        limits: Retries, and waits for jobs.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        limits: ClientLimits = DEFAULT_CLIENT,
    ) -> None:
        self._http = httpx.Client(**connection_options(url, key))
        self._endpoints = Endpoints(BlockingTransport(self._http, timeout, limits))

    @classmethod
    def from_env(cls, *, timeout: float = 60.0, limits: ClientLimits = DEFAULT_CLIENT) -> Self:
        """A client of the service that KANSERVICE_URL and KANSERVICE_KEY name, as for the commands."""
        return cls(*read_environment(), timeout=timeout, limits=limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    upload = _blocking(Endpoints.upload)
    dataset = _blocking(Endpoints.dataset)
    datasets = _blocking_iterator(Endpoints.datasets)
    change_dataset = _blocking(Endpoints.change_dataset)
    preview = _blocking(Endpoints.preview)
    sample = _blocking(Endpoints.sample)

    train = _blocking(Endpoints.train)
    solve = _blocking(Endpoints.solve)
    submit = _blocking(Endpoints.submit)
    wait = _blocking(Endpoints.wait)
    job = _blocking(Endpoints.job)
    jobs = _blocking_iterator(Endpoints.jobs)
    trace = _blocking(Endpoints.trace)
    cancel = _blocking(Endpoints.cancel)
    retry = _blocking(Endpoints.retry)
    predict_dataset = _blocking(Endpoints.predict_dataset)
    study = _blocking(Endpoints.study)
    result = _blocking(Endpoints.result)

    model = _blocking(Endpoints.model)
    models = _blocking_iterator(Endpoints.models)
    predict = _blocking(Endpoints.predict)
    evaluate = _blocking(Endpoints.evaluate)
    evaluations = _blocking_iterator(Endpoints.evaluations)
    next_rows = _blocking(Endpoints.next_rows)
    formula = _blocking(Endpoints.formula)
    formats = _blocking(Endpoints.formats)
    typeset = _blocking(Endpoints.typeset)
    symbolic = _blocking(Endpoints.symbolic)
    edges = _blocking(Endpoints.edges)
    figures = _blocking(Endpoints.figures)
    rows = _blocking(Endpoints.rows)
    plot = _blocking(Endpoints.plot)
    export = _blocking(Endpoints.export)
    import_model = _blocking(Endpoints.import_model)
    card = _blocking(Endpoints.card)
    card_text = _blocking(Endpoints.card_text)
    compare = _blocking(Endpoints.compare)
    aliases = _blocking(Endpoints.aliases)
    alias_history = _blocking_iterator(Endpoints.alias_history)
    change = _blocking(Endpoints.change)

    delete = _blocking(Endpoints.delete)
    usage = _blocking(Endpoints.usage)


class BlockingTransport(Transport):
    """A transport that blocks while it waits, and never suspends."""

    def __init__(self, http: httpx.Client, timeout: float, limits: ClientLimits) -> None:
        super().__init__(limits)
        self._http, self._timeout = http, timeout

    async def exchange(self, request: Request) -> Outcome:
        """Send a request once, after its pause; return the response or the network failure."""
        time.sleep(request.after_s)
        try:
            with self._http.stream(
                **request.options(self._timeout, self.limits.connect_timeout_s)
            ) as response:
                if response.is_success and request.into:
                    with write_atomically(request.into) as file:
                        file.writelines(response.iter_bytes())
                    return response
                if request.on_line is None or not response.is_success:
                    response.read()
                    return response
                for line in response.iter_lines():
                    if not request.on_line(line):
                        break
                return response
        except httpx.TransportError as error:
            return error
