"""Malformed, slow, idle and numerous requests are refused and closed in time; a slow model cuts no stream."""

import asyncio
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from nextword.serving.application import create_application
from nextword.serving.http.transport import BoundedProtocol
from nextword.serving.served_model import ModelSlot
from nextword.serving.settings import ServingSettings
from support.raw_http import RawClient, exchange, get, post
from support.running_transport import RunningServer, running
from support.text_service import tiny_model
from support.trust_cases import TrustCases, trust_amount
from support.waiting import wait_until

SHORT = ServingSettings(receive_seconds=0.5, write_seconds=0.5, idle_seconds=0.5, max_body_bytes=2**16)
PATIENT = ServingSettings(receive_seconds=60, write_seconds=60, idle_seconds=60)
LARGE = 2**24
"""Bytes that fit into no buffer between server and client."""

cancelled = threading.Event()


async def hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


async def length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def large(_request: Request) -> Response:
    return Response(bytes(LARGE))


async def medium(_request: Request) -> Response:
    return Response(bytes(LARGE // 16))


async def slow_stream(_request: Request) -> Response:
    """Events with pauses that are longer than all deadlines of `SHORT`."""

    async def events() -> Iterator[bytes]:  # type: ignore[misc]
        for number in range(3):
            await asyncio.sleep(0.8)
            yield f"data: {number}\n\n".encode()

    return StreamingResponse(events(), media_type="text/event-stream")


async def until_left(request: Request) -> Response:
    """Wait until the client leaves."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    cancelled.set()
    return Response()


ROUTES = (hello, length, large, medium, slow_stream, until_left)
APPLICATION = Starlette(routes=[Route(f"/{each.__name__}", each, methods=["GET", "POST"]) for each in ROUTES])


@contextmanager
def clients(port: int, number: int, *, receive_buffer: int = 0) -> Iterator[list[RawClient]]:
    with ExitStack() as stack:
        yield [stack.enter_context(RawClient(port, receive_buffer=receive_buffer)) for _ in range(number)]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running(APPLICATION, SHORT) as started:
        yield started


@pytest.fixture(scope="module")
def patient_server() -> Iterator[RunningServer]:
    with running(APPLICATION, PATIENT) as started:
        yield started


def drip(client: RawClient, data: bytes) -> None:
    """Send a byte at a time until the server has enough."""
    for byte in data:
        if not client.send(bytes((byte,))):
            return
        time.sleep(0.02)


def test_a_head_that_comes_slowly_is_refused(server: RunningServer) -> None:
    began = time.monotonic()
    with RawClient(server.port) as client:
        thread = threading.Thread(
            target=drip, args=(client, b"GET /hello HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 90)
        )
        thread.start()
        answer = client.receive_all()
        thread.join()
    assert answer.status == 408
    assert answer.json()["error"]["code"] == "slow_request"
    assert time.monotonic() - began < 10  # the bytes would take 15 seconds, and none of them prolongs the deadline


def test_a_body_that_comes_slowly_is_refused(server: RunningServer) -> None:
    with RawClient(server.port) as client:
        head = b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        thread = threading.Thread(target=drip, args=(client, head + b"a" * 999))
        thread.start()
        answer = client.receive_all()
        thread.join()
    assert answer.status == 408
    assert exchange(server.port, get("/hello")).body == b"hello"


def test_many_slow_clients_are_closed_and_others_do_not_notice(server: RunningServer, trust_cases: TrustCases) -> None:
    number = trust_amount(10, 50)
    with clients(server.port, number) as slow:
        for index, client in enumerate(slow):  # no request, a part of a head, a part of a body
            client.send((b"", b"GET /hello HT", post("/length", b"12345")[:-2])[index % 3])
        began = time.monotonic()
        assert exchange(server.port, get("/hello")).body == b"hello"
        meanwhile = time.monotonic() - began
        statuses = [client.receive_all().status for client in slow]
        closed = time.monotonic() - began
    assert statuses == [(0, 408, 408)[index % 3] for index in range(number)]
    trust_cases.add(number, number, max_seconds=closed, max_meanwhile=meanwhile)


def test_the_second_request_of_a_connection_has_the_same_deadline(server: RunningServer) -> None:
    with RawClient(server.port) as client:
        client.send(get("/hello", close=False))
        assert client.receive_until(b"hello").endswith(b"hello")
        client.send(b"GET /hello HT")
        assert client.receive_all().status == 408


def test_a_connection_without_a_request_is_closed(server: RunningServer) -> None:
    with RawClient(server.port) as never, RawClient(server.port) as no_more:
        no_more.send(get("/hello", close=False))
        assert no_more.receive_until(b"hello")
        assert never.receive_all().data == b""
        assert no_more.receive_all().data == b""


def test_a_client_that_does_not_read_is_closed(server: RunningServer) -> None:
    before = server.refused.count("slow_reader")
    with clients(server.port, 5, receive_buffer=4096) as readers:
        for reader in readers:
            reader.send(get("/large", close=False))
        wait_until(lambda: server.refused.count("slow_reader") == before + 5, patience=60)
        for reader in readers:
            assert len(reader.receive_all().data) < LARGE


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the state of a connection")
def test_a_client_that_never_reads_is_disconnected_by_the_system_too(server: RunningServer) -> None:
    established = 1
    with RawClient(server.port, receive_buffer=4096) as reader:

        def state() -> int:
            return reader.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

        reader.send(get("/large", close=False))
        assert state() == established
        wait_until(lambda: state() != established, patience=60)


def test_a_client_that_reads_in_its_own_time_gets_all(patient_server: RunningServer) -> None:
    with RawClient(patient_server.port, receive_buffer=4096) as reader:
        reader.send(get("/medium"))
        assert len(reader.receive_all().body) == LARGE // 16


def test_a_stream_of_a_slow_model_is_not_cut(server: RunningServer) -> None:
    answer = exchange(server.port, get("/slow_stream"))
    assert answer.status == 200
    assert [f"data: {number}".encode() in answer.body for number in range(3)] == [True] * 3
    assert answer.body.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(("read", "expected"), [(512, ["watch"]), (511, ["slow_reader", "abort"])])
def test_a_client_that_reads_1_kib_a_second_is_kept(
    read: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    connection: Any = object.__new__(BoundedProtocol)
    connection._settings = SHORT  # half a second to write
    connection.transport = SimpleNamespace(
        get_write_buffer_size=lambda: 1000, get_extra_info=lambda _name: None, abort=lambda: seen.append("abort")
    )
    monkeypatch.setattr(connection, "_watch_reader", lambda: seen.append("watch"))
    monkeypatch.setattr(connection, "_report", lambda refusal: seen.append(refusal.code))
    connection._on_write_deadline(1000 + read)
    assert seen == expected


def test_too_many_connections_are_refused() -> None:
    with running(APPLICATION, PATIENT.replace(max_connections=5)) as server:
        with clients(server.port, 5) as held:
            for client in held:
                client.send(get("/hello", close=False))
                assert client.receive_until(b"hello")
            refused = exchange(server.port, get("/hello"))
            assert refused.status == 503
            assert refused.json()["error"]["code"] == "too_many_connections"
            assert refused.headers["retry-after"] == "1"
            held[0].send(get("/hello", close=False))
            assert held[0].receive_until(b"hello")
        wait_until(lambda: server.num_connections == 0)
        assert exchange(server.port, get("/hello")).body == b"hello"


def test_the_application_learns_at_once_that_a_client_left(patient_server: RunningServer) -> None:
    cancelled.clear()
    with RawClient(patient_server.port) as client:
        client.send(get("/until_left", close=False))
        wait_until(lambda: len(patient_server.server.server_state.tasks) == 1)
    assert cancelled.wait(30)
    wait_until(lambda: not patient_server.server.server_state.tasks)


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_a_wish_for_another_protocol_is_ignored(patient_server: RunningServer, protocol: str) -> None:
    with RawClient(patient_server.port) as client:
        for _ in range(2):
            client.send(get("/hello", "Connection: Upgrade", f"Upgrade: {protocol}", close=False))
            assert client.receive_until(b"hello").startswith(b"HTTP/1.1 200")


def test_answers_tell_nothing_of_the_server(patient_server: RunningServer) -> None:
    headers = exchange(patient_server.port, post("/length", b"a")).headers
    assert "server" not in headers


HOST = b"Host: localhost\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
SMALL = ServingSettings(max_body_bytes=4096, max_header_bytes=2048, receive_seconds=60.0)


def chunked(body: bytes) -> bytes:
    return b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + CHUNKED + body


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

MALFORMED: dict[str, tuple[bytes, int]] = {
    "content length and chunks": (
        b"POST /tokenize HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + SMUGGLED,
        400,
    ),
    "chunks and content length": (
        b"POST /tokenize HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"
        + SMUGGLED,
        400,
    ),
    "two lengths": (
        b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + SMUGGLED,
        400,
    ),
    "a length with a sign": (b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nhello", 400),
    "a negative length": (b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\nhello", 400),
    "a length in hexadecimal": (b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nhello", 400),
    "a length of many digits": (
        b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"1" * 400 + b"\r\n\r\n",
        400,
    ),
    "an empty length": (b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n", 400),
    "an unknown encoding": (
        b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "an encoding in disguise": (
        b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two encodings": (
        b"POST /tokenize HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        400,
    ),
    "white space before the colon": (b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length : 5\r\n\r\nhello", 400),
    "white space before a name": (b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "a header without a colon": (b"GET / HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n", 400),
    "a header without a name": (b"GET / HTTP/1.1\r\n" + HOST + b": value\r\n\r\n", 400),
    "a name with a bracket": (b"GET / HTTP/1.1\r\n" + HOST + b"X[a]: value\r\n\r\n", 400),
    "a name beyond ASCII": (b"GET / HTTP/1.1\r\n" + HOST + b"X-\xe9: value\r\n\r\n", 400),
    "a NUL in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\x00b\r\n\r\n", 400),
    "a NUL in the target": (b"GET /a\x00b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a bare CR in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\rX-B: b\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    "a version in small letters": (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    "a long version": (b"GET / HTTP/1.10\r\n" + HOST + b"\r\n", 400),
    "a target with a space": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no method": (b" / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a method that is none": (b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
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
    "an endless extension of a chunk": (chunked(b"5;" + b"a" * 8000), 400),
    "an endless trailer": (chunked(b"0\r\nX-A: " + b"a" * 8000), 400),
    "a body that ends early": (b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nhello", 408),
    "a head that ends early": (b"GET / HTTP/1.1\r\nHost: loc", 408),
    "a large body": (b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length: 4097\r\n\r\n", 413),
    "a huge body": (b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
    "a large body in chunks": (chunked(b"800\r\n" + b"a" * 2048 + b"\r\n" + b"801\r\n" + b"a" * 2049), 413),
    "a header without an end": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 9000, 400),
    "a target without an end": (b"GET /" + b"a" * 9000, 400),
}


@pytest.fixture(scope="module")
def service() -> Iterator[RunningServer]:
    """The whole service, which also bounds bodies."""
    with running(create_application(ModelSlot(tiny_model()), SMALL), SMALL) as started:
        yield started


@pytest.fixture(scope="module")
def hasty_service() -> Iterator[RunningServer]:
    """The service, which waits a moment for the rest of a request."""
    settings = SMALL.replace(receive_seconds=0.3)
    with running(create_application(ModelSlot(tiny_model()), settings), settings) as started:
        yield started


@pytest.mark.parametrize(("request_bytes", "status"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_refused_and_closed(
    service: RunningServer, hasty_service: RunningServer, request_bytes: bytes, status: int
) -> None:
    answer = exchange((hasty_service if status == 408 else service).port, request_bytes)
    assert answer.status == status
    assert len(re.findall(rb"HTTP/1\.1 [0-9]{3}", answer.data)) == 1, "what followed was read as a request"
    assert answer.headers["connection"] == "close"
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert error["code"]
    assert exchange(service.port, get("/livez")).status == 200


def test_a_refusal_does_not_quote_the_request(service: RunningServer) -> None:
    answer = exchange(service.port, b"GET / HTTP/1.1\r\nHost: localhost\r\nsecret words\r\n\r\n")
    assert answer.status == 400
    assert b"secret" not in answer.data


def test_a_body_of_the_largest_size_is_read_byte_by_byte_in_chunks_and_together(service: RunningServer) -> None:
    body = b'{"prompt": "' + b"a" * 4082 + b'"}'
    pieces = b"".join(b"100\r\n" + body[start : start + 256] + b"\r\n" for start in range(0, 4096, 256))
    small = post("/tokenize", b'{"prompt": "a"}', close=False)
    with RawClient(service.port) as client:
        for byte in small:
            client.send(bytes((byte,)))
        assert client.receive_until(b'"count":').startswith(b"HTTP/1.1 200")
        client.send(small + small + chunked(pieces + b"0\r\nX-Trailer: a\r\n\r\n") + get("/livez"))
        assert client.receive_all().data.count(b"HTTP/1.1 200") == 4


def test_a_bad_request_behind_a_good_one_is_refused(service: RunningServer) -> None:
    bad, _ = MALFORMED["two lengths"]
    answer = exchange(service.port, get("/livez", close=False) + bad)
    assert [part[:3] for part in answer.data.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


@pytest.mark.parametrize(("size", "status"), [(15, b"100"), (9999, b"413")])
def test_a_client_that_asks_first_is_told_to_continue_or_refused(
    service: RunningServer, size: int, status: bytes
) -> None:
    with RawClient(service.port) as client:
        client.send(
            b"POST /tokenize HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % size
        )
        assert client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 " + status)
        if size == 15:
            client.send(b'{"prompt": "a"}')
            assert client.receive_until(b"}").startswith(b"HTTP/1.1 200")
