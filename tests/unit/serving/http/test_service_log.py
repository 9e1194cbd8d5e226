"""The log holds one line for a request, and nothing that a user wrote."""

import logging

import pytest

from nextword.serving.http.errors import ApiError
from nextword.serving.http.service import FaultFormatter, log_line, refusal_line


def line_of(path: bytes, *, method: str = "GET", status: int = 200) -> str:
    return log_line(
        {"client": ("127.0.0.1", 5), "method": method, "raw_path": path, "query_string": b"q=secret"}, status, 0.5
    )


def test_a_line_says_who_asked_for_what_with_which_result() -> None:
    time, rest = line_of(b"/v1/models").split(" ", 1)
    assert time.endswith("Z")
    assert rest == '127.0.0.1 "GET /v1/models" 200 0.500 s'


@pytest.mark.parametrize(
    "path", [b"/a\nb", b"/a\r\nb", b"/a\x1b[31m", b"/\xe2\x80\xa8", b"/\x85", b'/a" 200', b"/" + b"a" * 9999]
)
def test_no_path_forges_a_line(path: bytes) -> None:
    line = line_of(path)
    assert line.isascii()
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert line.count('"') == 2
    assert len(line) < 900


def test_a_line_leaves_the_query_out() -> None:
    assert "secret" not in line_of(b"/tokenize")


def test_a_refusal_of_the_transport_is_a_line() -> None:
    assert refusal_line(ApiError(408, "too slow", code="slow_request"), "127.0.0.1").endswith(
        "Z 127.0.0.1 slow_request 408"
    )


def test_a_fault_is_reported_without_its_message() -> None:
    def fail(text: str) -> None:
        raise KeyError(text)

    written = " ".join(("a", "secret", "prompt"))
    with pytest.raises(KeyError) as failed:
        fail(written)
    record = logging.LogRecord("nextword", logging.ERROR, "", 0, "it failed", None, failed._excinfo)
    told = FaultFormatter().format(record)
    assert written not in told
    assert "KeyError" in told
    assert "in fail" in told
