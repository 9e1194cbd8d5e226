"""A reply that fails ends as its client can understand: an error, an error event, or a connection that breaks off."""

import asyncio
import json
from typing import Any

import pytest

from nextword.serving.http.errors import ApiError
from nextword.serving.http.service import Reply

ERROR = ApiError(503, "no more", code="draining", headers={"Retry-After": "1"})
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")


def sent_by(*messages: dict[str, Any], fails_after: int = 99) -> tuple[Reply, list[Any]]:
    """Send messages, one of them followed by a failure, and return what the client gets."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def play() -> Reply:
        reply = Reply(send)
        for number, message in enumerate(messages):
            if number == fails_after:
                await reply.fail(ERROR)
            await reply.send(message)
        if fails_after == len(messages):
            await reply.fail(ERROR)
        return reply

    return asyncio.run(play()), sent


def start(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def body(content: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def test_a_whole_reply_is_passed_on() -> None:
    reply, sent = sent_by(start(), body(b"a", more=True), body(b"b", more=False))
    assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * 2]
    assert (reply.status, reply.is_complete, reply.first_event) == (200, True, None)


def test_a_failure_before_the_reply_is_an_error() -> None:
    reply, sent = sent_by(start(), body(b"a", more=False), fails_after=0)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == reply.status == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["error"]["code"] == "draining"


def test_a_failure_in_a_stream_is_its_last_event() -> None:
    reply, sent = sent_by(
        start(EVENTS), body(b"data: 1\n\n", more=True), body(b"data: 2\n\n", more=True), fails_after=2
    )
    assert reply.is_complete
    assert reply.first_event is not None
    assert sent[-1]["more_body"] is False
    assert json.loads(sent[-1]["body"].removeprefix(b"data: "))["error"]["code"] == "draining"
    assert len(sent) == 3


def test_a_failure_in_another_reply_leaves_it_incomplete() -> None:
    reply, sent = sent_by(start(), body(b"a", more=True), body(b"b", more=False), fails_after=2)
    assert not reply.is_complete
    assert [message.get("body") for message in sent] == [None, b"a"]


def test_a_failure_after_the_end_changes_nothing() -> None:
    _, sent = sent_by(start(), body(b"a", more=False), fails_after=2)
    assert len(sent) == 2


def test_each_reply_forbids_to_guess_its_type_once() -> None:
    header = (b"x-content-type-options", b"nosniff")
    for headers in ([], [header]):
        _, sent = sent_by(start(*headers), body(b"a", more=False))
        assert sent[0]["headers"].count(header) == 1


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 300_000])
@pytest.mark.parametrize("more", [False, True])
def test_a_large_body_is_sent_in_pieces(size: int, more: bool) -> None:
    content = bytes(index % 251 for index in range(size))
    reply, sent = sent_by(start(), body(content, more=more))
    pieces = sent[1:]
    assert b"".join(message["body"] for message in pieces) == content
    assert all(len(message["body"]) <= 2**16 for message in pieces)
    assert all(message["more_body"] for message in pieces[:-1])
    assert pieces[-1]["more_body"] == more
    assert reply.is_complete != more
    assert len(pieces) == max(1, -(-size // 2**16))
