"""Which bodies this process parses, and which it leaves to another."""

import asyncio
from typing import Any

import pytest

from service.api.http.large_bodies import HEADER_LENGTH, LargeBodyMiddleware
from service.api.http.limits import DEFAULT_LIMITS

BRACKETS = b"[" * 100_000  # more than this process parses in JSON


@pytest.mark.parametrize("length", ["0", "2"])
def test_bytes_of_tensors_that_look_like_lists_are_not_json(length: str) -> None:
    assert answers_here("/v2/models/law/infer", length)


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/v2/models/law/infer", "100000"),
        ("/v2/models/law/infer", "-1"),
        ("/v2/models/law/infer", "0" * 30 + "100000"),
        ("/predict", "0"),
    ],
)
def test_lists_in_the_json_are_counted_whatever_its_length_is_said_to_be(path: str, length: str) -> None:
    assert not answers_here(path, length)


def answers_here(path: str, length: str) -> bool:
    """Whether the body reaches the application; the other process is not there and fails."""
    reached: list[bytes] = []

    async def application(_: Any, receive: Any, __: Any) -> None:
        reached.append((await receive())["body"])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BRACKETS, "more_body": False}

    nothing: Any = None
    middleware = LargeBodyMiddleware(
        application, nothing, nothing, nothing, nothing, nothing, limits=DEFAULT_LIMITS
    )
    headers = {
        "content-length": str(len(BRACKETS)),
        "content-type": "application/json",
        HEADER_LENGTH: length,
    }
    scope = {
        "type": "http",
        "path": path,
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    try:
        asyncio.run(middleware(scope, receive, nothing))
    except (AttributeError, TypeError, KeyError):
        return False
    return reached == [BRACKETS]
