import asyncio
import itertools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from harness.inference.settings import ModelSize
from harness.serving.load import Load, Sample
from harness.serving.overload import outcome_of, run_arrivals
from harness.serving.requests import Requests
from harness.serving.settings import LoadSettings

Replying = Callable[..., AbstractAsyncContextManager[int]]

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{"usage":{"completion_tokens":10}}'
BUSY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
REQUESTS = Requests.of("m", ModelSize(vocabulary_size=60), LoadSettings())


def test_requests_come_at_their_rate_whether_or_not_others_are_answered(replying: Replying) -> None:
    answers = itertools.cycle([OK, BUSY])

    async def run() -> Load:
        async with replying(lambda _: next(answers)) as port:
            return await run_arrivals(port, REQUESTS, 100.0, 0.5)

    load = asyncio.run(run())
    assert 20 < len(load.samples) < 90
    assert abs(sum(sample.ok for sample in load.samples) - sum(sample.refused for sample in load.samples)) <= 1
    assert not load.failed


def load_of(tokens: int, *others: Sample) -> Load:
    return Load([*(Sample(0.1 * each, 0.1 * each + 0.1, 0.0, tokens, 200) for each in range(9)), *others], 0.0, 1.0)


def test_goodput_is_a_share_of_the_capacity_and_losses_are_counted() -> None:
    refused = Sample(0.2, 0.3, status=429, retry_after=True)
    rude = Sample(0.3, 0.4, status=503)
    cut = Sample(0.4, 0.5, 0.1, 3, 200, "the stream ended")
    outcome = outcome_of([load_of(100)], [load_of(90, refused, rude, cut)])
    assert [bar.value for bar in outcome.bars] == [pytest.approx(0.9), 1, 1]
    assert [bar.met for bar in outcome.bars] == [True, False, False]
    assert (outcome.figures["accepted"], outcome.figures["refused"]) == (9, 2)
    assert "the stream ended" in outcome.figures["first failure"]
