"""What no client library sends: bytes on a socket, and what the server makes of them."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import httpx
import pytest

from service.main import create_app
from service.settings import Settings
from tests.support.peak import forget_peak, own_peak
from tests.support.servers import serving

HOST = b"Host: 127.0.0.1\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /datasets HTTP/1.1\r\n" + HOST + JSON
TABLE = b'{"columns": {"x": [1]}}'
SMUGGLED = b"DELETE /datasets/x HTTP/1.1\r\n" + HOST + b"\r\n"
CLOSE = b"Connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def port(new_settings: Callable[[], Settings]) -> Iterator[int]:
    with serving(create_app(new_settings())) as url:
        httpx.post(f"{url}/datasets", content=TABLE, headers={"Content-Type": "application/json"})  # imports
        yield int(url.rpartition(":")[2])


@pytest.fixture(autouse=True)
def _goes_on(port: int) -> Iterator[None]:
    """Whatever was sent, the next client is answered at once."""
    yield
    assert httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=5).status_code == 200


def said(port: int, *parts: bytes, patience_s: float = 0.5) -> list[int]:
    """The statuses of the answers to these bytes, until the server hangs up or has nothing more to say."""
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.settimeout(patience_s)
        heard = b""
        with suppress(ConnectionError, TimeoutError):  # who hangs up early has answered before
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionError, TimeoutError):
            while chunk := connection.recv(65_536):
                heard += chunk
    return [int(rest[:3]) for rest in heard.split(b"HTTP/1.1 ")[1:]]


WRONG = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /health/live\r\n\r\n",
    "no host": b"GET /health/live HTTP/1.1\r\n" + CLOSE,
    "two hosts": LIVE + b"Host: evil.example\r\n" + CLOSE,
    "another host": b"GET /health/live HTTP/1.1\r\nHost: evil.example\r\n" + CLOSE,
    "a space before the colon": LIVE + b"X : y\r\n" + CLOSE,
    "a header without a name": LIVE + b": y\r\n" + CLOSE,
    "a header with NUL": LIVE + b"X: a\0b\r\n" + CLOSE,
    "a header of a megabyte": LIVE + b"X: " + b"y" * 2**20 + b"\r\n" + CLOSE,
    "headers without end": LIVE + b"X: y\r\n" * 100_000,
    "a path of a megabyte": b"GET /" + b"a" * 2**20 + b" HTTP/1.1\r\n" + HOST + CLOSE,
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + CLOSE,
    "a space in the path": b"GET /health /live HTTP/1.1\r\n" + HOST + CLOSE,
    "a negative length": POST + b"Content-Length: -1\r\n" + CLOSE,
    "a length with a sign": POST + b"Content-Length: +3\r\n" + CLOSE,
    "a length of 100 digits": POST + b"Content-Length: %b\r\n" % (b"9" * 100) + CLOSE,
    "a chunk with a wrong size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a coding that is none": POST + b"Transfer-Encoding: gzip, chunked\r\n" + CLOSE,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 23\r\n\r\n" + TABLE,
    "TRACE": b"TRACE /health/live HTTP/1.1\r\n" + HOST + CLOSE,
    "OPTIONS for all": b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE,
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + CLOSE,
    "a method of its own": b"BREW /datasets HTTP/1.1\r\n" + HOST + CLOSE,
    "a method of a kilobyte": b"A" * 1024 + b" /datasets HTTP/1.1\r\n" + HOST + CLOSE,
    "an upgrade": b"GET /jobs/x HTTP/1.1\r\n" + HOST + b"Upgrade: x\r\nConnection: Upgrade, close\r\n\r\n",
    "up and out": b"GET /docs/assets/../../../../etc/passwd HTTP/1.1\r\n" + HOST + CLOSE,
    "up and out, hidden": b"GET /docs/assets/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n" + HOST + CLOSE,
}  # fmt: skip


@pytest.mark.parametrize("request_", WRONG.values(), ids=WRONG.keys())
def test_what_is_no_request_is_refused_and_leads_nowhere(port: int, request_: bytes) -> None:
    statuses = said(port, request_) or said(port, request_)  # the end of a connection may overtake the answer
    assert statuses
    assert all(400 <= status < 500 for status in statuses)


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding : chunked\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: \x0bchunked\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: identity, chunked\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Content-Length: 0\r\nX: a\nTransfer-Encoding: chunked\r\n",
    ],
)
def test_a_request_cannot_hide_another_from_a_proxy(port: int, headers: bytes) -> None:
    """A proxy that goes by the other header would take the second request for a body, or the reverse."""
    hidden = b"0\r\n\r\n" + SMUGGLED
    statuses = said(port, b"POST /predict HTTP/1.1\r\n" + HOST + JSON + headers + b"\r\n", hidden)
    assert statuses == [400]


def test_a_request_without_a_host_is_refused_whatever_names_are_allowed(
    new_settings: Callable[[], Settings],
) -> None:
    with serving(create_app(new_settings().model_copy(update={"host": "0.0.0.0"}))) as url:
        port = int(url.rpartition(":")[2])
        assert said(port, b"GET /health/live HTTP/1.1\r\n" + CLOSE) == [400]
        assert said(port, b"GET /health/live HTTP/1.0\r\n" + CLOSE) == [200]
        assert said(port, LIVE + CLOSE) == [200]


def test_an_answer_to_a_failure_of_the_service_announces_the_end_of_its_connection(
    new_settings: Callable[[], Settings],
) -> None:
    app = create_app(new_settings())
    app.router.add_api_route("/fails", lambda: 1 / 0)
    with serving(app) as url, httpx.Client(base_url=url) as client:
        failed = client.get("/fails")
        assert (failed.status_code, failed.headers["connection"]) == (500, "close")
        assert client.get("/fails").status_code == 500  # on another connection
        assert "connection" not in client.get("/health/live").headers


def test_requests_one_after_the_other_are_answered_in_their_order(port: int) -> None:
    first = b"GET /datasets/x HTTP/1.1\r\n" + HOST + b"\r\n"
    assert said(port, (first + LIVE + b"\r\n") * 3 + LIVE + CLOSE) == [404, 200] * 3 + [200]


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"GET /", b"a"),
        (LIVE, b"X: y\r\n"),
        (LIVE + b"X: ", b"y"),
        (CHUNKED + b"17;", b"a"),
        (CHUNKED + b"17\r\n" + TABLE + b"\r\n0\r\n", b"X: y\r\n"),
        (CHUNKED + b"17\r\n" + TABLE + b"\r\n0\r\nX: ", b"y"),
    ],
    ids=["an address", "headers", "a header", "a chunk's extension", "trailers", "a trailer"],
)
def test_what_has_no_end_takes_no_memory(port: int, beginning: bytes, piece: bytes) -> None:
    forget_peak()
    before = own_peak()
    assert said(port, beginning, *[piece * (180_000 // len(piece))] * 100) in ([], [400])
    assert own_peak() - before < 8 * 2**20


def test_a_request_with_the_whole_address_is_one_for_its_path(port: int) -> None:
    request = b"GET http://127.0.0.1/health/live HTTP/1.1\r\n" + HOST + CLOSE
    assert said(port, request) in ([200], [404])


def test_a_body_that_comes_byte_by_byte_is_read(port: int) -> None:
    head = POST + b"Content-Length: %d\r\n" % len(TABLE) + CLOSE
    assert said(port, head, *(TABLE[i : i + 1] for i in range(len(TABLE)))) == [201]


@pytest.mark.parametrize(
    "beginning",
    [
        b"G",
        LIVE,
        POST + b"Content-Length: 23\r\n\r\n" + TABLE[:10],
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"POST /datasets HTTP/1.1\r\n"
        + HOST
        + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 10000\r\n\r\n--b\r\n",
    ],
    ids=["a letter", "half a head", "half a body", "half a chunk", "half a form"],
)
def test_those_who_do_not_go_on_keep_nobody_waiting(port: int, beginning: bytes) -> None:
    with ExitStack() as open_ones:
        for _ in range(100):
            connection = socket.create_connection(("127.0.0.1", port), 5)
            open_ones.enter_context(closing(connection))
            connection.sendall(beginning)
        since = time.monotonic()
        answer = httpx.post(
            f"http://127.0.0.1:{port}/datasets", content=TABLE, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 201
        assert time.monotonic() - since < 10  # the unfinished heads are waited for twenty
    assert said(port, beginning) in ([], [400])


def test_nothing_is_stored_of_a_body_that_ends_too_soon(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        before = client.get("/usage").json()["datasets"]["count"]
        head = POST + b"Content-Length: 100\r\n\r\n"
        assert said(port, head + TABLE) in ([], [400])
        assert client.get("/usage").json()["datasets"]["count"] == before
