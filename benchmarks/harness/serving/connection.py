"""A client's connection: HTTP/1.1 over a socket, without a library that would cost more than the server."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

COMPLETIONS = "/v1/completions"

_EVENT, _DONE = b"data: ", b"[DONE]"

# Longest line of a head or of a chunk's size.
_LONGEST_LINE = 2**16


class BrokenAnswerError(Exception):
    """A server closed the connection before the end of an answer, or sent something else than HTTP."""


@dataclass(frozen=True)
class Answer:
    """A complete answer.

    Attributes:
        status: The HTTP status.
        headers: Headers, names in lower case.
        body: Everything after the headers.
        first_seconds: Time from the first byte of the request to the first byte of the body.
        seconds: Time from the first byte of the request to the last byte of the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    first_seconds: float
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the request was accepted."""
        return self.status == 200

    @cached_property
    def table(self) -> dict[str, Any]:
        """The body as JSON; of a stream, its last event that has an object."""
        table: dict[str, Any] = self.events[-1] if self.is_stream else json.loads(self.body)
        return table

    @property
    def is_stream(self) -> bool:
        """Whether the body is a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The objects of a stream of events."""
        lines = (line[len(_EVENT) :] for line in self.body.splitlines() if line.startswith(_EVENT))
        return [json.loads(line) for line in lines if line.strip() != _DONE]

    @property
    def is_whole(self) -> bool:
        """Whether a stream has its end, and no error."""
        return not self.is_stream or (_DONE in self.body[-32:] and not any("error" in event for event in self.events))

    @property
    def num_tokens(self) -> int | None:
        """Generated tokens, as the server counts them; `None` if it does not tell."""
        usage = self.table.get("usage") if self.ok else None
        return usage["completion_tokens"] if usage else None


class Connection:
    """A connection that is kept between requests, and opened again if the server closed it in between.

    Args:
        port: Port of the server on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent without opening a connection first."""
        return self._streams is not None and not self._streams[0].at_eof()

    def close(self, *, abort: bool = False) -> None:
        """Close it; an answer that is under way is lost.

        Args:
            abort: Whether to reset the connection, as a program does that is killed.
        """
        if self._streams is not None:
            writer = self._streams[1]
            if abort:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.close()
            self._streams = None

    async def complete(self, body: Mapping[str, Any]) -> Answer:
        """Ask for a completion."""
        return await self.request("POST", COMPLETIONS, json.dumps(body).encode())

    async def begin(self, body: Mapping[str, Any]) -> asyncio.StreamReader:
        """Ask for a completion, and return where its answer comes."""
        return await self.send("POST", COMPLETIONS, json.dumps(body).encode())

    async def request(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send a request, and return the whole answer.

        Raises:
            BrokenAnswerError: The connection ended before the answer did.
            OSError: The server cannot be reached.
        """
        start = time.perf_counter()
        try:
            reader = await self.send(method, path, body)
            answer = await _read_answer(reader, start)
        except (
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ConnectionError,
            ValueError,
            IndexError,
        ) as error:
            self.close()
            raise BrokenAnswerError(f"{type(error).__name__}: {error}") from error
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    async def send(self, method: str, path: str, body: bytes = b"") -> asyncio.StreamReader:
        """Send a request, and return where its answer comes."""
        if not self.is_open:
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_LONGEST_LINE)
        reader, writer = self._opened
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return reader

    @property
    def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise BrokenAnswerError("the connection is closed")
        return self._streams


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of an answer."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split(" ", 2)[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _read_answer(reader: asyncio.StreamReader, start: float) -> Answer:
    status, headers = await read_head(reader)
    if headers.get("transfer-encoding") == "chunked":
        body, first = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        first = time.perf_counter()
    return Answer(status, headers, body, first - start, time.perf_counter() - start)


async def _read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, float]:
    """Return the joined chunks, and when the first came."""
    chunks, first = [], 0.0
    while size := int(await reader.readline(), 16):
        chunks.append((await reader.readexactly(size + 2))[:-2])
        first = first or time.perf_counter()
    await reader.readline()
    return b"".join(chunks), first or time.perf_counter()
