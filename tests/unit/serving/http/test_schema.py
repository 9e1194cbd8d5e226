"""Bodies are read strictly, the bad field is named, and the description holds all routes, fields and errors."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from nextword import serving
from nextword.serving.application import create_application
from nextword.serving.http.schema import (
    ERRORS,
    NO_PAGE,
    NOT_FOUND,
    REFUSED_MODEL,
    TAGS,
    ModelRequest,
    RequestBody,
    bad_field,
)
from nextword.serving.routes.completion_run import CompletionRequest
from nextword.serving.routes.score import ScoreRequest
from nextword.serving.routes.suggest import SuggestRequest
from nextword.serving.routes.tokenize import DetokenizeRequest
from nextword.serving.served_model import ModelSlot
from support.text_service import service_of, tiny_model


class Body(RequestBody):
    weight: float = 0.5


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"a": 1, "b": NaN}', "b"),
        (b'{"a": 1, "b": {"c": [1e999]}}', "b"),
        (b'{"a": "\\udc00", "b": 1}', "a"),
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"a": {"b": 1, "b": 2}}', "b"),
        (b'{"a": 1' + b"0" * 20 + b"}", "a"),
        (b'{"a": 1' + b"0" * 5000 + b"}", None),
        (b'{"a": ' + b"[" * 10 + b"]" * 10 + b"}", "a"),
        (b"[NaN]", None),
        (b"{", None),
        (b"\xff", None),
        (b'{"a": 1}', None),
        (b'{"a": ' * 100_000, None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_bad_field_is_named(data: bytes, field: str | None) -> None:
    assert bad_field(data) == field


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (CompletionRequest, {"model": "austen", "prompt": [1.5] * 1000, "stop": [1] * 1000}),
        (DetokenizeRequest, {"tokens": [-1] * 1000}),
        (ScoreRequest, {"lines": [1] * 1000}),
        (SuggestRequest, {"text": 1}),
    ],
)
def test_a_list_is_read_to_its_first_fault(kind: type[RequestBody], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        kind.model_validate(values)
    assert refused.value.error_count() <= 2  # one for each list


def test_a_whole_number_is_a_number() -> None:
    assert Body.model_validate({"weight": 1}).weight == 1.0


SCHEMA = create_application(ModelSlot()).openapi()
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
]


def _is_valid(value: Any, schema: dict[str, Any]) -> bool:
    whole = {"components": SCHEMA["components"], **schema}
    return jsonschema_rs.validator_for(whole).is_valid(value)


def test_examples_are_sound() -> None:
    """Those of bodies and answers, of their fields, and of errors."""
    for name, schema in SCHEMA["components"]["schemas"].items():
        for part in (schema, *schema.get("properties", {}).values()):
            for example in part.get("examples", ()):
                assert _is_valid(example, part), f"{name}: {example}"


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_route_has_examples(path: str, method: str, operation: dict[str, Any]) -> None:
    contents = [answer.get("content", {}) for status, answer in operation["responses"].items() if status != "304"]
    if "requestBody" in operation:
        contents.append(operation["requestBody"]["content"])
    assert contents
    for content in contents:
        for kind, media in content.items():
            if kind == "application/octet-stream":
                continue
            schema = media.get("schema", {})
            whole = SCHEMA["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
            fields = whole.get("properties", {}).values()
            assert media.get("example") or whole.get("examples") or any("examples" in field for field in fields)
            if kind == "application/json" and "example" in media:
                assert _is_valid(media["example"], schema), media["example"]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_route_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in TAGS}
    assert {"400", "401", "429", "503"} <= set(operation["responses"])
    assert "422" not in operation["responses"]
    if "{" in path:
        assert "404" in operation["responses"]


def test_fields_of_our_answers_are_described() -> None:
    own = [
        name
        for name in SCHEMA["components"]["schemas"]
        if name.endswith(("Answer", "Request")) and name != "ErrorAnswer"
    ]
    assert len(own) > 8
    for name in set(own) - {"CompletionRequest"}:
        for field, schema in SCHEMA["components"]["schemas"][name]["properties"].items():
            assert schema.get("description"), f"{name}.{field}"


@pytest.mark.parametrize("name", ["TokenizeRequest", "DetokenizeRequest"])
def test_the_model_is_described_as_in_every_request(name: str) -> None:
    described = SCHEMA["components"]["schemas"][name]["properties"]["model"]["description"]
    assert described == ModelRequest.model_fields["model"].description


def test_the_request_examples_are_answered() -> None:
    with service_of(tiny_model(name="austen")) as client:
        for path, operations in SCHEMA["paths"].items():
            body = operations.get("post", {}).get("requestBody")
            if body is None:
                continue
            name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            (example,) = SCHEMA["components"]["schemas"][name]["examples"]
            if path == "/detokenize":
                example = {"tokens": [2, 3]}  # the ids of the example are those of another vocabulary
            assert client.post(path, json=example).status_code == 200, path


def test_the_codes_of_errors_are_those_of_the_service() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(serving.__file__).parent.rglob("*.py")]
    others = "".join(source for source in sources if "REFUSED_MODEL:" not in source)
    for answers in (ERRORS, NOT_FOUND, NO_PAGE, REFUSED_MODEL):
        for answer in answers.values():
            code = answer["content"]["application/json"]["example"]["error"]["code"]
            assert f'"{code}"' in others, code
