"""Examples in the OpenAPI description: those of the fields, put together."""

from collections.abc import Mapping
from typing import Any

JSON = "application/json"


_MODEL = {"id": "austen", "object": "model", "created": 1795000000, "owned_by": "nextword"}
_COMPLETION = {
    "id": "cmpl-5f2e", "object": "text_completion", "created": 1795000000, "model": "austen",
    "system_fingerprint": "austen-6a1713da6ded",
    "choices": [{"index": 0, "text": " acknowledged, that", "logprobs": None, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 6, "completion_tokens": 3, "total_tokens": 9},
}  # fmt: skip

GIVEN: Mapping[str, tuple[Any, Any]] = {
    "/v1/completions": ({"model": "austen", "prompt": "It is a truth universally", "max_tokens": 3}, _COMPLETION),
    "/v1/models": (None, {"object": "list", "data": [_MODEL]}),
    "/v1/models/{name}": (None, _MODEL),
}
"""Examples of the request and the answer of routes in the shape of the OpenAI API."""


def add_given(path: str, operation: dict[str, Any]) -> None:
    """Add the examples of a route that are written here, unless it has some."""
    request, answer = GIVEN.get(path, (None, None))
    bodies = ((operation.get("requestBody", {}), request), (operation["responses"].get("200", {}), answer))
    for body, example in bodies:
        if example is not None and JSON in body.get("content", {}):
            body["content"][JSON].setdefault("example", example)


def add_example(content: dict[str, Any], components: Mapping[str, Any]) -> None:
    """Give a JSON body an example made of those of its fields, unless it has one.

    Args:
        content: The entry `content` of a request or an answer.
        components: The schemas by name.
    """
    media = content.get(JSON)
    if media is None or "example" in media or "examples" in media:
        return
    schema = _resolved(media.get("schema", {}), components)
    if "examples" in schema:  # of a request body, which its class gives
        media["example"] = schema["examples"][0]
    elif schema:
        media["example"] = example_of(schema, components)


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """Return an example of a schema: its own, its default, or one made of the examples of its parts.

    Example:
        >>> components = {"Word": {"properties": {"text": {"examples": ["obliged"]}}}}
        >>> example_of({"type": "array", "items": {"$ref": "#/components/schemas/Word"}}, components)
        [{'text': 'obliged'}]
    """
    schema = _resolved(schema, components)
    if schema.get("examples"):
        return schema["examples"][0]
    for name in ("const", "default"):
        if schema.get(name) is not None:
            return schema[name]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], components)
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        return {name: example_of(part, components) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], components)]
    return {"string": "It is a truth.", "integer": 1, "number": 1.0, "boolean": False, "object": {}}.get(
        str(schema.get("type"))
    )


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema, or the one that it refers to with what it adds."""
    if "$ref" not in schema:
        return schema
    return {**components[schema["$ref"].rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}
