"""Suggestions over HTTP are those of `nextword.inference.suggestion`, alone and in a session."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import httpx2
import numpy as np
import pytest
from starlette.testclient import TestClient

import nextword
from nextword.bundle.origin import Origin
from nextword.bundle.origin_text import OriginText
from nextword.inference.suggestion.suggestion import suggest
from nextword.serving.routes.suggest import Bigrams, bigrams_of
from nextword.serving.settings import ServingSettings
from nextword.text.sources.names import SplitOrAll
from nextword.text.tokens.tokenizer import Tokenizer
from support.text_service import answered, austen_service, refused, served, service_of, tiny_model


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with austen_service(ServingSettings(max_suggestions=20, max_prompt_tokens=50)) as client:
        yield client


def _pairs(suggestions: Any) -> list[tuple[str, float]]:
    return [(each["text"], each["probability"]) for each in suggestions]


@pytest.mark.parametrize("text", ["", "I am very much", "I am very much ", "He said.", "zxqv and ", "a\n\n"])
def test_the_next_word_is_that_of_python(client: TestClient, text: str) -> None:
    answer = answered(client, "/v1/suggest", text=text, k=7)
    expected = nextword.load("austen").suggest(text, 7, restore_case=True)
    assert _pairs(answer["suggestions"]) == [(each.text, each.probability) for each in expected]
    assert (answer["session"], answer["learned"], answer["bigram_source"]) == (None, None, None)


ROUTES: dict[str, dict[str, Any]] = {
    "/v1/suggest": {"text": "I am"},
    "/v1/score": {"lines": ["She was very happy."]},
    "/v1/completions": {"prompt": "She was", "max_tokens": 2, "seed": 1},
    "/tokenize": {"prompt": "She was"},
    "/detokenize": {"tokens": [1]},
}


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_takes_the_name_of_the_model_or_none(client: TestClient, path: str) -> None:
    body = ROUTES[path]
    first, second = (answered(client, path, **body, **model) for model in ({}, {"model": "austen"}))
    assert first["model"] == second["model"] == "austen"
    answer = client.post(path, json={**body, "model": "gpt-4"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "model")


@pytest.mark.parametrize("text", ["", "I am very much ob", "I am very much ", "Th"])
def test_completions_are_those_of_python(client: TestClient, text: str) -> None:
    answer = answered(client, "/v1/suggest", text=text, k=7, complete=True)
    expected = nextword.load("austen").complete(text, 7)
    assert _pairs(answer["suggestions"]) == [(each.text, each.probability) for each in expected]


def test_a_session_types_as_in_python(client: TestClient) -> None:
    texts = ["My friend", "My friend Tolu said", "My friend Tolu said that T", "My friend To", "Tolu is my friend and "]
    session = nextword.load("austen").session()
    name = "new"
    for text in texts:
        answer = answered(client, "/v1/suggest", text=text, complete=True, session=name)
        name = answer["session"]
        session.replace(text)
        expected = [(each.text, each.probability) for each in session.suggestions(5)]
        assert [text for text, _ in _pairs(answer["suggestions"])] == [text for text, _ in expected]
        assert [value for _, value in _pairs(answer["suggestions"])] == pytest.approx([value for _, value in expected])
        assert answer["learned"] == list(session.user_words)
    answered(client, "/v1/suggest", text=texts[-1], complete=True, session=name, finish=True)
    answer = answered(client, "/v1/suggest", text="My friend Tol", complete=True, session=name)
    assert answer["suggestions"][0]["text"] == "Tolu"
    words = client.get(f"/v1/sessions/{name}").json()
    assert words["words"] == [{"word": "Tolu", "count": 1}]
    assert 0 < words["seconds_left"] <= 900


def test_a_complete_word_in_a_session_is_followed_by_the_next(client: TestClient) -> None:
    answers = [
        answered(client, "/v1/suggest", text=text, complete=complete, session="new")["suggestions"]
        for text, complete in (("I am very much", False), ("I am very much ", True))
    ]
    assert answers[0] == answers[1]


def test_words_are_learned_and_forgotten_by_request(client: TestClient) -> None:
    answer = answered(client, "/v1/suggest", text="If", complete=True, session="new", learn=["Ifeoma", "Tolu"])
    assert answer["learned"] == ["Ifeoma", "Tolu"]
    assert "Ifeoma" in [each["text"] for each in answer["suggestions"]]
    answer = answered(client, "/v1/suggest", text="If", complete=True, session=answer["session"], forget=["Ifeoma"])
    assert answer["learned"] == ["Tolu"]
    assert "Ifeoma" not in [each["text"] for each in answer["suggestions"]]
    answer = answered(client, "/v1/suggest", text="I am very much", session=answer["session"], forget=["Obliged"])
    assert "obliged" not in [each["text"] for each in answer["suggestions"]]
    assert client.get(f"/v1/sessions/{answer['session']}").json()["forgotten"] == ["Ifeoma", "Obliged"]
    assert client.delete(f"/v1/sessions/{answer['session']}").status_code == 204
    gone = client.get(f"/v1/sessions/{answer['session']}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "no_session")


def test_a_session_belongs_to_its_api_key(client: TestClient) -> None:
    body = {"text": "My", "session": "new"}
    mine, yours = ({"Authorization": f"Bearer {key}"} for key in ("mine", "yours"))
    name = client.post("/v1/suggest", json=body, headers=mine).json()["session"]
    body["session"] = name
    assert client.post("/v1/suggest", json=body, headers=mine).status_code == 200
    for headers in (yours, {}):
        assert client.post("/v1/suggest", json=body, headers=headers).status_code == 404
        assert client.get(f"/v1/sessions/{name}", headers=headers).status_code == 404
        assert client.delete(f"/v1/sessions/{name}", headers=headers).status_code == 404
    for headers in (mine, {"Authorization": "bearer  mine"}):
        assert client.get(f"/v1/sessions/{name}", headers=headers).status_code == 200


def test_bigrams_come_from_the_training_text(client: TestClient) -> None:
    near, far = (answered(client, "/v1/suggest", text=text, k=3, bigram=True) for text in ("much", "I am very much"))
    assert near["suggestions"] == far["suggestions"]
    assert near["bigram_source"] == "text"
    assert near["suggestions"] != answered(client, "/v1/suggest", text="I am very much", k=3)["suggestions"]


@dataclass(frozen=True)
class SlowText(OriginText):
    """A text whose reading takes until it is released."""

    released: Event = field(default_factory=Event)

    def load(self, split: SplitOrAll, tokenizer: Tokenizer) -> Any:
        assert self.released.wait(60)
        return SimpleNamespace(ids=np.arange(tokenizer.vocabulary_size, dtype=np.int32))


def test_while_bigrams_are_counted_other_requests_are_answered() -> None:
    text = SlowText(Origin(Path()))
    model = replace(tiny_model(), text=text)

    async def run(client: TestClient) -> None:
        transport = httpx2.ASGITransport(client.app, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as together:
            body = {"text": "it", "bigram": True}
            waiting = [asyncio.ensure_future(together.post("/v1/suggest", json=body)) for _ in range(3)]
            for path, other in (("/v1/suggest", {"text": "it"}), ("/v1/score", {"text": "it"})):
                answer = await asyncio.wait_for(together.post(path, json=other), 20)
                assert answer.status_code == 200
            text.released.set()
            assert [(await answer).json()["bigram_source"] for answer in waiting] == ["text"] * 3

    with service_of(model) as client:
        asyncio.run(run(client))


@pytest.mark.parametrize("kind", ["pretokenized", "subword", "character"])
def test_every_kind_of_tokens(kind: str) -> None:
    tokens = ("<unk>", "<eos>", "i", "t", "s", " ", "it", "is", " it", " is")
    with service_of(tiny_model(kind=kind, tokens=tokens)) as client:
        for more in (
            {},
            {"complete": True},
            {"bigram": True},
            {"session": "new"},
            {"session": "new", "complete": True},
        ):
            assert len(answered(client, "/v1/suggest", text="it i", **more)["suggestions"]) <= 5


def test_what_is_refused(client: TestClient) -> None:
    assert refused(client, "/v1/suggest", text="a", k=0)["param"] == "k"
    assert refused(client, "/v1/suggest", text="a", k=21)["param"] == "k"
    assert refused(client, "/v1/suggest", text="it " * 51)["param"] == "text"
    assert refused(client, "/v1/suggest", text="it " * 51, session="new")["param"] == "text"
    assert "need a `session`" in refused(client, "/v1/suggest", text="a", finish=True)["message"]
    assert "neither" in refused(client, "/v1/suggest", text="a", bigram=True, session="new")["message"]
    assert "user word" in refused(client, "/v1/suggest", text="a", session="new", learn=["1815"])["message"]
    assert refused(client, "/v1/suggest", text="a", session="../..")["param"] == "session"
    unknown = client.post("/v1/suggest", json={"text": "a", "session": "unknown"})
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (404, "session")


def test_a_refused_request_begins_no_session_and_ends_none() -> None:
    with austen_service(ServingSettings(max_prompt_tokens=50, max_sessions=1)) as client:
        kept = answered(client, "/v1/suggest", text="", session="new")["session"]
        refused(client, "/v1/suggest", text="it " * 51, session="new")
        answered(client, "/v1/suggest", text="it ", session=kept)
        answered(client, "/v1/suggest", text="", session="new")
        assert client.post("/v1/suggest", json={"text": "it ", "session": kept}).status_code == 404


def test_requests_to_one_session_are_answered_one_after_the_other(client: TestClient) -> None:
    """Each sees the words of all before it; none is lost."""
    name = answered(client, "/v1/suggest", text="", session="new")["session"]

    async def run() -> list[int]:
        transport = httpx2.ASGITransport(client.app, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as together:
            bodies = [{"text": f"Word{chr(97 + number)} ", "session": name, "finish": True} for number in range(8)]
            answers = await asyncio.gather(*(together.post("/v1/suggest", json=body) for body in bodies))
            return [len(answer.json()["learned"]) for answer in answers]

    assert sorted(asyncio.run(run())) == list(range(1, 9))


def test_counted_bigrams_see_only_the_last_word() -> None:
    model = served(nextword.load("austen"), text=OriginText(Origin(Path(), text="austen")))
    bigrams = bigrams_of(model)
    assert bigrams.source == "text"
    assert bigrams.suggest("I am very", 5) == bigrams.suggest("it is not so very", 5)
    long = f"{'very much ' * 1000}very"
    assert bigrams.suggest(long, 5) == bigrams.suggest("very", 5)
    assert bigrams.suggest("He said.", 5)[0].text[:1].isupper() or not bigrams.suggest("He said.", 5)[0].text.isalpha()
    model.scheduler.close()


@pytest.mark.parametrize(
    ("text", "last"), [("it is so", "so"), ("it is so  ", "so"), ("", ""), ("it is\n", ""), ("is\tit", "it")]
)
def test_the_network_reads_the_last_word_alone(text: str, last: str) -> None:
    model = tiny_model()
    bigrams = Bigrams(model.model, "model")
    assert bigrams.source == "model"
    assert bigrams.suggest(text, 4) == suggest(model.model, last, 4, restore_case=True)
    model.scheduler.close()


def test_a_text_that_is_gone_leaves_the_network() -> None:
    loaded = nextword.load("austen")
    model = served(loaded, text=OriginText(Origin(Path(), text="no/such/text")))
    assert bigrams_of(model).source == "model"
    model.scheduler.close()
