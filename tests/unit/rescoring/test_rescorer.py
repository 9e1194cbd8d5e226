from collections.abc import Callable
from typing import Any

import pytest

from nextword.errors import SettingError
from nextword.rescoring.rescorer import rescore
from nextword.rescoring.weights import RescoringWeights
from nextword.text.tokenizer import Tokenizer

TEXTS = ["the cats at", "the cat sat", "cat"]


def test_hypotheses_come_in_the_order_of_their_totals(
    toy_engine: Any, tokenizer: Tokenizer, line_log_prob: Callable[[str], float]
) -> None:
    weights = RescoringWeights(model_weight=2.0, length_weight=-1.0)
    found = rescore(toy_engine, tokenizer, TEXTS, [-1.0, -2, -3.0], weights)
    expected = {
        text: 2.0 * line_log_prob(text) - len(text.split()) - place for place, text in enumerate(TEXTS, start=1)
    }
    assert {each.text: each.total for each in found} == pytest.approx(expected, abs=1e-4)
    assert [each.text for each in found] == sorted(TEXTS, key=lambda text: -expected[text])
    assert found[0].log_prob == pytest.approx(line_log_prob(found[0].text), abs=1e-5)


def test_a_hypothesis_may_have_several_scores(toy_engine: Any, tokenizer: Tokenizer) -> None:
    weights = RescoringWeights(model_weight=0.0, first_pass_weights=(1.0, 10.0))
    found = rescore(toy_engine, tokenizer, TEXTS, [(1.0, 0.1), (2.0, 0.2), (5.0, 0.0)], weights)
    assert [(each.text, each.total) for each in found] == [("cat", 5.0), ("the cat sat", 4.0), ("the cats at", 2.0)]


@pytest.mark.parametrize(
    ("texts", "scores", "message"),
    [
        ([], [], "there must be one, but there are 0 and 0"),
        (["a"], [1.0, 2.0], "but there are 1 and 2"),
        (["a", "b"], [1.0, (1.0, 2.0)], r"must have as many scores, but they have \[1, 2\]"),
        (["a"], [(1.0, 2.0)], "must be one for each score"),
    ],
)
def test_every_hypothesis_needs_its_scores(
    toy_engine: Any, tokenizer: Tokenizer, texts: list[str], scores: list[Any], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        rescore(toy_engine, tokenizer, texts, scores, RescoringWeights(first_pass_weights=(1.0,)))
