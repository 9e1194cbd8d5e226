"""The model in torchaudio's decoder, which is stood in for by the calls that flashlight makes."""

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest

from nextword.engine.text_model import TextModel
from nextword.errors import MissingExtraError, SettingError
from nextword.rescoring.torchaudio_model import TorchaudioScorer, torchaudio_model
from nextword.text.tokenizer import Tokenizer

Engines = Callable[[Tokenizer], Any]
Tokenizers = Callable[[str], Tokenizer]

WORDS = ["ab", "<unk>", "b", "a"]


class FakeState:
    """Knows its children; equals itself alone."""

    def __init__(self) -> None:
        self.children: dict[int, FakeState] = {}

    def child(self, usr_index: int) -> "FakeState":
        return self.children.setdefault(usr_index, FakeState())


class FakeLM:
    """Must be made before it is used, as a class of C++ must."""

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
    """Ask for a sentence as the decoder does for a hypothesis, each word once more than needed."""
    state, total = model.start(False), 0.0
    for word in sentence:
        after, log_prob = model.score(state, WORDS.index(word))
        again, log_prob_again = model.score(state, WORDS.index(word))
        assert after is again
        assert log_prob == log_prob_again
        state, total = after, total + log_prob
    _, log_prob = model.finish(state)
    return float(total + log_prob)


def test_the_scores_of_a_sentence_sum_to_its_log_probability(
    fake_torchaudio: None,
    engine_for: Engines,
    tokenizer_of: Tokenizers,
    text_log_prob: Callable[[Tokenizer, str], float],
) -> None:
    for kind in ("pretokenized", "word"):
        tokenizer = tokenizer_of(kind)
        model = torchaudio_model(TextModel(engine_for(tokenizer), tokenizer), WORDS)
        assert isinstance(model, FakeLM)
        assert model.is_made
        for sentence in (["ab", "a", "b"], ["a"], []):
            expected = text_log_prob(tokenizer, " ".join(sentence))
            assert decoded(model, sentence) == pytest.approx(expected, abs=1e-5)


def test_the_lexicon_is_scored_first_and_shared_beginnings_are_read_once(
    engine_for: Engines, tokenizer_of: Tokenizers
) -> None:
    tokenizer = tokenizer_of("pretokenized")
    engine = engine_for(tokenizer)
    model = TorchaudioScorer(TextModel(engine, tokenizer), WORDS, new_state=FakeState)
    begin = model.start(False)
    for index in range(len(WORDS)):  # as `_construct_trie` does
        model.score(begin, index)
    assert engine.num_read == 1
    state = model.start(False)
    for word in ("a", "b"):
        state, _ = model.score(state, WORDS.index(word))
    for index in range(len(WORDS)):
        model.score(state, index)
    model.finish(state)
    assert engine.num_read == 3  # <eos>, a, b


def test_an_utterance_that_begins_amid_speech_is_another(engine_for: Engines, tokenizer_of: Tokenizers) -> None:
    tokenizer = tokenizer_of("pretokenized")
    model = TorchaudioScorer(TextModel(engine_for(tokenizer), tokenizer), WORDS, new_state=FakeState)
    (_, amid), (_, beginning) = (model.score(model.start(nothing), 0) for nothing in (True, False))
    assert amid != beginning


def test_what_was_before_start_is_forgotten(engine_for: Engines, tokenizer_of: Tokenizers) -> None:
    tokenizer = tokenizer_of("pretokenized")
    model = TorchaudioScorer(TextModel(engine_for(tokenizer), tokenizer), WORDS, new_state=FakeState)
    old, _ = model.score(model.start(False), 0)
    model.start(False)
    with pytest.raises(SettingError, match="call `start` first"):
        model.score(old, 0)
    with pytest.raises(SettingError, match="call `start` first"):
        model.finish(old)


@pytest.mark.parametrize("index", [-1, 4])
def test_an_index_without_a_word_is_refused(engine_for: Engines, tokenizer_of: Tokenizers, index: int) -> None:
    tokenizer = tokenizer_of("pretokenized")
    model = TorchaudioScorer(TextModel(engine_for(tokenizer), tokenizer), WORDS, new_state=FakeState)
    with pytest.raises(SettingError, match=f"must be between 0 and 3, but is {index}; give the decoder the words"):
        model.score(model.start(False), index)


def test_torchaudio_is_asked_for_where_it_is_missing(
    engine_for: Engines, tokenizer_of: Tokenizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio.models.decoder", None)
    monkeypatch.setitem(sys.modules, "torchaudio.models", None)
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    tokenizer = tokenizer_of("pretokenized")
    with pytest.raises(MissingExtraError, match="needs torchaudio"):
        torchaudio_model(TextModel(engine_for(tokenizer), tokenizer), WORDS)
