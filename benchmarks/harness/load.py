"""Clients that ask a server for completions, over HTTP/1.1 on a socket: a library would cost more than the server."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from harness.models import SEED

_MAX_LINE = 2**16

Requests = Callable[[int], Iterator[dict[str, Any]]]
"""Returns the bodies of the requests of a client, without an end."""


@dataclass(frozen=True)
class Sample:
    """A request and its outcome."""

    start: float
    end: float
    first_seconds: float = 0.0
    tokens: int = 0
    status: int = 0
    error: str = ""

    @property
    def seconds(self) -> float:
        """Time from request to outcome."""
        return self.end - self.start

    @property
    def ok(self) -> bool:
        """Whether the request was accepted and answered to its end."""
        return self.status == 200 and not self.error

    @property
    def rejected(self) -> bool:
        """Whether the server said that it is too busy."""
        return self.status in (429, 503)


@dataclass(frozen=True)
class Load:
    """What clients saw of a server."""

    samples: Sequence[Sample]
    start: float
    end: float
    client_share: float

    @property
    def failed(self) -> list[Sample]:
        """Requests that ended in something else than an answer or a rejection."""
        return [sample for sample in self.samples if not sample.ok and not sample.rejected]

    @property
    def tokens_per_second(self) -> float:
        """Tokens of the answers that ended in the time that counts, per second."""
        return sum(sample.tokens for sample in self._finished) / (self.end - self.start)

    @property
    def requests_per_second(self) -> float:
        """Answers that ended in the time that counts, per second."""
        return len(self._finished) / (self.end - self.start)

    @property
    def _finished(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.ok and self.start <= sample.end < self.end]


def percentiles(loads: Sequence[Load]) -> dict[str, float | None]:
    """Return percentiles of the latency and of the time to the first byte, over several loads, in ms."""
    counted = [sample for load in loads for sample in load.samples if sample.ok and sample.start >= load.start]
    columns = {"p": [sample.seconds for sample in counted], "first_p": [sample.first_seconds for sample in counted]}
    return {
        f"{name}{percent}_ms": 1000 * float(np.percentile(values, percent)) if values else None
        for name, values in columns.items()
        for percent in (50, 99)
    }


class Connection:
    """A connection that is kept between requests, and opened again if the server closed it in between."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def complete(self, body: Mapping[str, Any]) -> Sample:
        """Ask for a completion, and return the outcome."""
        start = time.perf_counter()
        try:
            status, headers, content, first = await self.post("/v1/completions", body)
            end = time.perf_counter()
            if status != 200:
                error = "" if status in (429, 503) else content[:200].decode(errors="replace")
                return Sample(start, end, status=status, error=error)
            tokens, error = _tokens_and_error(headers, content)
            return Sample(start, end, first - start, tokens, status, error)
        # The last two: not the JSON of a completion.
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError, LookupError) as error:
            self.close()
            return Sample(start, time.perf_counter(), error=f"{type(error).__name__}: {error}")

    async def post(self, path: str, body: Any) -> tuple[int, dict[str, str], bytes, float]:
        """Send a request; return status, headers, body of the answer, and the time of its first byte."""
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_MAX_LINE)
        reader, writer = self._streams
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if headers.get("transfer-encoding") == "chunked":
            answer, time_of_first = await _read_chunks(reader)
        else:
            answer = await reader.readexactly(int(headers.get("content-length", "0")))
            time_of_first = time.perf_counter()
        if headers.get("connection") == "close":
            self.close()
        return int(first.split(" ", 2)[1]), headers, answer, time_of_first


async def _read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, float]:
    """Return the joined chunks, and the time of the first."""
    chunks, first = [], 0.0
    while size := int(await reader.readline(), 16):
        chunks.append((await reader.readexactly(size + 2))[:-2])
        first = first or time.perf_counter()
    await reader.readline()
    return b"".join(chunks), first or time.perf_counter()


def _tokens_and_error(headers: Mapping[str, str], content: bytes) -> tuple[int, str]:
    """Return the number of generated tokens as the server counts them, and what is wrong with a stream."""
    if not headers.get("content-type", "").startswith("text/event-stream"):
        return json.loads(content)["usage"]["completion_tokens"], ""
    lines = [line.removeprefix(b"data: ") for line in content.splitlines() if line.startswith(b"data: ")]
    events = [json.loads(line) for line in lines if line.strip() != b"[DONE]"]
    if lines[-1].strip() != b"[DONE]" or any("error" in event for event in events):
        return 0, "the stream ended with an error or without its end"
    return events[-1]["usage"]["completion_tokens"], ""


async def run_clients(port: int, requests: Requests, clients: int, seconds: float) -> Load:
    """Let a number of clients ask a server for some seconds, each for its next text when it has its last one.

    Counting starts when every client has had an answer. After the time that counts, every client waits for the answer
    that it is owed, so the server has no work left afterwards.
    """
    waiting, counts, ended = set(range(clients)), asyncio.Event(), asyncio.Event()

    async def ask(client: int) -> list[Sample]:
        samples, bodies = list[Sample](), requests(client)
        async with Connection(port) as connection:
            while not ended.is_set():
                samples.append(await connection.complete(next(bodies)))
                waiting.discard(client)
                if not waiting:
                    counts.set()
                if not samples[-1].ok:
                    await asyncio.sleep(0.01)  # a server that is gone must not be asked a million times
        return samples

    tasks = [asyncio.create_task(ask(client)) for client in range(clients)]
    await counts.wait()
    start, processor_start = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    ended.set()
    end, processor_end = time.perf_counter(), time.process_time()
    samples = [sample for group in await asyncio.gather(*tasks) for sample in group]
    return Load(samples, start, end, (processor_end - processor_start) / (end - start))


async def run_arrivals(port: int, requests: Requests, rate: float, seconds: float) -> Load:
    """Send requests at random times, `rate` of them a second on average, whether or not earlier ones are answered.

    Counting starts after a quarter of the time, when the queue is full.
    """
    chance, bodies = random.Random(SEED), requests(0)  # noqa: S311  # no secret
    idle: list[Connection] = []
    tasks = []
    start, processor_start, due = time.perf_counter(), time.process_time(), 0.0

    async def send(body: dict[str, Any]) -> Sample:
        connection = idle.pop() if idle else Connection(port)
        sample = await connection.complete(body)
        idle.append(connection)
        return sample

    while (due := due + chance.expovariate(rate)) < seconds:
        await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
        tasks.append(asyncio.create_task(send(next(bodies))))
    end, processor_end = time.perf_counter(), time.process_time()
    samples = list(await asyncio.gather(*tasks))
    for connection in idle:
        connection.close()
    return Load(samples, start + seconds / 4, end, (processor_end - processor_start) / (end - start))
