"""Clients that ask a server again and again, and what they saw."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.serving.connection import Answer, BrokenAnswerError, Connection
from harness.serving.requests import Requests

_PERCENTS = (50, 99)


@dataclass(frozen=True)
class Sample:
    """A request and its outcome.

    Attributes:
        start: When it was sent, in seconds of `time.perf_counter`.
        end: When its outcome was known.
        first_seconds: Time to the first byte of the answer's body.
        tokens: Generated tokens; 0 if it was refused or failed.
        status: HTTP status; 0 if there was no whole answer.
        error: What went wrong, if there was no whole answer.
        retry_after: Whether a refusal said when to come again.
    """

    start: float
    end: float
    first_seconds: float = 0.0
    tokens: int = 0
    status: int = 0
    error: str = ""
    retry_after: bool = False

    @property
    def seconds(self) -> float:
        """Time from request to outcome."""
        return self.end - self.start

    @property
    def ok(self) -> bool:
        """Whether the request was accepted and answered to its end."""
        return self.status == 200 and not self.error

    @property
    def refused(self) -> bool:
        """Whether the server said that it is too busy."""
        return self.status in (429, 503)


@dataclass(frozen=True)
class Load:
    """What clients saw of a server.

    Attributes:
        samples: All requests.
        start: When counting began.
        end: When counting ended.
        client_share: Share of one core that the clients took while they counted.
    """

    samples: Sequence[Sample]
    start: float
    end: float
    client_share: float = 0.0

    @property
    def seconds(self) -> float:
        """Time that counts."""
        return self.end - self.start

    @property
    def finished(self) -> list[Sample]:
        """Requests that were answered in the time that counts."""
        return [sample for sample in self.samples if sample.ok and self.start <= sample.end < self.end]

    @property
    def failed(self) -> list[Sample]:
        """Requests that ended in something else than an answer or a refusal."""
        return [sample for sample in self.samples if not sample.ok and not sample.refused]

    @property
    def tokens_per_second(self) -> float:
        """Tokens of the answers that ended in the time that counts, per second."""
        return sum(sample.tokens for sample in self.finished) / self.seconds

    @property
    def requests_per_second(self) -> float:
        """Answers that ended in the time that counts, per second."""
        return len(self.finished) / self.seconds

    def milliseconds(self) -> dict[str, float | None]:
        """Return percentiles of the latency and of the time to the first byte, in ms."""
        counted = [sample for sample in self.samples if sample.ok and sample.start >= self.start]
        columns = {"p": [sample.seconds for sample in counted], "first_p": [each.first_seconds for each in counted]}
        return {
            f"{name}{percent}": 1000 * float(np.percentile(values, percent)) if values else None
            for name, values in columns.items()
            for percent in _PERCENTS
        }


def joined(loads: Sequence[Load]) -> Load:
    """Return several loads as one, for percentiles: samples of before each count stay left out."""
    samples = [sample for load in loads for sample in load.samples if sample.start >= load.start]
    return Load(samples, min((load.start for load in loads), default=0), max((load.end for load in loads), default=0))


@dataclass
class _Counting:
    """Shared by the clients of a load: when it counts, and when they stop."""

    waiting: set[int]
    seconds: float
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def answered(self, client: int) -> None:
        """Begin when each client has had an answer, so all of them are at work."""
        self.waiting.discard(client)
        if not self.waiting:
            self.begun.set()


async def run_clients(port: int, requests: Requests, clients: int, seconds: float) -> Load:
    """Let a number of clients ask a server for some seconds, each for its next text when it has its last one.

    Counting begins when every client has had an answer. After the time that counts, every client waits for the answer
    that it is owed, so the server has no work left afterwards.
    """
    counting = _Counting(set(range(clients)), seconds)
    tasks = [asyncio.create_task(_ask(port, requests.bodies(client), counting, client)) for client in range(clients)]
    await counting.begun.wait()
    start, processor_start = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    counting.ended = True
    end, processor_end = time.perf_counter(), time.process_time()
    samples = [sample for found in await asyncio.gather(*tasks) for sample in found]
    return Load(samples, start, end, (processor_end - processor_start) / (end - start))


async def _ask(port: int, bodies: Iterator[dict[str, Any]], counting: _Counting, client: int) -> list[Sample]:
    samples = []
    async with Connection(port) as connection:
        while not counting.ended:
            samples.append(await ask(connection, next(bodies)))
            counting.answered(client)
            if not samples[-1].ok:
                await asyncio.sleep(0.01)  # a server that is gone must not be asked a million times
    return samples


async def ask(connection: Connection, body: Mapping[str, Any]) -> Sample:
    """Ask once, and return the outcome."""
    start = time.perf_counter()
    try:
        return _sample(await connection.complete(body), start, body)
    except (BrokenAnswerError, OSError, ValueError, KeyError) as error:  # the last two: not the JSON of a completion
        return Sample(start, time.perf_counter(), error=f"{type(error).__name__}: {error}")


def _sample(answer: Answer, start: float, body: Mapping[str, Any]) -> Sample:
    end = start + answer.seconds
    if not answer.ok:
        error = "" if answer.status in (429, 503) else answer.body[:200].decode(errors="replace")
        return Sample(start, end, status=answer.status, error=error, retry_after="retry-after" in answer.headers)
    tokens = answer.num_tokens
    return Sample(
        start,
        end,
        answer.first_seconds,
        body["max_tokens"] if tokens is None else tokens,
        answer.status,
        "" if answer.is_whole else "the stream ended with an error or without its end",
    )
