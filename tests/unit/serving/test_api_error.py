"""Errors in the shape of OpenAI's."""

import pytest

from nextword.serving.api_error import ApiError, error_of, error_table, field_name


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
    table = error_table(status, "why", param="n", code="bad")
    assert table == {"error": {"message": "why", "type": kind, "param": "n", "code": "bad"}}
    assert ApiError(status, "why", param="n", code="bad").to_table() == table


def test_an_error_of_ours_tells_nothing() -> None:
    told = error_of(KeyError("a secret"))
    assert (told.status_code, "secret" in str(told.detail)) == (500, False)
    known = ApiError(429, "busy", headers={"Retry-After": "3"})
    assert error_of(known) is known
    assert known.headers == {"Retry-After": "3"}


def test_fields_are_named_by_their_place() -> None:
    assert field_name(("body", "stop", 1)) == "stop.1"
    assert field_name(("query", "k")) == "k"
    assert field_name(("body",)) is None
