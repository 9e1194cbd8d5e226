import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from harness.serving.connection import Answer, BrokenAnswerError, Connection

Replying = Callable[..., AbstractAsyncContextManager[int]]


def plain(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def answers_of(
    replying: Replying, reply: Callable[[dict[str, Any]], bytes | None], *bodies: dict[str, Any]
) -> list[Answer]:
    async def run() -> list[Answer]:
        async with replying(reply) as port, Connection(port) as connection:
            return [await connection.complete(body) for body in bodies]

    return asyncio.run(run())


def test_an_answer_has_status_headers_and_body(replying: Replying) -> None:
    table = {"usage": {"completion_tokens": 7}}
    (answer,) = answers_of(replying, lambda _: plain(json.dumps(table).encode(), "X-Model-Hash: ab"), {"prompt": "a"})
    assert (answer.status, answer.ok, answer.num_tokens) == (200, True, 7)
    assert answer.headers["x-model-hash"] == "ab"
    assert answer.is_whole
    assert 0 < answer.first_seconds <= answer.seconds


def test_one_connection_sends_request_after_request(replying: Replying) -> None:
    answers = answers_of(replying, lambda body: plain(json.dumps(body).encode()), {"a": 1}, {"b": 2})
    assert [answer.table for answer in answers] == [{"a": 1}, {"b": 2}]


def test_a_connection_that_the_server_closes_is_opened_again(replying: Replying) -> None:
    answers = answers_of(replying, lambda _: plain(b"{}", "Connection: close"), {}, {}, {})
    assert [answer.status for answer in answers] == [200, 200, 200]


def test_events_are_read_from_chunks_however_they_are_cut(replying: Replying) -> None:
    last = b'data: {"usage": {"completion_tokens": 2}}\n\ndata: [DONE]\n\n'
    (answer,) = answers_of(replying, lambda _: chunked(b'data: {"a"', b": 1}\n\n", last), {"stream": True})
    assert answer.events == [{"a": 1}, {"usage": {"completion_tokens": 2}}]
    assert answer.num_tokens == 2
    assert answer.is_whole


@pytest.mark.parametrize("events", [b'data: {"a": 1}\n\n', b'data: {"error": {"message": "no"}}\n\ndata: [DONE]\n\n'])
def test_a_stream_with_an_error_or_without_its_end_is_not_whole(replying: Replying, events: bytes) -> None:
    (answer,) = answers_of(replying, lambda _: chunked(events), {})
    assert answer.ok
    assert not answer.is_whole


def test_a_refusal_has_no_tokens(replying: Replying) -> None:
    (answer,) = answers_of(replying, lambda _: plain(b"{}", "Retry-After: 5", status="429 Too Many Requests"), {})
    assert (answer.ok, answer.num_tokens, answer.headers["retry-after"]) == (False, None, "5")


@pytest.mark.parametrize(
    "reply", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", b"nonsense\r\n\r\n", chunked(b"a")[:-6]]
)
def test_half_an_answer_is_an_error(replying: Replying, reply: bytes | None) -> None:
    async def run() -> None:
        async with replying(lambda _: reply, once=True) as port, Connection(port) as connection:
            await connection.complete({})

    with pytest.raises(BrokenAnswerError):
        asyncio.run(run())
