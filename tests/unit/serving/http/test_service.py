"""Around the routes: the stage of the service, failures of a reply, figures, and a log without what a user wrote."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from nextword.bundle.origin import sample_model_path
from nextword.serving.application import create_application
from nextword.serving.http.errors import ApiError
from nextword.serving.http.service import FaultFormatter, Lifecycle, Reply, Stage, log_line, refusal_line
from nextword.serving.routes.health import ServingMetrics
from nextword.serving.served_model import ModelSlot, ModelSource
from support.raw_http import exchange, get, post
from support.running_transport import RunningServer, running
from support.started_service import started_service
from support.waiting import wait_until


@pytest.fixture(scope="module")
def application(lines: list[str]) -> Iterator[FastAPI]:
    """The application, with routes that fail."""
    slot = ModelSlot(ModelSource(sample_model_path("austen")).load())
    application = create_application(slot, log=lines.append)

    @application.get("/fails/{name}")
    async def fail(name: str) -> None:
        raise KeyError(f"a secret of {name}")

    yield application
    slot.current.scheduler.close()


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """The log of the server."""
    return []


@pytest.fixture(scope="module")
def server(application: FastAPI) -> Iterator[RunningServer]:
    with running(application) as started:
        yield started


def figures(server: RunningServer) -> dict[str, float]:
    text = exchange(server.port, get("/metrics")).body.decode()
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_a_fault_is_answered_and_reported_without_what_the_user_wrote(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = exchange(server.port, get("/fails/someone"))
        wait_until(lambda: any(each.name.startswith("nextword") for each in caplog.records))
    assert answer.status == 500
    assert answer.json()["error"]["type"] == "server_error"
    assert b"secret" not in answer.data
    (record,) = [each for each in caplog.records if each.name.startswith("nextword")]
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError
    assert "secret" not in record.getMessage()
    assert exchange(server.port, get("/livez")).status == 200


def test_requests_are_counted_by_route_and_never_by_path(server: RunningServer) -> None:
    for path in ("/fails/one", "/fails/two", "/nowhere", "/else-where", "/v1/models/austen"):
        exchange(server.port, get(path))
    exchange(server.port, b"BREW /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    found = figures(server)
    assert found['nextword_requests_total{method="GET",route="/fails/{name}",status="500"}'] >= 2
    assert found['nextword_requests_total{method="GET",route="/v1/models/{name}",status="200"}'] >= 1
    assert found['nextword_requests_total{method="GET",route="other",status="404"}'] >= 2
    assert found['nextword_requests_total{method="other",route="/livez",status="405"}'] == 1
    assert not any(word in name for name in found for word in ("one", "nowhere", "else-where", "BREW"))


def test_figures_tell_of_model_tokens_and_times(server: RunningServer, application: FastAPI) -> None:
    before = figures(server)
    asked = b'{"model": "austen", "prompt": "I am very", "max_tokens": 5, "temperature": 0, "stream": true}'
    assert exchange(server.port, post("/v1/completions", asked)).status == 200
    found = figures(server)
    assert found["nextword_tokens_generated_total"] == before["nextword_tokens_generated_total"] + 5
    assert found["nextword_tokens_read_total"] >= before["nextword_tokens_read_total"] + 3
    assert found['nextword_first_token_seconds_count{route="/v1/completions"}'] == 1
    assert found['nextword_request_seconds_count{route="/v1/completions"}'] == 1
    served = application.state.slot.current
    assert found[f'nextword_model_info{{hash="{served.hash}",methods="{served.methods}",name="austen"}}'] == 1
    for name in ("requests_in_flight", "texts_active", "requests_queued"):
        assert found[f"nextword_{name}"] == 0
    for name in ("requests_rejected_total", "requests_cancelled_total"):
        assert found[f"nextword_{name}"] >= 0


def test_refusals_of_the_transport_are_counted_and_logged() -> None:
    lines: list[str] = []
    with started_service(sample_model_path("austen"), log=lines.append) as url:
        port = urlsplit(url).port or 0
        exchange(port, b"nonsense\r\n\r\n")
        assert b'nextword_refused_total{code="invalid_http"} 1.0' in exchange(port, get("/metrics")).body
    assert any(line.endswith("127.0.0.1 invalid_http 400") for line in lines)


def test_each_request_is_a_line_of_the_log(server: RunningServer, lines: list[str]) -> None:
    exchange(server.port, get("/page/%0Aforged%20line?text=secret"))
    wait_until(lambda: any('"GET /page/%0Aforged%20line" 404' in line for line in lines))
    assert not any("secret" in line for line in lines)


def test_only_health_is_answered_while_the_model_loads() -> None:
    application = create_application(ModelSlot())
    with running(application) as server:
        assert exchange(server.port, get("/livez")).status == 200
        assert exchange(server.port, get("/metrics")).status == 200
        for path in ("/readyz", "/v1/models", "/", "/openapi.json"):
            answer = exchange(server.port, get(path, close=False))
            assert answer.status == 503
            assert answer.json()["error"]["code"] == "loading"
            assert answer.headers["retry-after"] == "1"


def test_a_service_whose_engine_has_ended_is_not_ready(server: RunningServer, application: FastAPI) -> None:
    for path in ("/readyz", "/health"):
        ready = {"status": "ready", "model": application.state.slot.current.fingerprint}
        assert exchange(server.port, get(path)).json() == ready
        head = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert exchange(server.port, head.encode()).status == 200
    slot = ModelSlot(ModelSource(sample_model_path("austen")).load())
    slot.current.scheduler.close()
    with running(create_application(slot)) as ended:
        answer = exchange(ended.port, get("/readyz"))
        assert (answer.status, answer.json()["error"]["code"]) == (503, "engine_ended")
        assert exchange(ended.port, get("/livez")).status == 200


def test_two_services_have_figures_of_their_own() -> None:
    one, two = (create_application(ModelSlot()).state.metrics for _ in range(2))
    assert isinstance(one, ServingMetrics)
    one.record_refusal("invalid_http")
    assert b'nextword_refused_total{code="invalid_http"} 1.0' in one.render()
    assert b"nextword_refused_total{" not in two.render()


def played(scene: Callable[[Lifecycle], Awaitable[None]]) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Lifecycle("ready")), 60)

    asyncio.run(play())


@pytest.mark.parametrize("stage", ["loading", "draining"])
def test_requests_are_refused_unless_the_service_is_ready(stage: Stage) -> None:
    with pytest.raises(ApiError) as refused:
        Lifecycle(stage).require_ready()
    assert (refused.value.status, refused.value.code) == (503, stage)
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"]
    Lifecycle("ready").require_ready()


def test_requests_in_work_are_counted_and_awaited() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        end = asyncio.Event()

        async def work() -> None:
            await end.wait()

        running = [asyncio.ensure_future(lifecycle.run(work())) for _ in range(3)]
        await asyncio.sleep(0)
        assert lifecycle.num_running == 3
        assert not await lifecycle.idle(0.01)
        end.set()
        assert await lifecycle.idle(60)
        await asyncio.gather(*running)
        assert lifecycle.num_running == 0

    played(scene)


def test_a_failure_of_the_work_reaches_the_caller() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        async def work() -> None:
            raise ValueError("of the work")

        with pytest.raises(ValueError, match="of the work"):
            await lifecycle.run(work())
        assert lifecycle.num_running == 0

    played(scene)


def test_a_cut_ends_the_work_even_if_it_cannot_be_cancelled() -> None:
    async def scene(lifecycle: Lifecycle) -> None:
        end, cancelled = asyncio.Event(), []

        async def stubborn() -> None:
            while not end.is_set():
                try:
                    await end.wait()
                except asyncio.CancelledError:
                    cancelled.append(True)

        running = [asyncio.ensure_future(lifecycle.run(stubborn())) for _ in range(2)]
        await asyncio.sleep(0)
        lifecycle.cut()
        assert await lifecycle.idle(60)
        errors = await asyncio.gather(*running, return_exceptions=True)
        assert [isinstance(error, ApiError) and error.code for error in errors] == ["draining"] * 2
        assert cancelled == [True, True]
        end.set()
        await asyncio.sleep(0)

    played(scene)


ERROR = ApiError(503, "no more", code="draining", headers={"Retry-After": "1"})
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")


def sent_by(*messages: dict[str, Any], fails_after: int = 99) -> tuple[Reply, list[Any]]:
    """Send messages, one of them followed by a failure, and return what the client gets."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def play() -> Reply:
        reply = Reply(send)
        for number, message in enumerate(messages):
            if number == fails_after:
                await reply.fail(ERROR)
            await reply.send(message)
        if fails_after == len(messages):
            await reply.fail(ERROR)
        return reply

    return asyncio.run(play()), sent


