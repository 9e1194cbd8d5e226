"""Bodies are read strictly, and the bad field is named."""

import pytest

from nextword.serving.request_body import RequestBody, bad_field


class Body(RequestBody):
    n: int = 1
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


@pytest.mark.parametrize("values", [{"n": 1.0}, {"n": "1"}, {"n": True}, {"weight": "0.5"}, {"m": 1}])
def test_types_are_not_converted(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Body.model_validate(values)


def test_a_whole_number_is_a_number() -> None:
    assert Body.model_validate({"weight": 1}).weight == 1.0
