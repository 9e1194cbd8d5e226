"""Malformed, ambiguous and oversize requests get 4xx in the shape of the API, are closed, and harm no other."""

import re
from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from nextword.serving.settings import ServingSettings
from support.raw_http import RawClient, exchange, get, post
from support.running_transport import RunningServer, running

SETTINGS = ServingSettings(max_body_bytes=4096, max_header_bytes=2048, max_headers=20, receive_seconds=60.0)
HOST = b"Host: localhost\r\n"


async def echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the number of bytes of the body."""
    if scope["type"] == "http":
        body = await Request(scope, receive).body()
        await PlainTextResponse(str(len(body)))(scope, receive, send)
        return
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running(echo_length, SETTINGS) as started:
        yield started


@pytest.fixture(scope="module")
def hasty_server() -> Iterator[RunningServer]:
    """A server that waits a moment for the rest of a request."""
    with running(echo_length, SETTINGS.replace(receive_seconds=0.3)) as started:
        yield started


def chunked(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + body


SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"

MALFORMED: dict[str, tuple[bytes, int]] = {
    "content length and chunks": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        400,
    ),
    "chunks and content length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + SMUGGLED,
        400,
    ),
    "two lengths": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + SMUGGLED,
        400,
    ),
    "one length twice": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello" + SMUGGLED,
        400,
    ),
    "a list of lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\nhello" + SMUGGLED, 400),
    "a length with a sign": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nhello", 400),
    "a negative length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\nhello", 400),
    "a length in hexadecimal": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nhello", 400),
    "a length of many digits": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"1" * 400 + b"\r\n\r\n", 400),
    "an empty length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n", 400),
    "an unknown encoding": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "an encoding in disguise": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "two encodings": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "white space before the colon": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 5\r\n\r\nhello", 400),
    "white space before a name": (b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: one\r\n two\r\n\r\n", 400),
    "a header without a colon": (b"GET / HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n", 400),
    "a header without a name": (b"GET / HTTP/1.1\r\n" + HOST + b": value\r\n\r\n", 400),
    "a name with a bracket": (b"GET / HTTP/1.1\r\n" + HOST + b"X[a]: value\r\n\r\n", 400),
    "a name beyond ASCII": (b"GET / HTTP/1.1\r\n" + HOST + b"X-\xe9: value\r\n\r\n", 400),
    "a NUL in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\x00b\r\n\r\n", 400),
    "a NUL in the target": (b"GET /a\x00b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a NUL in disguise": (b"GET /a%00b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an escape in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: \x1b[31mred\r\n\r\n", 400),
    "a bare CR in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\rX-B: b\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n", 400),
    "HTTP/0.9 with its number": (b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 400),
    "HTTP/2 itself": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a version in small letters": (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    "a long version": (b"GET / HTTP/1.10\r\n" + HOST + b"\r\n", 400),
    "a target with a space": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no method": (b" / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a method that is none": (b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target with its host": (b"GET http://localhost/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a tunnel": (b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target for the server": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an empty line first": (b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a TLS greeting": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), 400),
    "noise": (bytes(range(256)) * 4, 400),
    "a chunk size that is none": (chunked(b"zz\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size with a prefix": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size with a sign": (chunked(b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size with a space before": (chunked(b" 5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size of many digits": (chunked(b"0" * 30 + b"5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk that is longer than its size": (chunked(b"3\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size that ends in LF": (chunked(b"5\nhello\r\n0\r\n\r\n"), 400),
    "a chunk that says more than it has": (chunked(b"fffffffffff\r\nhello"), 408),
    "a trailer that is none": (chunked(b"0\r\nnonsense\r\n\r\n"), 400),
    "an endless extension of a chunk": (chunked(b"5;" + b"a" * 8000), 431),
    "an endless trailer": (chunked(b"0\r\nX-A: " + b"a" * 8000), 431),
    "a body that ends early": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nhello", 408),
    "a head that ends early": (b"GET / HTTP/1.1\r\nHost: loc", 408),
    "a large body": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4097\r\n\r\n", 413),
    "a huge body": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
    "a large body in chunks": (chunked(b"800\r\n" + b"a" * 2048 + b"\r\n" + b"801\r\n" + b"a" * 2049), 413),
    "a body in many small chunks": (chunked(b"1\r\na\r\n" * 4000 + b"2\r\naa\r\n" * 100), 413),
    "a long header": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 2048 + b"\r\n\r\n", 431),
    "a header without an end": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 9000, 431),
    "a long target": (b"GET /" + b"a" * 2048 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
    "a target without an end": (b"GET /" + b"a" * 9000, 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 20 + b"\r\n", 431),
}


@pytest.mark.parametrize(("request_bytes", "status"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_refused_and_closed(
    server: RunningServer, hasty_server: RunningServer, request_bytes: bytes, status: int
) -> None:
    answer = exchange((hasty_server if status == 408 else server).port, request_bytes)
    assert answer.status == status
    assert len(re.findall(rb"HTTP/1\.1 [0-9]{3}", answer.data)) == 1, "what followed was read as a request"
    assert answer.headers["connection"] == "close"
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert error["code"]
    assert exchange(server.port, post("/", b"12345")).body == b"5"


def test_a_refusal_does_not_quote_the_request(server: RunningServer) -> None:
    answer = exchange(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\nsecret words\r\n\r\n")
    assert answer.status == 400
    assert b"secret" not in answer.data


def test_a_body_of_the_largest_size_is_read(server: RunningServer) -> None:
    assert exchange(server.port, post("/", b"a" * 4096)).body == b"4096"
    pieces = b"".join(b"100\r\n" + b"a" * 256 + b"\r\n" for _ in range(16)) + b"0\r\nX-Trailer: a\r\n\r\n"
    with RawClient(server.port) as client:
        client.send(chunked(pieces))
        assert client.receive_until(b"4096").endswith(b"4096")


def test_requests_that_come_byte_by_byte_or_together_are_read(server: RunningServer) -> None:
    with RawClient(server.port) as client:
        for byte in post("/", b"hello", close=False):
            client.send(bytes((byte,)))
        assert client.receive_until(b"\r\n\r\n5").endswith(b"5")
        client.send(post("/", b"a" * 7, close=False) + get("/", close=False) + post("/", b"a" * 9))
        bodies = [part.partition(b"\r\n\r\n")[2] for part in client.receive_all().data.split(b"HTTP/1.1 200 OK")[1:]]
        assert bodies == [b"7", b"0", b"9"]


def test_a_bad_request_behind_a_good_one_is_refused(server: RunningServer) -> None:
    bad, _ = MALFORMED["one length twice"]
    answer = exchange(server.port, post("/", b"a" * 7, close=False) + bad)
    assert [part[:3] for part in answer.data.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


def test_a_head_request_gets_a_refusal_without_a_body(server: RunningServer) -> None:
    answer = exchange(server.port, b"HEAD / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n")
    assert answer.status == 413
    assert answer.body == b""


def test_a_client_that_asks_first_is_told_to_continue(server: RunningServer) -> None:
    with RawClient(server.port) as client:
        client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        client.send(b"hello")
        assert client.receive_until(b"\r\n\r\n5").endswith(b"5")


def test_a_client_that_asks_with_too_much_is_refused_first(server: RunningServer) -> None:
    answer = exchange(
        server.port, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9999\r\nExpect: 100-continue\r\n\r\n"
    )
    assert answer.status == 413
