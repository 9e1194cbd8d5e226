from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nextword.errors import TextError
from nextword.rescoring import hypothesis_scores
from nextword.rescoring.hypothesis_scores import line_log_probs, score_lists
from nextword.rescoring.nbest import Hypothesis, NbestList
from nextword.text.tokenizer import Tokenizer

TEXTS = ["the cat sat", "", "the cats at the unheard", "cat", "sat sat sat sat sat sat sat sat sat", "the cat sat"]


def listed(*texts: str, utterance: str = "u", scores: tuple[float, ...] = (1.5,)) -> NbestList:
    return NbestList(utterance, [Hypothesis(text, scores, {}) for text in texts])


def test_each_hypothesis_is_a_line_with_its_end(
    toy_engine: Any, tokenizer: Tokenizer, line_log_prob: Callable[[str], float]
) -> None:
    (scored,) = score_lists(toy_engine, tokenizer, [listed(*TEXTS)])
    assert scored.log_probs.tolist() == pytest.approx([line_log_prob(text) for text in TEXTS], abs=1e-5)


def test_lists_come_back_in_their_order_whatever_is_held(
    toy_engine: Any, tokenizer: Tokenizer, line_log_prob: Callable[[str], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = [listed(*TEXTS[place:], utterance=f"u{place}") for place in range(len(TEXTS))]
    for chunk in (1, 4, 1000):
        monkeypatch.setattr(hypothesis_scores, "_CHUNK", chunk)
        found = list(score_lists(toy_engine, tokenizer, lists))
        assert [scored.nbest.utterance for scored in found] == [nbest.utterance for nbest in lists]
        for scored in found:
            expected = [line_log_prob(hypothesis.text) for hypothesis in scored.nbest.hypotheses]
            assert scored.log_probs.tolist() == pytest.approx(expected, abs=1e-5)


def test_no_more_is_read_than_is_held(toy_engine: Any, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypothesis_scores, "_CHUNK", 2)
    read: list[int] = []

    def lists() -> Any:
        for place in range(10):
            read.append(place)
            yield listed("the cat", utterance=str(place))

    next(score_lists(toy_engine, tokenizer, lists()))
    assert len(read) == 2


def test_what_is_weighed_is_log_probability_length_and_scores(toy_engine: Any, tokenizer: Tokenizer) -> None:
    (scored,) = score_lists(toy_engine, tokenizer, [listed("the cat", "", scores=(1.5, -2.0))])
    np.testing.assert_array_equal(scored.features()[:, 1:], [[2.0, 1.5, -2.0], [0.0, 1.5, -2.0]])
    np.testing.assert_array_equal(scored.features()[:, 0], scored.log_probs)
    (bare,) = score_lists(toy_engine, tokenizer, [listed("the cat", scores=())])
    assert bare.features().shape == (1, 2)


def test_a_hypothesis_that_the_tokenizer_refuses_is_named(toy_engine: Any, tokenizer: Tokenizer) -> None:
    with pytest.raises(TextError, match="a hypothesis of `u7` cannot be scored: `<eos>` is reserved"):
        list(score_lists(toy_engine, tokenizer, [listed("the <eos>", utterance="u7")]))


def test_no_lines_have_no_log_probabilities(toy_engine: Any) -> None:
    assert line_log_probs(toy_engine, []).shape == (0,)
