import asyncio

import httpx
import pytest

from service.client import Unreachable
from service.client.transport import Outcome, Request, Transport, make_get_request


class Played(Transport):
    """The outcomes that it was given, one after the other."""

    def __init__(self, *outcomes: Outcome) -> None:
        super().__init__()
        self.outcomes = list(outcomes)
        self.requests: list[Request] = []

    async def exchange(self, request: Request) -> Outcome:
        self.requests.append(request)
        return self.outcomes.pop(0)


def pauses(*outcomes: Outcome) -> list[float]:
    """How long a request waits before each further try."""
    played = Played(*outcomes, httpx.Response(200))
    asyncio.run(played.send(make_get_request("usage"), tries=len(outcomes) + 1))
    return [request.after_s for request in played.requests[1:]]


def test_pauses_grow_with_every_try() -> None:
    assert pauses(*[httpx.ReadError("cut off")] * 9) == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize("status", [429, 503])
def test_the_service_says_how_long_to_wait(status: int) -> None:
    busy = [httpx.Response(status, headers={"retry-after": str(wanted)}) for wanted in (7, 0, 60)]
    assert pauses(*busy) == [7, 1, 60]


@pytest.mark.parametrize(
    "error", [httpx.UnsupportedProtocol("no http://"), httpx.LocalProtocolError("a header with a line break")]
)
def test_a_mistake_of_the_caller_is_not_repeated(error: httpx.TransportError) -> None:
    with pytest.raises(Unreachable, match=str(error)):
        pauses(error)
