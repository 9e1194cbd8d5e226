"""Errors of fields say the rule in plain words."""

from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from nextword.serving.field_error import field_message, field_name
from nextword.serving.request_body import RequestBody


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
        ({"n": 1.5}, "`n` must be an integer, but is 1.5"),
        ({"n": "3"}, "`n` must be an integer"),
        ({"n": True}, "`n` must be an integer"),
        ({"p": 0}, "`p` must be above 0, but is 0"),
        ({"p": 1}, "`p` must be below 1, but is 1"),
        ({"p": None}, "`p` must be a number"),
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
