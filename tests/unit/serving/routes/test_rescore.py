"""Rescored lists over HTTP are those of `nextword.inference.rescoring`."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

import nextword
from nextword.inference.rescoring.rescorer import rescore
from nextword.inference.rescoring.weights import RescoringWeights
from nextword.serving.settings import ServingSettings
from support.text_service import answered, austen_service, refused

TEXTS = ["she was very much zzyzx", "she was very much obliged", "he was"]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with austen_service(ServingSettings(max_lines=6, max_scored_tokens=100)) as client:
        yield client


def _list(scores: list[list[float]], texts: list[str] | None = None, **more: Any) -> dict[str, Any]:
    hypotheses = [{"text": text, "scores": own} for text, own in zip(texts or TEXTS, scores, strict=True)]
    return {"hypotheses": hypotheses, **more}


def test_a_list_is_rescored_as_in_python(client: TestClient) -> None:
    scores = [[-41.0, 1.0], [-42.5, 2.0], [-60.0, 0.0]]
    given = {"model_weight": 0.7, "length_weight": 1.5, "first_pass_weights": [0.5, -1.0]}
    answer = answered(client, "/v1/rescore", lists=[_list(scores, utterance="u1")], weights=given)
    (found,) = answer["lists"]
    weights = RescoringWeights(model_weight=0.7, length_weight=1.5, first_pass_weights=(0.5, -1.0))
    expected = rescore(nextword.load("austen"), TEXTS, scores, weights)
    assert found["utterance"] == "u1"
    assert [(each["text"], each["total"], each["log_prob"]) for each in found["hypotheses"]] == [
        (each.text, each.total, each.log_prob) for each in expected
    ]
    assert [each["rank"] for each in found["hypotheses"]] == [1, 2, 3]
    assert found["hypotheses"][0]["scores"] in scores


def test_weights_of_one_each_are_the_default(client: TestClient) -> None:
    lists = [_list([[-1.0], [-2.0], [-3.0]])]
    plain, given = (
        answered(client, "/v1/rescore", lists=lists, weights=weights)["lists"]
        for weights in ({}, {"model_weight": 0.5, "length_weight": 0.0, "first_pass_weights": [1.0]})
    )
    assert plain == given


def test_lists_keep_their_order_and_need_no_scores(client: TestClient) -> None:
    lists = [_list([[], []], TEXTS[:2], utterance="b"), _list([[]], TEXTS[2:], utterance="a")]
    answer = answered(client, "/v1/rescore", lists=lists, weights={"model_weight": 1.0})
    assert [each["utterance"] for each in answer["lists"]] == ["b", "a"]
    best = answer["lists"][0]["hypotheses"][0]
    assert best["text"] == TEXTS[1]
    assert best["total"] == pytest.approx(best["log_prob"])


def test_what_is_refused(client: TestClient) -> None:
    def why(lists: list[Any], **weights: Any) -> Any:
        return refused(client, "/v1/rescore", lists=lists, weights=weights)

    assert why([])["param"] == "lists"
    assert why([{"hypotheses": []}])["param"] == "lists.0.hypotheses"
    assert "same number of scores" in why([_list([[1.0], [], [1.0]])])["message"]
    assert "same number of scores" in why([_list([[1.0]], ["a"]), _list([[]], ["a"])])["message"]
    assert "one weight for each" in why([_list([[1.0]], ["a"])], first_pass_weights=[1.0, 2.0])["message"]
    assert why([_list([[1e10]], ["a"])])["param"] == "lists.0.hypotheses.0.scores.0"
    assert why([_list([[1.0]], ["a\nb"])])["param"] == "lists.0.hypotheses.0.text"
    assert why([_list([[1.0]] * 7, ["a"] * 7)])["param"] == "lists"
    assert why([_list([[]], ["it " * 101])])["code"] == "above_bound"
