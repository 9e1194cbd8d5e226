"""The server as a process: it starts, drains at a signal, reloads, and loses no accepted request."""

import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from nextword.bundle.origin import sample_model_path
from nextword.errors import BundleError, SettingError
from nextword.serving.served_model import ModelSource
from nextword.serving.server import ServerOptions, bind, own_hosts, serve
from support.raw_http import RawAnswer, RawClient, exchange, get, post
from support.serve_process import ServeProcess, serve_process
from support.trust_cases import TrustCases, trust_amount
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")

PATIENT = {f"NEXTWORD_SERVE_{name}_SECONDS": "600" for name in ("DRAIN", "RECEIVE", "IDLE")}

LONG = 1000
"""Tokens of a text that takes a while."""

NUM_STREAMS = trust_amount(6, 10)
NUM_CONNECTIONS = trust_amount(400, 1000)


def completion(max_tokens: int, *, stream: bool = False, close: bool = True, seed: int = 0) -> bytes:
    asked = {"model": "austen", "prompt": "I am", "max_tokens": max_tokens, "seed": seed, "stream": stream}
    return post("/v1/completions", json.dumps(asked).encode(), close=close)


def events_of(answer: RawAnswer) -> list[Any]:
    """The events of a stream, whose chunks must be whole."""
    assert answer.body.endswith(b"0\r\n\r\n"), answer.body[-200:]
    return [json.loads(data) for data in re.findall(rb"data: (\{.*\})", answer.body)]


@pytest.fixture(scope="module")
def process() -> Iterator[ServeProcess]:
    """A server with room for two texts, and two requests that wait."""
    environment = {
        "NEXTWORD_SERVE_MAX_ACTIVE": "2",
        "NEXTWORD_SERVE_QUEUE_LENGTH": "2",
        "NEXTWORD_SERVE_QUEUE_SECONDS": "60",
    }
    with serve_process("austen", environment=environment) as started:
        yield started


def figure(process: ServeProcess, name: str) -> float:
    text = exchange(process.port, get("/metrics")).body.decode()
    found = re.search(rf"^nextword_{name} (.*)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def together(number: int, port: int, request: bytes) -> list[RawAnswer]:
    """Send a request from several clients at once."""
    answers: list[RawAnswer] = []
    threads = [threading.Thread(target=lambda: answers.append(exchange(port, request))) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_service_serves_without_the_training_framework() -> None:
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['keras', 'jax', 'tensorflow', 'torch', 'matplotlib', 'scipy']))\n"
        "from nextword.cli.main import main\n"
        "main(['serve', 'austen', '--port', '0'])\n"
    )
    with serve_process(program=program) as process:
        port = process.port
        assert exchange(port, get("/readyz")).status == 200
        assert exchange(port, completion(5)).status == 200
        for path, body in (("/v1/score", {"lines": ["I am"]}), ("/v1/suggest", {"text": "I am "})):
            assert exchange(port, post(path, json.dumps(body).encode())).status == 200, path
        assert process.stop() == 143
    assert process.output == f"serving austen on http://127.0.0.1:{port}/\nstopped by SIGTERM\n"


def test_a_service_on_all_addresses_prints_those_that_can_be_opened() -> None:
    environment = {"NEXTWORD_SERVE_API_KEYS": "a-key-of-more-than-16-characters"}
    with serve_process("austen", "--host", "0.0.0.0", environment=environment) as process:  # noqa: S104
        port = process.port
        shown = process.output.splitlines()[0].removeprefix("serving austen on ").split(" and ")
        assert shown[0] == f"http://127.0.0.1:{port}/"
        assert process.stop() == 143
    assert "0.0.0.0" not in process.output  # noqa: S104
    assert own_hosts("0.0.0.0") == [url.split("/")[2].split(":")[0] for url in shown]  # noqa: S104
    assert own_hosts("::")[0] == "::1"
    assert own_hosts("127.0.0.1") == own_hosts("::1") == []


def test_overload_is_refused_and_no_accepted_request_is_lost(process: ServeProcess, trust_cases: TrustCases) -> None:
    rejected = figure(process, "requests_rejected_total")
    answers = together(8 * trust_amount(4, 16), process.port, completion(60))
    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 4
    for answer in answers:
        if answer.status == 200:
            assert answer.json()["usage"]["completion_tokens"] > 0
        else:
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["error"]["type"] == "overloaded_error"
    assert figure(process, "requests_rejected_total") == rejected + statuses.count(429)
    assert figure(process, "requests_in_flight") == 0
    trust_cases.add(len(answers), len(answers), refused=statuses.count(429))


def test_an_idle_service_ends_at_a_signal() -> None:
    with serve_process("austen") as process, RawClient(process.port) as idle:
        idle.send(get("/livez", close=False))
        assert idle.receive_until(b"alive")
        process.signal(signal.SIGINT)
        assert process.exit_code() == 130
        assert idle.receive_until(b"nothing more") in (b"", b'"}')


def open_streams(stack: ExitStack, port: int, number: int) -> list[RawClient]:
    """Open streams, each of which has begun."""
    clients = [stack.enter_context(RawClient(port)) for _ in range(number)]
    for seed, client in enumerate(clients):
        client.send(completion(LONG, stream=True, close=False, seed=seed))
    return clients


