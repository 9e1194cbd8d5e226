"""Suggestions over HTTP are those of `nextword.inference.suggestion`, whatever was asked before."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

import nextword
from nextword.serving.settings import ServingSettings
from support.text_service import answered, austen_service, refused, service_of, tiny_model


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with austen_service(ServingSettings(max_suggestions=20, max_prompt_tokens=50)) as client:
        yield client


def _pairs(suggestions: Any) -> list[tuple[str, float]]:
    return [(each["text"], each["probability"]) for each in suggestions]


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize(
    "text", ["", "I am very much", "I am very much ", "I am very much ob", "He said.", "zxqv and ", "a\n\n"]
)
def test_the_words_are_those_of_python(client: TestClient, text: str, *, complete: bool) -> None:
    model = nextword.load("austen")
    expected = [(each.text, each.probability) for each in (model.complete if complete else model.suggest)(text, 7)]
    for _ in range(2):  # the second time, the text is known
        answer = answered(client, "/v1/suggest", text=text, k=7, complete=complete)
        assert _pairs(answer["suggestions"]) == expected


def test_a_word_outside_the_vocabulary_is_suggested_after_the_text_has_it(client: TestClient) -> None:
    answered(client, "/v1/suggest", text="My friend Tolu said that T", complete=True)
    answer = answered(client, "/v1/suggest", text="My friend Tolu said that Tol", complete=True)
    assert answer["suggestions"][0]["text"] == "Tolu"
    answer = answered(client, "/v1/suggest", text="My friend Zyla said that Zy", complete=True)
    assert answer["suggestions"][0]["text"] == "Zyla"


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


TOKENS = ("<unk>", "<eos>", "i", "t", "s", " ", "it", "is", " it", " is")


@pytest.mark.parametrize("kind", ["word", "pretokenized", "subword", "character"])
@given(texts=st.lists(st.text("its x", max_size=12), max_size=8))
def test_answers_do_not_depend_on_what_was_read_before(kind: str, texts: list[str]) -> None:
    model = tiny_model(kind=kind, tokens=TOKENS)
    with service_of(model) as client:
        for text in texts:
            for complete in (False, True):
                own = answered(client, "/v1/suggest", text=text, complete=complete)["suggestions"]
                python = nextword.TrainedModel(model.scheduler._batcher._engine, model.bundle)
                expected = (python.complete if complete else python.suggest)(text, 5)
                assert [text for text, _ in _pairs(own)] == [each.text for each in expected]
                values = [each.probability for each in expected]
                assert [value for _, value in _pairs(own)] == pytest.approx(values, abs=1e-5)


def test_what_is_refused(client: TestClient) -> None:
    assert refused(client, "/v1/suggest", text="a", k=0)["param"] == "k"
    assert refused(client, "/v1/suggest", text="a", k=21)["param"] == "k"
    assert refused(client, "/v1/suggest", text="it " * 51)["param"] == "text"
    assert refused(client, "/v1/suggest", text="a", session="new")["param"] == "session"
