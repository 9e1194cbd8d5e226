"""JSON from an untrusted source: only small, shallow and unambiguous texts are accepted."""

import json
import math
import re
from collections import Counter
from typing import Any

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_MAX_DIGITS = 18  # each of these numbers fits into 64 bits


def parse(data: bytes, *, max_bytes: int = 2**16, max_depth: int = 8, only_whole_numbers: bool = False) -> Any:
    """Return the value of a JSON text. It is stricter than Python's parser, and safe where that one crashes.

    These are refused:

    - texts that are too long or too deep, before they are parsed;
    - encodings other than UTF-8, and unpaired surrogates;
    - an object that has a name twice;
    - integers of more than 18 digits, `NaN`, `Infinity`, and numbers that overflow;
    - with `only_whole_numbers`, numbers with a fraction or an exponent.

    Raises:
        ValueError: The text is refused. The message is a clause such as "must not name `size` twice"; the caller puts
            the name of the file before it.
    """
    if len(data) > max_bytes:
        raise ValueError(f"must be at most {max_bytes} bytes long, but is {len(data)}")
    try:
        text = data.decode("utf-8")
        _check_depth(text, max_depth)
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_fraction if only_whole_numbers else _float,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"must be UTF-8, but byte {error.start} is not") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"must be JSON, but is not at line {error.lineno}, column {error.colno}") from error
    if "\\u" in text:  # half of a surrogate pair can only come from an escape
        _require_unicode(value)
    return value


def _check_depth(text: str, max_depth: int) -> None:
    if text.count("[") + text.count("{") <= max_depth:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > max_depth:
            raise ValueError(f"must be nested at most {max_depth} deep, but is deeper")


def _require_unicode(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("must not hold an unpaired surrogate") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"must not name {name[:40]!a} twice")
    return table


def _integer(text: str) -> int:
    num_digits = len(text.removeprefix("-"))
    if num_digits > _MAX_DIGITS:
        raise ValueError(f"must hold integers of at most {_MAX_DIGITS} digits, but has one of {num_digits}")
    return int(text)


def _float(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("must hold numbers below 1.8e308 only")
    return value


def _no_fraction(text: str) -> float:
    raise ValueError(f"must hold whole numbers only, but holds {text[:20]}")


def _constant(name: str) -> float:
    raise ValueError(f"must hold finite numbers only, but holds {name}")


def finite(value: float | None) -> float | None:
    """Return a number that JSON can hold: `None` for one that is not finite."""
    return value if value is not None and math.isfinite(value) else None
