"""Ranks over HTTP are those of `nextword.inference.scoring`."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import nextword
from nextword.inference.scoring.gaps import proposals, rank
from nextword.inference.scoring.lines import ScoringOptions
from nextword.serving.settings import ServingSettings
from support.text_service import answered, austen_service, refused, service_of, tiny_model

TEXT = "She was very much ___ to him."


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with austen_service(ServingSettings(max_lines=50, max_scored_tokens=1000)) as client:
        yield client


def test_candidates_rank_as_in_python(client: TestClient) -> None:
    named = ["table", "very attached", "obliged", "table", "zxqv"]
    answer = answered(client, "/v1/rank", text=TEXT, candidates=named)
    assert answer["candidates"] == [found.to_table() for found in nextword.load("austen").rank(TEXT, named)]
    assert answer["text"] == TEXT


def test_the_model_proposes_words(client: TestClient) -> None:
    model = nextword.load("austen")
    answer = answered(client, "/v1/rank", text="Mr. ___ was here.", proposals=20, k=4)
    expected = rank(model, "Mr. ___ was here.", proposals(model, "Mr. ___ was here.", count=20))
    assert answer["candidates"] == [found.to_table() for found in expected[:4]]
    assert len(answered(client, "/v1/rank", text="Mr. ___ was here.")["candidates"]) == 10


def test_for_a_long_text_the_model_proposes_as_many_words_as_fit(client: TestClient) -> None:
    text = f"{'very ' * 300}___"
    assert len(answered(client, "/v1/rank", text=text)["candidates"]) == 3
    assert refused(client, "/v1/rank", text=text, proposals=50)["param"] == "proposals"


def test_another_gap_and_other_options(client: TestClient) -> None:
    text = "He was ### and ___"
    options = ScoringOptions(bos=False, eos=False)
    expected = rank(nextword.load("austen"), text, ["ill", "well"], gap="###", options=options)
    answer = answered(client, "/v1/rank", text=text, candidates=["ill", "well"], gap="###", bos=False, eos=False)
    assert answer["candidates"] == [found.to_table() for found in expected]


def test_what_is_refused(client: TestClient) -> None:
    assert "one gap, but has 0" in refused(client, "/v1/rank", text="no gap", candidates=["a"])["message"]
    assert "one gap, but has 2" in refused(client, "/v1/rank", text="____", candidates=["a"])["message"]
    assert refused(client, "/v1/rank", text=TEXT, candidates=[])["param"] == "candidates"
    assert refused(client, "/v1/rank", text=TEXT, candidates=["a"] * 51)["param"] == "candidates"
    assert refused(client, "/v1/rank", text=TEXT, proposals=51)["param"] == "proposals"
    assert refused(client, "/v1/rank", text=TEXT, gap="")["param"] == "gap"
    assert "leave it out" in refused(client, "/v1/rank", text=TEXT, candidates=["a"], proposals=3)["message"]
    assert refused(client, "/v1/rank", text="a\n___", candidates=["a"])["code"] == "TextError"
    many = [f"a{number}" for number in range(40)]
    error = refused(client, "/v1/rank", text=f"{'very ' * 100}___", candidates=many)
    assert "each with the text around it" in error["message"]


def test_a_model_of_characters_proposes_nothing() -> None:
    with service_of(tiny_model(kind="character", tokens=("<unk>", "<eos>", "a", "_"))) as client:
        assert "give the candidates" in refused(client, "/v1/rank", text="a___")["message"]
        assert len(answered(client, "/v1/rank", text="a___", candidates=["a", "aa"])["candidates"]) == 2
