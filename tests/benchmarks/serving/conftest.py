import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from harness.inference.settings import ModelSize
from harness.serving.load import Load, Sample
from harness.serving.outcome import Bar, Outcome
from harness.serving.report import ServingReport
from harness.serving.settings import LoadSettings, ScenarioSettings
from harness.serving.throughput import Throughput
from harness.speed.provenance import Provenance

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Listening = Callable[[Handler], AbstractAsyncContextManager[int]]
MakeReport = Callable[..., ServingReport]


@asynccontextmanager
async def _listening(handler: Handler) -> AsyncIterator[int]:
    async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def listening() -> Listening:
    """Listens on a port, and gives each connection to a handler."""
    return _listening


def _handler(reply: Callable[[dict[str, Any]], bytes | None], *, once: bool) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length:")[2].split("\r\n")[0])
                answer = reply(json.loads(await reader.readexactly(length) or b"{}"))
                if answer is None:
                    break
                writer.write(answer)
                if once:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    return handle


@pytest.fixture
def replying() -> Callable[..., AbstractAsyncContextManager[int]]:
    """Listens on a port, and answers each request by a function of its body; `None` closes the connection."""
    return lambda reply, once=False: _listening(_handler(reply, once=once))


RATES = {
    ("nextword-float32", 8): [(900, 10.0), (1000, 20.0), (1100, 30.0)],
    ("nextword-float32-unbatched", 8): [(200, 40.0)] * 3,
    ("nextword-int8", 8): [(3000, 5.0)] * 3,
    ("nextword-int8-unbatched", 8): [(1500, 5.0)] * 3,
    ("nextword-float32-streamed", 8): [(800, 12.0)] * 3,
    ("pytorch-one-at-a-time", 8): [(100, 64.0)] * 3,
    ("pytorch-threads", 8): [(250, 32.0)] * 3,
    ("fixed-answer", 8): [(50_000, 0.2)] * 3,
}


def _load(tokens_per_second: float, milliseconds: float) -> Load:
    """A load of one second: one answer ends before counting, ten while it counts, one after it."""
    seconds = milliseconds / 1000
    ends = [99.9, *(100.05 + 0.09 * number for number in range(10)), 101.5]
    samples = [Sample(end - seconds, end, seconds / 2, round(tokens_per_second / 10), 200) for end in ends]
    return Load(samples, 100.0, 101.0, 0.25)


@pytest.fixture
def make_report() -> MakeReport:
    """Makes reports of which some servers are missing."""

    def make(*missing: str, outcomes: tuple[Outcome, ...] = ()) -> ServingReport:
        loads = {key: [_load(*each) for each in rates] for key, rates in RATES.items() if key[0] not in missing}
        steps = {"float32": {"1": [2e-3, 1e-3, 9e-3], "8": [4e-3]}}
        throughput = Throughput(loads, steps, {"nextword-float32": 10**8}, {"torch": "2"}, dict.fromkeys(missing, "no"))
        provenance = Provenance("a processor", "an OS", "abc", "today", 0.1)
        settings = LoadSettings(clients=(8,))
        return ServingReport(
            ModelSize(), settings, ScenarioSettings(), {"nextword": "1"}, throughput, outcomes, provenance
        )

    return make


@pytest.fixture
def outcome() -> Outcome:
    """One bar that is met, one that is missed, one that was not measured."""
    bars = [Bar("goodput", 0.9, 0.8, at_least=True), Bar("lost", 3, 0), Bar("p99", None, 2)]
    return Outcome("overload", bars, {"requests": 1234, "of each turn": [1, 2]}, {"slow readers": "no such route"})
