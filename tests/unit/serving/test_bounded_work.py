"""No request holds a thread for long: the worst lawful request of every route works in turns of bounded size."""

import asyncio
import json
import random
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from starlette.testclient import TestClient

from nextword.bundle.origin import sample_model_path
from nextword.inference.suggestion import user_words
from nextword.inference.suggestion.lexicon import folded
from nextword.serving.queue.admission import Turns
from nextword.serving.settings import ServingSettings
from support.text_service import austen_service, tiny_model
from support.trust_cases import TrustCases, trust_amount
from support.waiting import wait_until

MOST_TOKENS = 2048
"""Tokens that a request may read between two chances of others: half a second of an idle processor."""

BOUNDS = ServingSettings()
SHARE = trust_amount(16, 1)
SMALLER = ServingSettings(
    max_prompt_tokens=BOUNDS.max_prompt_tokens // SHARE,
    max_scored_tokens=BOUNDS.max_scored_tokens // SHARE,
    max_tokens=BOUNDS.max_tokens // SHARE,
    max_answer_logprobs=BOUNDS.max_answer_logprobs // SHARE,
)
TOKENS, LINES = SMALLER.max_prompt_tokens - 6, BOUNDS.max_lines
PER_LINE = SMALLER.max_scored_tokens // LINES - 2


def _words() -> list[str]:
    tokenizer = json.loads((sample_model_path("austen") / "vocabulary.json").read_text("utf-8"))
    return [word for word in tokenizer["tokens"] if word.isalpha()]


_RANDOM, _WORDS = random.Random(1), _words()


def text(num_words: int) -> str:
    return " ".join(_RANDOM.choices(_WORDS, k=num_words))


def new_words(count: int, length: int = 8) -> list[str]:
    return ["".join(_RANDOM.choices(string.ascii_lowercase, k=length)) for _ in range(count)]


WORST: dict[str, tuple[str, dict[str, Any]]] = {
    "the next word after the longest text": ("/v1/suggest", {"text": text(TOKENS), "k": 100}),
    "words to learn in a long text": (
        "/v1/suggest",
        {"text": " ".join(new_words(TOKENS)) + " ", "k": 100, "complete": True},
    ),
    "a text with alternatives": ("/v1/score", {"text": text(TOKENS), "alternatives": 20}),
    "the longest text": ("/v1/score", {"text": text(SMALLER.max_scored_tokens - 9), "tokens": True}),
    "unknown words to spell": ("/v1/score", {"lines": [" ".join(new_words(PER_LINE, 24)) for _ in range(LINES)]}),
    "a carried text": ("/v1/score", {"lines": [text(PER_LINE) for _ in range(LINES)], "carry": True}),
    "the longest text to cut": ("/tokenize", {"prompt": text(TOKENS)}),
    "log-probabilities of the longest prompt": (
        "/v1/completions",
        {"prompt": text(TOKENS), "max_tokens": 0, "echo": True, "logprobs": 20},
    ),
    "the best of many texts": ("/v1/completions", {"prompt": "It is", "max_tokens": SMALLER.max_tokens, "best_of": 16}),
    "the most prompts": ("/v1/completions", {"prompt": [text(TOKENS // 4)] * 16, "max_tokens": 1, "n": 4}),
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with austen_service(SMALLER) as client:
        yield client


class Work:
    """What the threads of the service did between two chances of others.

    Attributes:
        tokens: Tokens of each call of the engine.
        seconds: Processor time since the chance before.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens: list[int] = []
        self.seconds: list[float] = []
        self._last = threading.local()
        count, taken = Turns.count, Turns.taken

        def counted(turns: Turns, num_tokens: int) -> None:
            count(turns, num_tokens)
            self._note(num_tokens)

        monkeypatch.setattr(Turns, "count", counted)

        def begun(turns: Turns, is_left: Callable[[], bool]) -> AbstractContextManager[None]:
            self._last.seconds = time.thread_time()
            return taken(turns, is_left)

        monkeypatch.setattr(Turns, "taken", begun)

    def _note(self, num_tokens: int) -> None:
        self.tokens.append(num_tokens)
        now = time.thread_time()
        self.seconds.append(now - getattr(self._last, "seconds", now))
        self._last.seconds = now


@pytest.mark.parametrize("kind", WORST)
def test_the_worst_request_of_a_route_works_in_turns(
    client: TestClient, kind: str, monkeypatch: pytest.MonkeyPatch, trust_cases: TrustCases
) -> None:
    path, body = WORST[kind]
    work = Work(monkeypatch)
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text[:500]
    assert max(work.tokens, default=0) <= MOST_TOKENS
    assert sum(work.tokens) <= 2 * SMALLER.max_scored_tokens
    trust_cases.add(max_turn_seconds=max(work.seconds, default=0.0))


def test_a_request_beyond_a_bound_is_refused_before_it_works(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch)
    assert client.post("/v1/score", json={"text": text(SMALLER.max_scored_tokens + 10)}).status_code == 400
    assert sum(work.tokens) == 0


@pytest.mark.parametrize("complete", [False, True])
def test_of_a_longer_text_only_what_changed_is_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, *, complete: bool
) -> None:
    long = f"Kowalczyk {text(100)}"
    client.post("/v1/suggest", json={"text": long, "complete": complete})
    work = Work(monkeypatch)
    client.post("/v1/suggest", json={"text": f"{long} so", "complete": complete})
    assert sum(work.tokens) <= 3


def test_who_has_read_for_long_lets_others_go_first() -> None:
    turns, order = Turns(1, 256), list[str]()

    def other() -> None:
        with turns.taken():
            order.append("the other")

    thread = threading.Thread(target=other)
    with turns.taken():
        turns.count(200)
        thread.start()
        wait_until(lambda: bool(turns._waiting))
        turns.count(200)  # the turn is not over yet
        order.append("the first part")
        turns.count(200)
        order.append("the second part")
    thread.join()
    assert order == ["the first part", "the other", "the second part"]
    turns.count(10_000)  # a thread without a turn, such as the scheduler's, waits for nobody


def test_work_ends_when_its_client_leaves() -> None:
    served, began, ended = tiny_model(), threading.Event(), threading.Event()

    def work() -> None:
        deadline = time.monotonic() + 20
        began.set()
        try:
            while time.monotonic() < deadline:
                served.turns.count(1)
        except asyncio.CancelledError:
            ended.set()
            raise

    async def leave() -> None:
        task = asyncio.create_task(served.run(work))
        await asyncio.to_thread(began.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert ended.wait(30)
    served.scheduler.close()


def test_words_are_forgotten_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    words = user_words.UserWords()
    learned = new_words(500)
    for word in learned:
        words.learn(word)
    calls: list[str] = []

    def counted(word: str) -> str:
        calls.append(word)
        return folded(word)

    monkeypatch.setattr(user_words, "folded", counted)
    words.forget(*learned[:499])
    assert list(words) == learned[499:]
    assert len(calls) < 5 * len(learned)
