"""The model in torchaudio's decoder; the tests make the calls of flashlight."""

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from nextword.errors import MissingExtraError, SettingError
from nextword.inference.decoders.torchaudio_model import TorchaudioScorer, torchaudio_model
from support.decoder_models import model_of, num_read, text_log_prob, tokenizer_of

WORDS = ["ab", "<unk>", "b", "a"]


class FakeState:
    """Stores its children, and is compared by identity."""

    def __init__(self) -> None:
        self.children: dict[int, FakeState] = {}

    def child(self, usr_index: int) -> "FakeState":
        return self.children.setdefault(usr_index, FakeState())


class FakeLM:
    """Must be initialized before use, like a C++ class."""

    def __init__(self) -> None:
        self.is_made = True


@pytest.fixture
def fake_torchaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder: Any = ModuleType("torchaudio.models.decoder")
    decoder.CTCDecoderLM, decoder.CTCDecoderLMState = FakeLM, FakeState
    for name in ("torchaudio", "torchaudio.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "torchaudio.models.decoder", decoder)


def decoded(model: Any, sentence: Sequence[str]) -> float:
    """Score a sentence like the decoder, asking for each word twice."""
    state, total = model.start(False), 0.0
    for word in sentence:
        after, log_prob = model.score(state, WORDS.index(word))
        again, log_prob_again = model.score(state, WORDS.index(word))
        assert after is again
        assert log_prob == log_prob_again
        state, total = after, total + log_prob
    _, log_prob = model.finish(state)
    return float(total + log_prob)


def test_the_scores_of_a_sentence_sum_to_its_log_probability(fake_torchaudio: None) -> None:
    for kind in ("pretokenized", "word"):
        tokenizer = tokenizer_of(kind)
        model = torchaudio_model(model_of(tokenizer), WORDS)
        assert isinstance(model, FakeLM)
        assert model.is_made
        for sentence in (["ab", "a", "b"], ["a"], []):
            expected = text_log_prob(tokenizer, " ".join(sentence))
            assert decoded(model, sentence) == pytest.approx(expected, abs=1e-5)


def test_shared_beginnings_are_read_once() -> None:
    text_model = model_of("pretokenized")
    model = TorchaudioScorer(text_model, WORDS, new_state=FakeState)
    begin = model.start(False)
    for index in range(len(WORDS)):  # as `_construct_trie` does
        model.score(begin, index)
    assert num_read(text_model) == 1
    state = model.start(False)
    for word in ("a", "b"):
        state, _ = model.score(state, WORDS.index(word))
    for index in range(len(WORDS)):
        model.score(state, index)
    model.finish(state)
    assert num_read(text_model) == 3  # <eos>, a, b


def test_an_unknown_beginning_gives_another_score() -> None:
    model = TorchaudioScorer(model_of("pretokenized"), WORDS, new_state=FakeState)
    (_, amid), (_, beginning) = (model.score(model.start(nothing), 0) for nothing in (True, False))
    assert amid != beginning


def test_start_discards_older_states() -> None:
    model = TorchaudioScorer(model_of("pretokenized"), WORDS, new_state=FakeState)
    old, _ = model.score(model.start(False), 0)
    model.start(False)
    with pytest.raises(SettingError, match="call `start` first"):
        model.score(old, 0)
    with pytest.raises(SettingError, match="call `start` first"):
        model.finish(old)


@pytest.mark.parametrize("index", [-1, 4])
def test_an_index_out_of_range_is_refused(index: int) -> None:
    model = TorchaudioScorer(model_of("pretokenized"), WORDS, new_state=FakeState)
    with pytest.raises(SettingError, match=f"must be between 0 and 3, but is {index}; give the decoder the same words"):
        model.score(model.start(False), index)


def test_a_missing_torchaudio_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio.models.decoder", None)
    monkeypatch.setitem(sys.modules, "torchaudio.models", None)
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(MissingExtraError, match="needs torchaudio"):
        torchaudio_model(model_of("pretokenized"), WORDS)
