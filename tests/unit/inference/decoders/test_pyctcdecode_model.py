"""The model in pyctcdecode; the tests make the calls of its beam search."""

from collections.abc import Sequence
from math import log
from typing import Any

import pytest

from nextword.errors import SettingError
from nextword.inference.decoders.pyctcdecode_model import FusionOptions, PyctcdecodeModel
from nextword.text.tokens.encoded_lines import spelling_log_prob
from nextword.text.tokens.tokenizer import Tokenizer
from support.decoder_models import model_of, text_log_prob, tokenizer_of

PLAIN = FusionOptions(alpha=1.0, beta=0.0, unk_score_offset=0.0)


class FakeDecoder:
    """Makes the calls of `BeamSearchDecoderCTC._get_lm_beams`: each text once, added to the previous score."""

    def __init__(self, model: PyctcdecodeModel) -> None:
        self.model = model
        self.cached: dict[str, tuple[float, Any]] = {"": (0.0, model.get_start_state())}

    def decode(self, words: Sequence[str]) -> float:
        text = ""
        for place, word in enumerate(words):
            is_last = place == len(words) - 1
            longer = f"{text} {word}" if text else word
            if (longer if not is_last else f"{longer}|") not in self.cached:
                before, state = self.cached[text]
                score, state = self.model.score(state, word, is_last_word=is_last)
                self.cached[longer if not is_last else f"{longer}|"] = (before + score, state)
            text = longer
        return self.cached[f"{text}|"][0]


def test_the_scores_of_a_text_sum_to_its_log_probability(each_tokenizer: Tokenizer) -> None:
    decoder = FakeDecoder(PyctcdecodeModel(model_of(each_tokenizer), PLAIN))
    for line in ("a b a", "a b b", "ab, a", "b"):
        expected = text_log_prob(each_tokenizer, line) - spelling_log_prob(each_tokenizer, line)
        assert decoder.decode(line.split()) == pytest.approx(expected, abs=1e-5)


def test_weights_match_pyctcdecode() -> None:
    tokenizer = tokenizer_of("pretokenized")
    options = FusionOptions(alpha=0.7, beta=0.3, unk_score_offset=-2.0)
    found = FakeDecoder(PyctcdecodeModel(model_of(tokenizer), options)).decode(["a", "unheard", "b"])
    # kenlm's log10 scores and the offset are summed, weighted and made natural at last
    log_prob = text_log_prob(tokenizer, "a unheard b") - spelling_log_prob(tokenizer, "a unheard b")
    log10_prob = log_prob / log(10)  # the offset charges for unknown words
    assert found == pytest.approx(0.7 * (log10_prob - 2.0) * log(10) + 3 * 0.3, abs=1e-5)


def test_a_space_at_the_end_is_not_a_word() -> None:
    tokenizer = tokenizer_of("pretokenized")
    model = PyctcdecodeModel(model_of(tokenizer), FusionOptions(alpha=1.0, beta=0.25))
    first, state = model.score(model.get_start_state(), "a")
    end, _ = model.score(state, "", is_last_word=True)
    assert first + end == pytest.approx(text_log_prob(tokenizer, "a") + 0.25, abs=1e-5)


def test_without_boundaries_beginning_and_end_do_not_count() -> None:
    model = PyctcdecodeModel(model_of("pretokenized"), PLAIN.replace(score_boundary=False))
    last, _ = model.score(model.get_start_state(), "a", is_last_word=True)
    assert last == model.score(model.get_start_state(), "a")[0]
    bounded = PyctcdecodeModel(model_of("pretokenized"), PLAIN)
    assert last != bounded.score(bounded.get_start_state(), "a")[0]
    assert (
        bounded.score(bounded.get_start_state(), "a", is_last_word=True)[0]
        < bounded.score(bounded.get_start_state(), "a")[0]
    )


def test_an_unfinished_unknown_word_has_a_penalty() -> None:
    model = PyctcdecodeModel(model_of("pretokenized"))
    assert [model.score_partial_token(partial) for partial in ("ab", "x", "aba")] == [0.0, -10.0, -10.0]
    assert model.score_partial_token("x" * 9) == pytest.approx(-15.0)


def test_known_words_can_be_given() -> None:
    model = PyctcdecodeModel(model_of("pretokenized"), PLAIN.replace(unk_score_offset=-1.0), unigrams=["abba"])
    free = PyctcdecodeModel(model_of("pretokenized"), PLAIN)
    assert model.score_partial_token("abb") == 0.0
    assert model.score_partial_token("ba") == -1.0
    named, anyway = (each.score(each.get_start_state(), "a")[0] for each in (model, free))
    assert named == pytest.approx(anyway - log(10))


def test_weights_can_be_changed_while_decoding() -> None:
    model = PyctcdecodeModel(model_of("pretokenized"))
    model.reset_params(alpha=2.0, score_boundary=False)
    assert (model.alpha, model.beta, model.score_boundary) == (2.0, 1.5, False)
    with pytest.raises(SettingError, match="did you mean `alpha`"):
        model.reset_params(alpa=1.0)
    with pytest.raises(SettingError, match="`beta` must be of type float"):
        model.reset_params(beta=True)


def test_the_history_is_never_pruned() -> None:
    assert PyctcdecodeModel(model_of("pretokenized")).order > 1_000_000
