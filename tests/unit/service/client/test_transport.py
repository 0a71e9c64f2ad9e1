import httpx
import pytest

from service.client import Unreachable, transport
from service.client.transport import make_get_request, send


def pauses(*outcomes: transport.Outcome) -> list[float]:
    """How long a request waits before each further try."""
    steps = send(make_get_request("usage"), tries=len(outcomes) + 1)
    next(steps)
    return [steps.send(outcome).after_s for outcome in outcomes]


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
