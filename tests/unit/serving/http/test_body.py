"""Bodies are read strictly, and the bad field is named."""

from typing import Any

import pytest
from pydantic import ValidationError

from nextword.serving.http.body import RequestBody, bad_field
from nextword.serving.routes.completions.request import CompletionRequest
from nextword.serving.routes.score import ScoreRequest
from nextword.serving.routes.suggest import SuggestRequest
from nextword.serving.routes.tokenize import DetokenizeRequest


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
