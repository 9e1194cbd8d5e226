"""Errors in the shape of OpenAI's."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from nextword.serving.api_error import ApiError, error_of, error_table
from nextword.serving.application import create_application
from nextword.serving.served_model import ModelSlot
from support.text_service import service_of, tiny_model


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "invalid_request_error"),
        (429, "overloaded_error"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "unavailable_error"),
    ],
)
def test_each_status_has_a_type(status: int, kind: str) -> None:
    table = error_table(status, "why", param="n", code="bad")
    assert table == {"error": {"message": "why", "type": kind, "param": "n", "code": "bad"}}
    assert ApiError(status, "why", param="n", code="bad").to_table() == table


def test_an_error_of_ours_tells_nothing() -> None:
    told = error_of(KeyError("a secret"))
    assert (told.status_code, "secret" in str(told.detail)) == (500, False)
    known = ApiError(429, "busy", headers={"Retry-After": "3"})
    assert error_of(known) is known
    assert known.headers == {"Retry-After": "3"}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/score", "POST"),
        ("POST", "/v1/sessions/abc", "DELETE, GET"),
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/page/describe.json", "GET, HEAD"),
        ("OPTIONS", "/admin/reload", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    with TestClient(create_application(ModelSlot())) as client:
        answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allow
    assert allow in answer.json()["error"]["message"]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service_of(tiny_model()) as client:
        yield client


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_json_without_its_content_type_gets_the_repair(client: TestClient, kind: str) -> None:
    answer = client.post("/v1/score", content=b'{"text": "it is"}', headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert "`Content-Type: application/json`" in answer.json()["error"]["message"]


def test_an_unknown_route_says_where_the_routes_are(client: TestClient) -> None:
    answer = client.get("/docs")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_route")
    assert answer.json()["error"]["message"] == "no such route; all routes: /openapi.json"


def test_a_chat_is_sent_to_completions(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json={"model": "tiny", "messages": []})
    assert answer.status_code == 404
    assert "cannot chat" in answer.json()["error"]["message"]
    assert "/v1/completions" in answer.json()["error"]["message"]
