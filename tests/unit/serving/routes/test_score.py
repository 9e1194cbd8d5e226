"""Scores over HTTP are those of `nextword.inference.scoring`."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from starlette.testclient import TestClient

import nextword
from nextword.serving.settings import ServingSettings
from support.text_service import answered, austen_service, refused, service_of, tiny_model

LINES = ["She was very much obliged.", "She was very much zxqv.", ""]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with austen_service(ServingSettings(max_scored_tokens=400, max_prompt_tokens=50, max_lines=5)) as client:
        yield client


@pytest.mark.parametrize(
    "options", [{}, {"bos": False}, {"eos": False}, {"carry": True}, {"spell": False}, {"bos": False, "eos": False}]
)
def test_lines_score_as_in_python(client: TestClient, options: dict[str, bool]) -> None:
    answer = answered(client, "/v1/score", lines=LINES, tokens=True, **options)
    model = nextword.load("austen")
    for found, expected in zip(answer["lines"], model.score_lines(LINES, **options), strict=True):
        assert {name: found[name] for name in expected.to_table()} == expected.to_table()
        assert [token["log_prob"] for token in found["tokens"]] == expected.log_probs.tolist()
        assert [token["rank"] for token in found["tokens"]] == [rank or None for rank in expected.ranks.tolist()]
        assert [token["out_of_vocabulary"] for token in found["tokens"]] == expected.out_of_vocabulary.tolist()
    assert answer["num_lines"] == 3
    assert answer["log_prob"] == pytest.approx(sum(line["log_prob"] for line in answer["lines"]))
    known = [token for line in answer["lines"] for token in line["tokens"] if not token["out_of_vocabulary"]]
    mean = sum(token["log_prob"] for token in known) / len(known)
    assert answer["perplexity_without_out_of_vocabulary"] == pytest.approx(math.exp(-mean))


def test_an_unknown_word_is_charged_for_its_spelling_and_has_no_rank(client: TestClient) -> None:
    text = "She was very much zxqv."
    spelled, plain = (answered(client, "/v1/score", text=text, spell=spell)["tokens"][4] for spell in (True, False))
    spelling = nextword.load("austen").tokenizer.speller.log_prob("zxqv")
    assert spelled["log_prob"] == pytest.approx(plain["log_prob"] + spelling)
    assert spelled["rank"] is plain["rank"] is None
    schema = client.get("/openapi.json").json()["components"]["schemas"]["ScoredToken"]["properties"]["rank"]
    assert schema["anyOf"] == [{"type": "integer"}, {"type": "null"}]


def test_a_text_is_read_as_one(client: TestClient) -> None:
    text = "She was\nvery much obliged.\n\nIt was  so.\n\n"
    answer = answered(client, "/v1/score", text=text)
    evaluation = nextword.load("austen").evaluate(text)
    assert answer["num_tokens"] == evaluation.num_tokens
    assert answer["perplexity"] == pytest.approx(evaluation.perplexity, rel=1e-2)  # int8: other windows, other bits
    assert answer["num_lines"] == 2
    assert answer["lines"] is None
    shown = [(token["text"], text[token["start"] : token["end"]]) for token in answer["tokens"]]
    assert [token for token, place in shown if token != place] == ["<eos>", "<eos>"]
    ends = [token for token in answer["tokens"] if token["text"] == "<eos>"]
    assert [(token["start"], token["end"]) for token in ends] == [(26, 26), (39, 39)]


def test_places_are_code_points(client: TestClient) -> None:
    tokens = answered(client, "/v1/score", text="\U0001f600 it")["tokens"]
    assert [(token["start"], token["end"]) for token in tokens] == [(0, 1), (2, 4), (4, 4)]


@pytest.mark.parametrize("bos", [True, False])
def test_alternatives_are_the_most_probable_words(client: TestClient, bos: bool) -> None:
    text = "She was very much obliged."
    tokens = answered(client, "/v1/score", text=text, alternatives=3, bos=bos)["tokens"]
    model = nextword.load("austen")
    ids = model.tokenizer.encode(text)
    assert len(tokens) == len(ids) + 1
    first = model.engine.end_id if bos else model.tokenizer.vocabulary.unknown_id
    log_probs, state = model.engine.step(np.array([first], np.int32), model.engine.start(1))
    for token_id in ids[:4]:
        log_probs, state = model.engine.step(np.array([token_id], np.int32), state)
    best = int(log_probs[0].argmax())
    fifth = tokens[4]["alternatives"]
    assert len(fifth) == 3
    assert fifth[0]["text"] == model.tokenizer.display(best) == "obliged"
    assert fifth[0]["probability"] == pytest.approx(math.exp(log_probs[0][best]), rel=1e-2)
    assert [each["probability"] for each in fifth] == sorted((each["probability"] for each in fifth), reverse=True)
    own = next(each["probability"] for each in fifth if each["text"] == tokens[4]["text"])
    assert math.exp(tokens[4]["log_prob"]) == pytest.approx(own, rel=1e-2)


def test_alternatives_of_each_line_are_in_its_context(client: TestClient) -> None:
    alone = answered(client, "/v1/score", lines=LINES[:1], alternatives=2)
    several = answered(client, "/v1/score", lines=LINES[::-1], alternatives=2)
    texts = [
        [[each["text"] for each in token["alternatives"]] for token in answer["lines"][place]["tokens"]]
        for answer, place in ((alone, 0), (several, 2))
    ]
    assert texts[0] == texts[1]
    carried = answered(client, "/v1/score", lines=LINES, alternatives=2, carry=True)
    assert [len(line["tokens"]) for line in carried["lines"]] == [7, 7, 1]


def test_without_tokens_the_answer_is_short(client: TestClient) -> None:
    assert answered(client, "/v1/score", text="It was so.", tokens=False)["tokens"] is None
    assert answered(client, "/v1/score", lines=["It was so."])["lines"][0]["tokens"] is None


def test_an_empty_text_has_no_perplexity(client: TestClient) -> None:
    answer = answered(client, "/v1/score", text="")
    assert (answer["num_tokens"], answer["perplexity"], answer["tokens"]) == (0, None, [])
    answer = answered(client, "/v1/score", lines=[""], eos=False)
    assert (answer["num_tokens"], answer["lines"][0]["perplexity"]) == (0, None)
    assert answered(client, "/v1/score", lines=[])["lines"] == []


def test_what_is_refused(client: TestClient) -> None:
    for body in ({}, {"text": "a", "lines": []}, {"text": None}):
        assert "either `text` or `lines`" in refused(client, "/v1/score", **body)["message"]
    assert refused(client, "/v1/score", lines=["it"] * 6)["param"] == "lines"
    assert refused(client, "/v1/score", lines=["it"], alternatives=21)["param"] == "alternatives"
    assert refused(client, "/v1/score", lines=["it"], alternatives=-1)["param"] == "alternatives"
    assert refused(client, "/v1/score", text="it " * 401)["param"] == "text"
    assert refused(client, "/v1/score", text="it " * 51, alternatives=1)["param"] == "text"
    assert refused(client, "/v1/score", lines=["it\nis"])["code"] == "TextError"
    assert refused(client, "/v1/score", text="it", carries=True)["param"] == "carries"
    assert refused(client, "/v1/score", text="it", bos="yes")["param"] == "bos"


@pytest.mark.parametrize("kind", ["pretokenized", "word", "subword", "character"])
def test_every_kind_of_tokens(kind: str) -> None:
    tokens = ("<unk>", "<eos>", "i", "t", "s", " ", "it", "is", " it")
    with service_of(tiny_model(kind=kind, tokens=tokens)) as client:
        answer = answered(client, "/v1/score", text="it  is\nit so\n", alternatives=3)
    assert [token["text"] for token in answer["tokens"]].count("<eos>") == 2
    assert all(token["alternatives"] for token in answer["tokens"])
    assert answer["log_prob"] == pytest.approx(sum(token["log_prob"] for token in answer["tokens"]))
