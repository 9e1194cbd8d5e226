"""The service with many clients at once: on real sockets, in company, leaving, failing and too many."""

import asyncio
import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from subprocess import run
from typing import Any, NamedTuple

import openai
import pytest

import nextword
from nextword.engine.engine import State, WindowPrediction
from nextword.engine.methods.cache import CacheEngine, CacheOptions
from nextword.engine.text_model import LoadedModel
from nextword.serving.settings import ServingSettings
from nextword.text.batching.window import TokenIds
from support.served import Served, serving
from support.toy_engine import ToyEngine
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


class Answer(NamedTuple):
    """An answer to a plain request."""

    status: int
    headers: http.client.HTTPMessage
    table: Any


def post(served: Served, body: dict[str, Any]) -> Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=240)) as connection:
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, json.loads(answer.read()))


def lines_of(connection: socket.socket) -> Iterator[str]:
    """Yield the events of a stream, and check that it ends with the last chunk of the answer."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    for line in answer:
        if line.strip():
            yield line.decode().removeprefix("data: ").strip()
    assert answer.isclosed(), "the stream was cut"


def test_texts_are_those_of_the_command_line(served: Served) -> None:
    for prompt, seed in (("She was", 1), ("", 2), ("It is a truth ", 3), ("It was a fine day.", 4), ('said, "', 5)):
        command = [sys.executable, "-m", "nextword", "generate", "austen", "--json", "--max-tokens", "15"]
        done = run(
            [*command, "-p", prompt, "--seed", str(seed), "--top-p", "0.9", "--temperature", "1"],
            capture_output=True,
            check=True,
        )
        with client_of(served) as client:
            options: dict[str, Any] = {
                "model": "austen",
                "prompt": prompt,
                "max_tokens": 15,
                "seed": seed,
                "top_p": 0.9,
            }
            answer = client.completions.create(**options)
            streamed = "".join(event.choices[0].text for event in client.completions.create(**options, stream=True))
        assert answer.choices[0].text == streamed == json.loads(done.stdout)["text"]
        assert (prompt[-1:] in (*"se.",)) == streamed.startswith(" ")  # the space that the prompt lacks


@pytest.mark.parametrize("kind", ["int8", "cache"])
def test_an_answer_is_the_same_alone_and_in_company(austen: LoadedModel, kind: str) -> None:
    model = austen
    if kind == "cache":
        options = CacheOptions(cache_size=30, cache_weight=0.5)
        engine = ToyEngine(len(austen.tokenizer.vocabulary), austen.tokenizer.vocabulary.end_id)
        model = LoadedModel(CacheEngine(engine, options), austen.bundle)
    words = [token.strip() for token in austen.tokenizer.vocabulary.tokens[50:90]]
    asked = [
        {"prompt": " ".join(words[: 1 + 7 * number % 40]), "max_tokens": 5 + number % 17, "seed": number, "logprobs": 2}
        for number in range(24)
    ]
    asked += [{**body, "echo": True, "stop": [" the"]} for body in asked[:6]]

    async def together(served: Served) -> list[Any]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", timeout=240) as client:
            calls = [client.completions.create(model="austen", **body) for body in asked]  # type: ignore[call-overload]
            return [answer.choices for answer in await asyncio.gather(*calls)]

    with serving(model) as served:
        found = asyncio.run(together(served))
        with client_of(served) as client:
            for body, choices in zip(asked, found, strict=True):
                alone = client.completions.create(model="austen", **body)  # type: ignore[call-overload]
                assert alone.choices == choices


def test_clients_that_leave_leave_no_work_behind(slow: Served) -> None:
    connections = [post_raw(slow, long_request(seed=number, stream=number % 2 == 0)) for number in range(200)]
    wait_until(lambda: slow.admission.num_active == 64 and slow.admission.num_waiting == 136)
    wait_until(lambda: slow.scheduler.num_tokens > 200)
    for connection in connections:
        connection.close()
    wait_until(lambda: not (slow.admission.num_active or slow.admission.num_waiting or slow.scheduler.num_running))
    assert slow.admission.num_cancelled == 200
    num_steps = len(slow.slot.current.model.engine.shapes)  # type: ignore[attr-defined]
    time.sleep(0.05)
    assert len(slow.slot.current.model.engine.shapes) == num_steps  # type: ignore[attr-defined]
    with client_of(slow) as client:
        answer = client.completions.create(**long_request(max_tokens=2))
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2


def test_too_many_requests_are_refused_and_the_others_complete(austen: LoadedModel) -> None:
    with serving(slow_model(austen), ServingSettings(max_active=2, queue_length=3, queue_seconds=600.0)) as served:
        with ThreadPoolExecutor(20) as pool:
            bodies = [long_request(max_tokens=30, seed=number) for number in range(20)]
            answers = list(pool.map(lambda body: post(served, body), bodies))
        assert served.admission.num_rejected == sum(answer.status == 429 for answer in answers)
    complete = [answer for answer in answers if answer.status == 200]
    assert len(complete) >= 5
    assert all(answer.table["usage"]["completion_tokens"] == 30 for answer in complete)
    refused = [answer for answer in answers if answer.status != 200]
    assert refused
    for answer in refused:
        assert (answer.status, int(answer.headers["Retry-After"])) == (429, 600)
        assert answer.table["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize("streams", [False, True])
def test_a_wait_that_is_too_long_is_refused_before_the_stream(austen: LoadedModel, *, streams: bool) -> None:
    settings = ServingSettings(max_active=1, queue_length=3, queue_seconds=0.05)
    with serving(slow_model(austen), settings) as served, client_of(served) as client:
        running = post_raw(served, long_request())
        wait_until(lambda: served.admission.num_active == 1)
        with pytest.raises(openai.RateLimitError, match="waited"):
            client.completions.create(**long_request(stream=streams))
        running.close()


def test_a_failure_amid_a_stream_is_its_last_event(slow: Served, caplog: pytest.LogCaptureFixture) -> None:
    engine: Any = slow.slot.current.model.engine
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


def test_a_drain_ends_streams_with_an_event(slow: Served) -> None:
    with closing(post_raw(slow, long_request(stream=True))) as connection:
        wait_until(lambda: slow.scheduler.num_tokens > 5)
        slow.admission.close()
        asyncio.run(slow.slot.drain(0.0))
        *_, last = lines_of(connection)
    error = json.loads(last)["error"]
    assert (error["code"], error["type"]) == ("closing", "unavailable_error")
    answer = post(slow, long_request())
    assert (answer.status, answer.table["error"]["code"]) == (503, "closing")


def test_a_complete_stream_ends_with_done(served: Served) -> None:
    with closing(post_raw(served, long_request(max_tokens=3, stream=True))) as connection:
        events = list(lines_of(connection))
    assert events[-1] == "[DONE]"
    assert [json.loads(event)["choices"][0]["finish_reason"] for event in events[:-1]] == [None, None, "length"]