def received(clients: Sequence[RawClient]) -> list[RawAnswer]:
    """What all clients receive to the end."""
    answers: list[RawAnswer | None] = [None] * len(clients)

    def read(index: int) -> None:
        answers[index] = clients[index].receive_all()

    threads = [threading.Thread(target=read, args=(index,)) for index in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for answer in answers if answer is not None]


@pytest.mark.parametrize("drain_seconds", ["0", "60"])
def test_each_open_stream_completes_or_ends_with_an_event(drain_seconds: str, trust_cases: TrustCases) -> None:
    with (
        serve_process("austen", environment={"NEXTWORD_SERVE_DRAIN_SECONDS": drain_seconds}) as process,
        ExitStack() as stack,
    ):
        port = process.port
        clients = open_streams(stack, port, NUM_STREAMS)
        wait_until(lambda: figure(process, "requests_in_flight") == NUM_STREAMS)
        process.signal(signal.SIGTERM)
        answers = received(clients)
        assert process.exit_code() == 143, process.output
    assert len(answers) == NUM_STREAMS
    completed = 0
    for answer in answers:
        assert answer.status in (200, 503)
        if answer.status == 503:
            assert answer.json()["error"]["code"] in ("closing", "draining")
            continue
        *_, last = events_of(answer)
        if "error" in last:
            assert last["error"]["type"] == "unavailable_error"
        else:
            completed += 1
            assert answer.body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    if drain_seconds == "60":
        assert completed == NUM_STREAMS
    if drain_seconds == "0":
        assert completed < NUM_STREAMS
    trust_cases.add(NUM_STREAMS, len(answers))


def test_while_it_drains_the_service_is_not_ready_and_takes_no_requests() -> None:
    with serve_process("austen", environment=PATIENT) as process, RawClient(process.port) as kept, ExitStack() as stack:
        port = process.port
        kept.send(get("/livez", close=False))
        assert kept.receive_until(b"alive")
        # A request without its body is in work: the drain lasts as long as this test needs.
        blocked = stack.enter_context(RawClient(port))
        blocked.send(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        blocked.send(b"Content-Length: 64\r\n\r\n")
        wait_until(lambda: figure(process, "requests_in_flight") == 1)
        process.signal(signal.SIGTERM)
        wait_until(lambda: exchange(port, get("/readyz")).status == 503)
        assert exchange(port, get("/readyz")).json()["error"]["code"] == "draining"
        assert exchange(port, get("/livez")).status == 200
        assert exchange(port, get("/metrics")).status == 200
        refused = exchange(port, completion(5, close=False))
        assert (refused.status, refused.json()["error"]["code"]) == (503, "draining")
        kept.send(get("/v1/models", close=False))
        assert kept.receive_all().status == 503
        body = b'{"model": "austen", "prompt": "I am", "max_tokens": 5}'
        blocked.send(body.ljust(64))
        assert blocked.receive_all().status == 200, "what was accepted is answered"
        assert process.exit_code() == 143


def test_the_second_signal_ends_the_service_at_once() -> None:
    with serve_process("austen", environment=PATIENT) as process, RawClient(process.port) as client:
        client.send(b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
        wait_until(lambda: figure(process, "requests_in_flight") == 1)
        process.signal(signal.SIGTERM)
        wait_until(lambda: exchange(process.port, get("/readyz")).status == 503)
        process.signal(signal.SIGINT)
        assert process.exit_code() == 130


def test_a_signal_reloads_the_model(tmp_path: Path) -> None:
    model = shutil.copytree(sample_model_path("austen"), tmp_path / "model")
    with serve_process(model) as process:
        assert exchange(process.port, completion(5)).status == 200
        process.signal(signal.SIGHUP)
        wait_until(lambda: "reloaded austen-" in process.output)
        (model / "vocabulary.json").write_text("{}", encoding="utf-8")
        process.signal(signal.SIGHUP)
        wait_until(lambda: "was not reloaded" in process.output)
        assert exchange(process.port, completion(5)).status == 200
        assert process.stop() == 143


def test_a_damaged_model_is_not_served(tmp_path: Path) -> None:
    model = shutil.copytree(sample_model_path("austen"), tmp_path / "model")
    (model / "vocabulary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=r"vocabulary\.json"):
        serve(ModelSource(model), ServerOptions(port=0))


def test_more_connections_than_open_files_are_refused_with_an_answer(trust_cases: TrustCases) -> None:
    program = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))\n"
        "from nextword.cli.main import main\n"
        "main(['serve', 'austen', '--port', '0'])\n"
    )
    with serve_process(program=program) as process, ExitStack() as stack:
        port = process.port
        held = [stack.enter_context(RawClient(port)) for _ in range(NUM_CONNECTIONS)]
        refused = held[-1].receive_all()
        assert (refused.status, refused.json()["error"]["code"]) == (503, "too_many_connections")
        stack.close()
        began = time.monotonic()
        wait_until(lambda: exchange(port, get("/livez")).status == 200)
        seconds = time.monotonic() - began
        assert process.stop() == 143
    assert "fewer than `max_connections`, 512" in process.output
    assert "Traceback" not in process.output
    trust_cases.add(NUM_CONNECTIONS, NUM_CONNECTIONS, max_seconds=seconds)


def test_an_address_that_cannot_be_used_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingError, match=r"`--port` must be free.*--port 0"):
            bind("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(SettingError, match="--host"):
        bind("no such host", 0)
    with pytest.raises(SettingError, match="--port"):
        bind("192.0.2.1", 0)
