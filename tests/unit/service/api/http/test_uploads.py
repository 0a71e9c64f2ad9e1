"""Multipart forms: in whatever pieces they come and whatever they hold, the file is the one that was sent."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from service.api.http.limits import DEFAULT_LIMITS
from service.api.http.uploads import TABLE_FIELDS, receive_upload
from service.errors import Malformed
from service.settings import MiB

BOUNDARY = b"b0undary"


def receive_form(body: bytes, sizes: Sequence[int] = (1 << 16,)) -> tuple[bytes, dict[str, str]]:
    place = 0

    async def receive() -> Message:
        nonlocal place
        size = sizes[place % len(sizes)]
        chunk = body[place : place + size]
        place += size
        return {"type": "http.request", "body": chunk, "more_body": place < len(body)}

    async def all_of_it() -> tuple[bytes, dict[str, str]]:
        headers = [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)]
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        async with receive_upload(request, Path(gettempdir()), TABLE_FIELDS, limits=DEFAULT_LIMITS) as form:
            return form.file.read(), form.fields

    return asyncio.run(all_of_it())


def form_of(content: bytes, name: bytes | None = None) -> bytes:
    parts = [b'; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n' + content]
    if name is not None:
        parts.append(b'; name="name"\r\n\r\n' + name)
    between = b"\r\n--" + BOUNDARY + b"\r\nContent-Disposition: form-data"
    return (between + between.join(parts) + b"\r\n--" + BOUNDARY + b"--\r\n").removeprefix(b"\r\n")


ALMOST = [b"\r\n", b"--", b"\r\n--b0undar", b"\r", b"\n", b"--b0undary--", b"x,y\r\n1,2"]


@given(
    pieces=st.lists(st.sampled_from(ALMOST), max_size=6),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
def test_what_almost_ends_a_part_is_a_part_of_it(pieces: list[bytes], sizes: list[int]) -> None:
    content = b"".join(pieces)
    if b"\r\n--b0undary--" in b"\r\n" + content:  # this does end it
        return
    assert receive_form(form_of(content, b"a table"), sizes) == (content, {"name": "a table"})


@pytest.mark.parametrize("content", [b"", b"\r", b"\r\n", b"\r\n\r\n", b"x" * 5_000])
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_file_may_be_empty_or_line_ends_alone(content: bytes, size: int) -> None:
    assert receive_form(form_of(content), [size]) == (content, {})


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 200_000,
        form_of(b"x").replace(b"Content-Type: ", b"Content-Type "),
        form_of(b"x").replace(b"text/csv", b"x" * 10_000),
        form_of(b"x")[:-6],
    ],
    ids=["no boundary", "a header without a colon", "a long header", "no end"],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        receive_form(body)


@pytest.mark.parametrize("almost", [b"\r\n--b0undar", b"\r\n--b1undary", b"\r"])
def test_a_file_of_almost_boundaries_is_read_at_once(almost: bytes) -> None:
    content = almost * (16 * MiB // len(almost))
    since = time.monotonic()
    assert receive_form(form_of(content))[0] == content
    assert time.monotonic() - since < 5  # a tenth of a second; character by character took ten
