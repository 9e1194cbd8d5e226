import asyncio
import itertools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from harness.inference.settings import ModelSize
from harness.serving.load import Load, Sample, joined, run_clients
from harness.serving.requests import Requests
from harness.serving.settings import LoadSettings

Replying = Callable[..., AbstractAsyncContextManager[int]]

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{"usage":{"completion_tokens":10}}'
NOT_JSON = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nword"
BUSY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
WRONG = b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nhelp"
REQUESTS = Requests.of("m", ModelSize(vocabulary_size=60), LoadSettings())


def load_of(
    replying: Replying, reply: Callable[[dict[str, Any]], bytes | None], clients: int = 3, seconds: float = 0.1
) -> Load:
    async def run() -> Load:
        async with replying(reply) as port:
            return await run_clients(port, REQUESTS, clients, seconds)

    return asyncio.run(run())


def test_clients_ask_until_the_time_is_over_and_wait_for_their_last_answer(replying: Replying) -> None:
    load = load_of(replying, lambda _: OK)
    assert load.seconds >= 0.1
    assert not load.failed
    assert all(sample.ok for sample in load.samples)
    assert load.tokens_per_second == pytest.approx(10 * load.requests_per_second)
    assert 0 < len(load.finished) <= len(load.samples)
    assert load.client_share > 0


def test_each_client_has_requests_of_its_own(replying: Replying) -> None:
    seen: list[str] = []

    def reply(body: dict[str, Any]) -> bytes:
        seen.append(body["prompt"])
        return OK

    load_of(replying, reply)
    firsts = {next(REQUESTS.bodies(client))["prompt"] for client in range(3)}
    assert firsts <= set(seen)
    assert len(firsts) == 3


def test_refusals_and_failures_are_told_apart(replying: Replying) -> None:
    answers = itertools.cycle([BUSY, WRONG, None, NOT_JSON, OK])
    load = load_of(replying, lambda _: next(answers), clients=1, seconds=0.3)
    refused = [sample for sample in load.samples if sample.refused]
    assert refused
    assert all(sample.retry_after and sample.tokens == 0 for sample in refused)
    assert {(sample.status, sample.error.partition(":")[0]) for sample in load.failed} == {
        (500, "help"),
        (0, "BrokenAnswerError"),
        (0, "JSONDecodeError"),
    }


def test_a_server_that_is_gone_ends_no_benchmark() -> None:
    load = asyncio.run(run_clients(1, REQUESTS, 2, 0.05))
    assert load.failed
    assert "ConnectionRefusedError" in load.failed[0].error
    assert load.tokens_per_second == 0
    assert load.milliseconds()["p99"] is None


def test_only_what_ends_in_the_time_counts() -> None:
    samples = [Sample(start, start + 1, 0.5, 100, 200) for start in (8.5, 9.5, 10.5, 11.5, 12.5)]
    load = Load(samples, 10.0, 12.0)
    assert [sample.start for sample in load.finished] == [9.5, 10.5]
    assert load.tokens_per_second == 100
    assert load.requests_per_second == 1


def test_percentiles_are_of_all_requests_sent_since_counting_began() -> None:
    first = Load([Sample(0, 9, 5, 1, 200), Sample(10, 11, 0.5, 1, 200), Sample(10, 10.1, status=429)], 10, 12)
    second = Load([Sample(15, 18, 0.7, 1, 200), Sample(19, 19.1, 0.1, 1, 200)], 19, 20)
    assert joined([first, second]).milliseconds() == pytest.approx(
        {"p50": 550, "p99": 991, "first_p50": 300, "first_p99": 496}
    )
