"""Examples are made of those of the fields."""

from typing import Any

import pytest

from nextword.serving.openapi_examples import add_example, add_given, example_of

COMPONENTS: dict[str, Any] = {
    "Word": {"type": "object", "properties": {"text": {"type": "string", "examples": ["obliged"]}}},
    "Kind": {"type": "string", "enum": ["word", "character"]},
}


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"$ref": "#/components/schemas/Word"}, {"text": "obliged"}),
        ({"$ref": "#/components/schemas/Kind"}, "word"),
        ({"$ref": "#/components/schemas/Kind", "examples": ["character"]}, "character"),
        ({"type": "array", "items": {"type": "integer", "examples": [3]}}, [3]),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, 1.0),
        ({"type": "boolean", "default": True}, True),
        ({"const": "model"}, "model"),
        ({"type": "null"}, None),
    ],
)
def test_an_example_comes_from_the_schema(schema: dict[str, Any], example: Any) -> None:
    assert example_of(schema, COMPONENTS) == example


def test_an_example_that_is_there_stays() -> None:
    content: dict[str, Any] = {"application/json": {"schema": {"type": "integer"}, "example": 5}}
    add_example(content, COMPONENTS)
    assert content["application/json"]["example"] == 5
    operation: dict[str, Any] = {"responses": {"200": {"content": {"application/json": {"example": 7}}}}}
    add_given("/v1/models", operation)
    assert operation["responses"]["200"]["content"]["application/json"]["example"] == 7


def test_other_content_has_none() -> None:
    content: dict[str, Any] = {"text/html": {}}
    add_example(content, COMPONENTS)
    assert content == {"text/html": {}}
