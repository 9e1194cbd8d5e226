"""Around the routes: failures, figures, the log, and the stage of the service."""

import logging
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from nextword.bundle.origin import sample_model_path
from nextword.serving.application import create_application
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
