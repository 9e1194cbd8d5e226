"""What a request is told about a field that breaks a rule: the rule, and a number that is out of range."""

from collections.abc import Mapping, Sequence
from typing import Any

_RULES = {
    "missing": "must be given",
    "extra_forbidden": "is not a field of this route; remove it, or see `/openapi.json` for the fields",
    "not_supported": "is not supported",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
}
"""The rules by pydantic's names of its errors."""


def field_message(error: Mapping[str, Any]) -> str:
    """Return the message for an error of pydantic.

    Example:
        >>> field_message({"type": "greater_than_equal", "loc": ("body", "n"), "ctx": {"ge": 1}, "input": 0, "msg": ""})
        '`n` must be at least 1, but is 0'
    """
    name = field_name(error["loc"])
    where = f"`{name}`" if name else "the body"
    rule = _RULES.get(error["type"])
    if rule is None:
        return f"{where} is refused: {error['msg'].removeprefix('Value error, ')}"
    limits = {
        name: f"{limit:.16g}" if isinstance(limit, float) else limit for name, limit in error.get("ctx", {}).items()
    }
    return f"{where} {rule.format(**limits)}{_found(error)}"


def field_name(location: Sequence[int | str]) -> str | None:
    """Return the name of a field from its location in a request.

    Example:
        >>> field_name(("body", "stop", 1))
        'stop.1'
    """
    names = [str(part) for part in location if part not in ("body", "query", "path")]
    return ".".join(names) or None


def _found(error: Mapping[str, Any]) -> str:
    """Return the value if it is a number; other values may be long, or private."""
    value = error.get("input")
    if (
        error["type"] in ("extra_forbidden", "not_supported")
        or isinstance(value, bool)
        or not isinstance(value, int | float)
    ):
        return ""
    return f", but is {value}"
