import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from harness.serving.slow_clients import SLOWNESSES, seconds_until_closed

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Listening = Callable[[Handler], AbstractAsyncContextManager[int]]

KINDS = {kind.name: kind for kind in SLOWNESSES}


def closed_after(listening: Listening, handler: Handler, name: str, patience: float) -> float | None:
    async def run() -> float | None:
        async with listening(handler) as port:
            return await seconds_until_closed(port, KINDS[name], patience)

    return asyncio.run(run())


@pytest.mark.parametrize("name", KINDS)
def test_the_end_of_a_connection_is_seen_however_slow_the_client(listening: Listening, name: str) -> None:
    async def close_soon(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if name == "reader":  # more than the system keeps for the client
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"a" * 10_000_000)
        await asyncio.sleep(0.1)
        writer.transport.abort()

    seconds = closed_after(listening, close_soon, name, 20)
    assert seconds is not None
    assert 0 < seconds <= 20


def test_a_server_with_patience_is_told_from_one_that_closes(listening: Listening) -> None:
    async def wait_for_the_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    assert closed_after(listening, wait_for_the_client, "silent", 0.1) is None


def test_an_end_behind_unread_bytes_is_found(listening: Listening) -> None:
    async def answer_and_close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"a" * 100_000)
        writer.close()

    assert closed_after(listening, answer_and_close, "reader", 0.3) is not None


def test_headers_and_bodies_drip(listening: Listening) -> None:
    received: list[bytes] = []

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"X-Slow"))
        writer.transport.abort()

    assert closed_after(listening, collect, "header", 60) is not None
    assert received[0].endswith(b"application/json\r\nX-Slow")