def start(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def body(content: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def test_a_whole_reply_is_passed_on() -> None:
    reply, sent = sent_by(start(), body(b"a", more=True), body(b"b", more=False))
    assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * 2]
    assert (reply.status, reply.is_complete, reply.first_event) == (200, True, None)


def test_a_failure_before_the_reply_is_an_error() -> None:
    reply, sent = sent_by(start(), body(b"a", more=False), fails_after=0)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == reply.status == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["error"]["code"] == "draining"


def test_a_failure_in_a_stream_is_its_last_event() -> None:
    reply, sent = sent_by(
        start(EVENTS), body(b"data: 1\n\n", more=True), body(b"data: 2\n\n", more=True), fails_after=2
    )
    assert reply.is_complete
    assert reply.first_event is not None
    assert sent[-1]["more_body"] is False
    assert json.loads(sent[-1]["body"].removeprefix(b"data: "))["error"]["code"] == "draining"
    assert len(sent) == 3


def test_a_failure_in_another_reply_leaves_it_incomplete() -> None:
    reply, sent = sent_by(start(), body(b"a", more=True), body(b"b", more=False), fails_after=2)
    assert not reply.is_complete
    assert [message.get("body") for message in sent] == [None, b"a"]


def test_a_failure_after_the_end_changes_nothing() -> None:
    _, sent = sent_by(start(), body(b"a", more=False), fails_after=2)
    assert len(sent) == 2


def test_each_reply_forbids_to_guess_its_type_once() -> None:
    header = (b"x-content-type-options", b"nosniff")
    for headers in ([], [header]):
        _, sent = sent_by(start(*headers), body(b"a", more=False))
        assert sent[0]["headers"].count(header) == 1


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 300_000])
@pytest.mark.parametrize("more", [False, True])
def test_a_large_body_is_sent_in_pieces(size: int, more: bool) -> None:
    content = bytes(index % 251 for index in range(size))
    reply, sent = sent_by(start(), body(content, more=more))
    pieces = sent[1:]
    assert b"".join(message["body"] for message in pieces) == content
    assert all(len(message["body"]) <= 2**16 for message in pieces)
    assert all(message["more_body"] for message in pieces[:-1])
    assert pieces[-1]["more_body"] == more
    assert reply.is_complete != more
    assert len(pieces) == max(1, -(-size // 2**16))


def line_of(path: bytes, *, method: str = "GET", status: int = 200) -> str:
    return log_line(
        {"client": ("127.0.0.1", 5), "method": method, "raw_path": path, "query_string": b"q=secret"}, status, 0.5
    )


def test_a_line_says_who_asked_for_what_with_which_result() -> None:
    time, rest = line_of(b"/v1/models").split(" ", 1)
    assert time.endswith("Z")
    assert rest == '127.0.0.1 "GET /v1/models" 200 0.500 s'


@pytest.mark.parametrize(
    "path", [b"/a\nb", b"/a\r\nb", b"/a\x1b[31m", b"/\xe2\x80\xa8", b"/\x85", b'/a" 200', b"/" + b"a" * 9999]
)
def test_no_path_forges_a_line(path: bytes) -> None:
    line = line_of(path)
    assert line.isascii()
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert line.count('"') == 2
    assert len(line) < 900


def test_a_line_leaves_the_query_out() -> None:
    assert "secret" not in line_of(b"/tokenize")


def test_a_refusal_of_the_transport_is_a_line() -> None:
    assert refusal_line(ApiError(408, "too slow", code="slow_request"), "127.0.0.1").endswith(
        "Z 127.0.0.1 slow_request 408"
    )


def test_a_fault_is_reported_without_its_message() -> None:
    def fail(text: str) -> None:
        raise KeyError(text)

    written = " ".join(("a", "secret", "prompt"))
    with pytest.raises(KeyError) as failed:
        fail(written)
    record = logging.LogRecord("nextword", logging.ERROR, "", 0, "it failed", None, failed._excinfo)
    told = FaultFormatter().format(record)
    assert written not in told
    assert "KeyError" in told
    assert "in fail" in told
