"""Errors in the shape of OpenAI's."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError
from starlette.testclient import TestClient

from nextword.errors import BundleError, EvaluationError, MissingExtraError, SettingError, TextError
from nextword.serving.http.errors import ApiError, error_of, field_message, field_name
from nextword.serving.http.schema import RequestBody
from support.text_service import service_of, tiny_model


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service_of(tiny_model()) as client:
        yield client


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
    table = json.loads(ApiError(status, "why", param="n", code="bad").to_json())
    assert table == {"error": {"message": "why", "type": kind, "param": "n", "code": "bad"}}


@pytest.mark.parametrize("kind", [KeyError, MissingExtraError, BundleError])
def test_an_error_of_ours_tells_nothing(kind: type[Exception]) -> None:
    error = error_of(kind("a secret"), {})
    assert (error.status, "secret" in error.message) == (500, False)


@pytest.mark.parametrize("kind", [SettingError, TextError, EvaluationError])
def test_an_error_by_the_request_is_told(kind: type[Exception]) -> None:
    error = error_of(kind("the rule"), {})
    assert (error.status, error.message, error.code) == (400, "the rule", kind.__name__)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/score", "POST"),
        ("POST", "/", "GET, HEAD"),
        ("OPTIONS", "/admin/reload", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client: TestClient, method: str, path: str, allow: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allow
    assert allow in answer.json()["error"]["message"]


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


class Body(RequestBody):
    n: int = Field(1, ge=1, le=5)
    p: float = Field(0.5, gt=0, lt=1)
    kind: Literal["a", "b"] = "a"
    text: str = ""
    is_new: bool = False
    lines: list[str] = Field(default_factory=list)
    names: dict[str, float] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n": 0}, "`n` must be at least 1, but is 0"),
        ({"n": 6}, "`n` must be at most 5, but is 6"),
        ({"n": 1.0}, "`n` must be an integer, but is 1.0"),
        ({"n": "3"}, "`n` must be an integer"),
        ({"n": True}, "`n` must be an integer"),
        ({"p": 0}, "`p` must be above 0, but is 0"),
        ({"p": 1}, "`p` must be below 1, but is 1"),
        ({"p": None}, "`p` must be a number"),
        ({"p": "0.5"}, "`p` must be a number"),
        ({"kind": "secret"}, "`kind` must be 'a' or 'b'"),
        ({"text": 3}, "`text` must be a string, but is 3"),
        ({"is_new": "yes"}, "`is_new` must be true or false"),
        ({"lines": "a"}, "`lines` must be a list"),
        ({"lines": ["a", None]}, "`lines.1` must be a string"),
        ({"names": []}, "`names` must be an object"),
        ({"m": 1}, "`m` is not a field of this route; remove it, or see `/openapi.json` for the fields"),
        ([], "the body must be an object"),
    ],
)
def test_the_rule_is_said(values: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(values)
    assert field_message({**caught.value.errors()[0]}).startswith(message)
    assert "secret" not in field_message({**caught.value.errors()[0]})


def test_a_missing_field_is_named() -> None:
    class Needs(RequestBody):
        model: str

    with pytest.raises(ValidationError) as caught:
        Needs.model_validate({})
    assert field_message({**caught.value.errors()[0]}) == "`model` must be given"


def test_fields_are_named_by_their_place() -> None:
    assert field_name(("body", "stop", 1)) == "stop.1"
    assert field_name(("query", "k")) == "k"
    assert field_name(("body",)) is None
