import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.system import strict_json

plain = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    plain | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@settings(deadline=None)
@given(values, st.booleans())
def test_what_python_writes_is_read_back(value: object, escaped: bool) -> None:
    data = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert strict_json.parse(data, max_depth=50) == value


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        (b"", "must be JSON"),
        (b"{", "must be JSON, but is not at line 1, column 2"),
        (b"\xef\xbb\xbf{}", "must be JSON"),
        (b"{} {}", "must be JSON"),
        ('{"a": 1}'.encode("utf-16"), "must be UTF-8"),
        (b'"\xff"', "must be UTF-8, but byte 1 is not"),
        (b"[" * 9 + b"]" * 9, "nested at most 8 deep"),
        (b'{"a":' * 30_000, "at most 65536 bytes"),
        (b'["]]]]", [[[[[[[[1]]]]]]]]]', "nested at most 8 deep"),
        (b'{"a": 1, "a": 1}', "must not name 'a' twice"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "must not name 'a' twice"),
        (b"[NaN]", "holds NaN"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"[1e999]", "below 1.8e308"),
        (b"[" + b"9" * 19 + b"]", "integers of at most 18 digits, but has one of 19"),
        (b"[-" + b"9" * 5000 + b"]", "has one of 5000"),
        (b'["\\ud800"]', "unpaired surrogate"),
        (b'{"\\udc00": 1}', "unpaired surrogate"),
        (b'["\x01"]', "must be JSON"),
    ],
)
def test_a_text_with_a_doubtful_meaning_is_refused(data: bytes, clause: str) -> None:
    with pytest.raises(ValueError, match="must") as refusal:
        strict_json.parse(data)
    assert clause in str(refusal.value)


@pytest.mark.parametrize("number", [b"1.5", b"1.0", b"1e2"])
def test_numbers_with_a_fraction_can_be_refused(number: bytes) -> None:
    assert strict_json.parse(b"[1, -2]", only_whole_numbers=True) == [1, -2]
    with pytest.raises(ValueError, match="must hold whole numbers only, but holds 1"):
        strict_json.parse(number, only_whole_numbers=True)


def test_the_limits_themselves_are_allowed() -> None:
    assert strict_json.parse(b"[" * 8 + b"]" * 8) == [[[[[[[[]]]]]]]]
    assert strict_json.parse(b"[" + b"9" * 18 + b"]") == [10**18 - 1]
    assert strict_json.parse(b'"' + b"x" * 98 + b'"', max_bytes=100) == "x" * 98


def test_brackets_and_quotes_in_strings_are_no_depth() -> None:
    assert strict_json.parse(b'["[[[[[[[[[", "\\"[[[[[[[[[", "\\\\"]') == ["[[[[[[[[[", '"[[[[[[[[[', "\\"]


def test_a_paired_surrogate_is_a_character() -> None:
    assert strict_json.parse(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_value_error(data: bytes) -> None:
    try:
        value = strict_json.parse(data)
    except ValueError:
        return
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
