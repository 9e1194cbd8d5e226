"""Slow, idle and numerous clients are closed in time; a slow model cuts no stream."""

import asyncio
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

from nextword.serving.http.transport import BoundedProtocol
from nextword.serving.settings import ServingSettings
from support.raw_http import RawClient, exchange, get, post
from support.running_transport import RunningServer, running
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


async def early(_request: Request) -> Response:
    """Answer without reading the body."""
    return PlainTextResponse("no", status_code=401)


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


ROUTES = (hello, length, early, large, medium, slow_stream, until_left)
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


def test_an_early_answer_reaches_a_client_that_still_sends(server: RunningServer) -> None:
    with RawClient(server.port) as client:
        client.send(b"POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n")
        assert client.receive_until(b"\r\n\r\nno").startswith(b"HTTP/1.1 401")
        client.send(b"a" * 60_000)
        assert client.receive_all().data == b""


def test_a_refusal_reaches_a_client_that_still_sends(server: RunningServer) -> None:
    with RawClient(server.port) as client:
        client.send(b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n" + b"a" * 200_000)
        client.send(b"a" * 700_000)
        assert client.receive_all().status == 413


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


@pytest.mark.parametrize("pipelined", [b"", get("/hello", close=False)], ids=["alone", "with another request"])
def test_the_application_learns_at_once_that_a_client_left(patient_server: RunningServer, pipelined: bytes) -> None:
    cancelled.clear()
    with RawClient(patient_server.port) as client:
        client.send(get("/until_left", close=False) + pipelined)
        wait_until(lambda: len(patient_server.server.server_state.tasks) == 1)
    assert cancelled.wait(30)
    wait_until(lambda: not patient_server.server.server_state.tasks)


def test_a_client_that_sends_much_ahead_is_closed(patient_server: RunningServer) -> None:
    with RawClient(patient_server.port) as client:
        client.send(get("/until_left", close=False))
        wait_until(lambda: len(patient_server.server.server_state.tasks) == 1)
        assert not client.send(get("/hello", close=False) * 400_000)
        wait_until(lambda: not patient_server.server.server_state.tasks)
    assert patient_server.refused == ["too_far_ahead"]


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_a_wish_for_another_protocol_is_ignored(patient_server: RunningServer, protocol: str) -> None:
    with RawClient(patient_server.port) as client:
        for _ in range(2):
            client.send(get("/hello", "Connection: Upgrade", f"Upgrade: {protocol}", close=False))
            assert client.receive_until(b"hello").startswith(b"HTTP/1.1 200")


def test_answers_tell_nothing_of_the_server(patient_server: RunningServer) -> None:
    headers = exchange(patient_server.port, post("/length", b"a")).headers
    assert "server" not in headers
