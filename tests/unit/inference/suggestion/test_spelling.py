"""Beam search matches brute force over all spellings of a word."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.engine.engine import State, WindowPrediction, read_text
from nextword.engine.text_model import TextModel
from nextword.inference.suggestion.session import complete
from nextword.inference.suggestion.spelling import WordParts, spell
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.vocabulary import Vocabulary
from support.typing_engines import FixedEngine, make_tokenizer, toy_engine

CHARACTERS = ("<eos>", "<unk>", "a", "b", "'", " ", ",")
SUBWORDS = ("<eos>", "<unk>", " a", " ab", " b", "a", "b", "ab", "'b", ",", " ,", " B")


def all_spellings(
    engine: Any, vocabulary: Vocabulary, typed: str, context: list[int], max_length: int
) -> dict[str, float]:
    """Return the joint probability of each word with the typed prefix, from all of its spellings."""
    word_parts = WordParts(vocabulary)
    continuing, ending = word_parts.continuing.tolist(), word_parts.ending.tolist()
    found: defaultdict[str, float] = defaultdict(float)

    def follow(ids: list[int], word: str, probability: float) -> None:
        log_probs, _ = read_text(engine, context + ids)
        following = np.exp(log_probs[0].astype(np.float64))
        if (
            word.startswith(typed)
            and word.strip(" ")
            and not word.endswith("'")
            and not word.strip(" ").startswith("'")
        ):
            found[word.strip(" ")] += probability * following[ending].sum()
        if len(ids) == max_length:
            return
        for token_id, text in enumerate(vocabulary.tokens):
            begins = token_id not in (0, 1, 9, 10) if typed.startswith(" ") and not ids else token_id in continuing
            longer = word + text
            if begins and (longer.startswith(typed) or typed.startswith(longer)):
                follow([*ids, token_id], longer, probability * following[token_id])

    follow([], "", 1.0)
    return dict(found)


@settings(max_examples=15)
@given(seed=st.integers(0, 30), text=st.sampled_from(["", "a", "ab", "b a", "a, b", "b'", "ba'a"]), k=st.integers(1, 9))
def test_words_of_characters_are_exact(seed: int, text: str, k: int) -> None:
    tokenizer = make_tokenizer(CHARACTERS[2:], "character")
    engine = toy_engine(tokenizer.vocabulary, seed=seed)
    options = SessionOptions(beam_width=100, beam_length=2, restore_case=False)
    typed = text.rsplit(" ", 1)[-1] if text[-1:].strip() else ""
    read = tokenizer.encode(text)
    before = read[: len(read) - len(typed)]
    expected = all_spellings(engine, tokenizer.vocabulary, typed, before, len(typed) + 2)
    log_prob_typed = 0.0
    for place, token_id in enumerate(read[len(before) :]):
        log_prob_typed += float(read_text(engine, read[: len(before) + place])[0][0, token_id])
    best = sorted(expected.items(), key=lambda item: -item[1])[:k]
    found = complete(TextModel(engine, tokenizer), text, k, options=options)
    assert [each.text for each in found] == [word for word, _ in best]
    assert [each.probability for each in found] == pytest.approx(
        [probability / np.exp(log_prob_typed) for _, probability in best], rel=1e-4
    )


@settings(max_examples=15)
@given(seed=st.integers(0, 30), typed=st.sampled_from([" a", " ab", " aba", " b", "ab", "aba"]), k=st.integers(1, 9))
def test_words_of_subwords_sum_over_all_spellings(seed: int, typed: str, k: int) -> None:
    vocabulary = Vocabulary(SUBWORDS)
    engine = toy_engine(vocabulary, seed=seed)
    context = [9, 2]
    expected = all_spellings(engine, vocabulary, typed, context, 3)
    log_probs, state = read_text(engine, context)
    found = spell(engine, (log_probs[0], state), WordParts(vocabulary), ("", typed), 1000, width=5000, max_length=3)
    joint = dict(found)
    reached = sum(expected.values()) / sum(joint.values())
    assert joint == pytest.approx({word: value / reached for word, value in expected.items()}, rel=1e-4)
    # A narrow search finds some of them, with at most their probability.
    narrow = spell(engine, (log_probs[0], state), WordParts(vocabulary), ("", typed), k, width=2, max_length=3)
    assert len(narrow) <= k
    assert {word for word, _ in narrow} <= set(joint)


def test_words_that_are_equal_in_capitals_are_merged() -> None:
    tokenizer = make_tokenizer(("a", "A", "B", " "), "character")
    engine = FixedEngine(tokenizer.vocabulary, [1, 1, 1, 1, 1, 5])
    found = complete(TextModel(engine, tokenizer), "AB", 20, options=SessionOptions(beam_length=1, beam_width=9))
    # Ended with 6 of 10; `ABa` and `ABA` with 1 each, and `ABB`.
    assert [each.text for each in found] == ["AB", "ABA", "ABB"]
    assert [each.probability for each in found] == pytest.approx([0.6, 2 * 0.06, 0.06])


class EndsTheWord(FixedEngine):
    """Predicts the last token after the last but one, and else the same after every text."""

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        prediction, state = super().predict_window(inputs, state)
        certain = np.log(np.eye(self.vocabulary_size, dtype=np.float32)[-1] + 1e-9)
        is_begun = inputs == self.vocabulary_size - 2
        return prediction._replace(log_probs=np.where(is_begun[..., None], certain, prediction.log_probs)), state


def test_a_word_that_a_second_spelling_makes_the_best_is_found() -> None:
    vocabulary = Vocabulary(("<eos>", "<unk>", " cd", " ab", " a", "b"))
    engine = EndsTheWord(vocabulary, [0.21, 1e-9, 0.3, 0.25, 0.24, 1e-9])
    log_probs, state = read_text(engine, [0])
    for k in (1, 3):
        found = spell(engine, (log_probs[0], state), WordParts(vocabulary), ("", " "), k, width=9, max_length=3)
        assert found[0][0] == "ab"
        assert found[0][1] == pytest.approx(0.49 / 0.79, rel=1e-3)


def test_a_word_of_characters_keeps_the_typed_case() -> None:
    tokenizer = make_tokenizer(("a", "b", " ", "."), "character")
    engine = toy_engine(tokenizer.vocabulary)
    words = {
        text: [each.text for each in complete(TextModel(engine, tokenizer), text, 3)]
        for text in ("a", "A", "AB", "a. ")
    }
    assert all(word.startswith("a") for word in words["a"])
    assert [word[0].lower() + word[1:] for word in words["A"]] == words["a"]
    assert all(word.startswith("AB") and word.isupper() for word in words["AB"])
    assert all(word[0].isupper() and word[1:].islower() | (len(word) == 1) for word in words["a. "])
