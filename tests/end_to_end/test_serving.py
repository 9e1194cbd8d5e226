"""The service with many clients at once: on real sockets, in company, leaving, failing and too many."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import nextword
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.text_model import LoadedModel
from nextword.serving.settings import ServingSettings
from nextword.text.batching.window import TokenIds
from support.served import Served, serving
from support.toy_engine import ToyEngine
from support.trust_cases import TrustCases
from support.waiting import wait_until


@pytest.fixture(scope="module")
def austen() -> LoadedModel:
    return nextword.load("austen")


@pytest.fixture(scope="module")
def served(austen: LoadedModel) -> Iterator[Served]:
    with serving(austen) as server:
        yield server


class SlowEngine(ToyEngine):
    """Takes a while for each step, and fails once it is told to."""

    breaks = False

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        time.sleep(0.001)
        if self.breaks:
            raise RuntimeError("a secret of the engine")
        return super().predict_window(inputs, state)


def slow_model(austen: LoadedModel) -> LoadedModel:
    """Return a model with the vocabulary of the sample model whose texts take long."""
    vocabulary = austen.tokenizer.vocabulary
    return LoadedModel(SlowEngine(len(vocabulary), vocabulary.end_id, hidden_size=2), austen.bundle)


@pytest.fixture
def slow(austen: LoadedModel) -> Iterator[Served]:
    with serving(slow_model(austen), ServingSettings(queue_length=300, queue_seconds=600.0)) as server:
        yield server


def client_of(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0, timeout=120)


def long_request(**changes: Any) -> dict[str, Any]:
    return {"model": "austen", "prompt": "She", "max_tokens": 1000, "seed": 1, **changes}


def post_raw(served: Served, body: dict[str, Any]) -> socket.socket:
    """Send a request on a socket of its own, and return the socket."""
    data = json.dumps(body).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=120)
    connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + data)
    return connection


def test_an_answer_is_the_same_alone_and_in_company(austen: LoadedModel, served: Served) -> None:
    words = [token.strip() for token in austen.tokenizer.vocabulary.tokens[50:90]]
    asked = [
        {"prompt": " ".join(words[: 1 + 7 * number % 40]), "max_tokens": 5 + number % 17, "seed": number, "logprobs": 2}
        for number in range(24)
    ]
    asked += [{**body, "echo": True, "stop": [" the"]} for body in asked[:6]]

    async def together() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", timeout=240) as client:
            calls = [client.completions.create(model="austen", **body) for body in asked]  # type: ignore[call-overload]
            return [answer.choices for answer in await asyncio.gather(*calls)]

    found = asyncio.run(together())
    with client_of(served) as client:
        for body, choices in zip(asked, found, strict=True):
            alone = client.completions.create(model="austen", **body)  # type: ignore[call-overload]
            assert alone.choices == choices


def test_clients_that_leave_leave_no_work_behind(slow: Served, trust_cases: TrustCases) -> None:
    connections = [post_raw(slow, long_request(seed=number, stream=number % 2 == 0)) for number in range(200)]
    wait_until(lambda: slow.admission.num_active == 64 and slow.admission.num_waiting == 136)
    wait_until(lambda: slow.scheduler.num_tokens > 200)
    for connection in connections:
        connection.close()
    began = time.monotonic()
    wait_until(lambda: not (slow.admission.num_active or slow.admission.num_waiting or slow.scheduler.num_running))
    seconds = time.monotonic() - began
    assert slow.admission.num_cancelled == 200
    engine: Any = slow.scheduler._batcher._engine
    num_steps = len(engine.shapes)
    time.sleep(0.05)
    assert len(engine.shapes) == num_steps
    with client_of(slow) as client:
        answer = client.completions.create(**long_request(max_tokens=2))
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2
    trust_cases.add(len(connections), len(connections), max_seconds=seconds)


def test_a_failure_amid_a_stream_is_its_last_event(slow: Served, caplog: pytest.LogCaptureFixture) -> None:
    engine: Any = slow.scheduler._batcher._engine
    with client_of(slow) as client:
        stream = client.completions.create(**long_request(stream=True))
        texts = [next(stream).choices[0].text for _ in range(3)]
        assert all(isinstance(text, str) for text in texts)
        engine.breaks = True
        with pytest.raises(openai.APIError, match="the engine failed") as caught:
            list(stream)
        assert "secret" not in str(caught.value)
        with pytest.raises(openai.InternalServerError, match="the engine failed"):
            client.completions.create(**long_request())
        engine.breaks = False
        assert client.completions.create(**long_request(max_tokens=3)).choices[0].text
    assert "a secret of the engine" in caplog.text
