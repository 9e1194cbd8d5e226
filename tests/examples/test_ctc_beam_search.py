"""The search against all alignments of tiny inputs."""

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ctc_beam_search import CtcOptions, ctc_beam_search
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.decoders.word_model import WordModel
from nextword.text.options import TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

VOCABULARIES: dict[TokenizerKind, tuple[str, ...]] = {
    "pretokenized": ("a", "b", "<eos>", "ab", "ba", "<unk>"),
    "word": ("a", "b", "<eos>", "ab", ", ", ",", "<unk>", " - ", "-"),
    "character": ("a", " ", "<eos>", "b", "<unk>", ","),
}
ALPHABET = ["a", "", " ", "b"]
EXACT = CtcOptions(alpha=0.6, beta=0.4, unknown_offset=-2.0, beam_size=10_000, minimum_log_prob=-1e9)


def posteriors(seed: int, num_frames: int) -> NDArray[np.float64]:
    logits = 2 * np.random.default_rng(seed).normal(size=(num_frames, len(ALPHABET)))
    found: NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return found


def all_texts(log_probs: NDArray[np.float64]) -> dict[str, float]:
    """Return the log-probability of every text, whatever spaces are in it, by every alignment."""
    found: dict[str, float] = {}
    for alignment in product(range(len(ALPHABET)), repeat=len(log_probs)):
        text = " ".join("".join(ALPHABET[label] for label, _ in groupby(alignment)).split())
        log_prob = float(sum(log_probs[frame, label] for frame, label in enumerate(alignment)))
        found[text] = float(np.logaddexp(found.get(text, -np.inf), log_prob))
    return found


@pytest.mark.parametrize("num_frames", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_knows_every_text_and_its_probability(seed: int, num_frames: int) -> None:
    log_probs = posteriors(seed, num_frames)
    expected = all_texts(log_probs)
    found = ctc_beam_search(log_probs, ALPHABET, options=EXACT)
    assert {each.text for each in found} == set(expected)
    for each in found:
        assert each.acoustic_log_prob == pytest.approx(expected[each.text], abs=1e-9)
        assert each.score == each.acoustic_log_prob
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("kind", list(VOCABULARIES))
@pytest.mark.parametrize("score_end", [True, False])
def test_with_a_model_every_score_is_the_sum_that_it_is_said_to_be(kind: TokenizerKind, score_end: bool) -> None:
    tokenizer = Tokenizer(kind, "line", Vocabulary(VOCABULARIES[kind]))
    model = WordModel(TextModel(ToyEngine(tokenizer.vocabulary_size, tokenizer.vocabulary.end_id, seed=7), tokenizer))
    log_probs = posteriors(4, 5)
    expected = {}
    for text, log_prob in all_texts(log_probs).items():
        context, total = model.start(), log_prob
        for word in text.split():
            scored = model.score(context, word)
            offset = 0.0 if scored.is_known else -2.0 * len(word)
            total, context = total + 0.6 * (scored.log_prob + offset) + 0.4, scored.after
        expected[text] = total + (0.6 * model.score_end(context) if score_end else 0.0)
    found = ctc_beam_search(log_probs, ALPHABET, model, EXACT.replace(score_end=score_end))
    assert {each.text: each.score for each in found} == pytest.approx(expected, abs=1e-6)
    assert found[0].score == pytest.approx(max(expected.values()), abs=1e-6)
    by_sound = ctc_beam_search(log_probs, ALPHABET, options=EXACT)
    assert [each.text for each in found] != [each.text for each in by_sound]


@given(seed=st.integers(0, 10_000), beam_size=st.integers(1, 6))
def test_a_narrow_beam_never_claims_too_much(seed: int, beam_size: int) -> None:
    log_probs = posteriors(seed, 4)
    expected = all_texts(log_probs)
    found = ctc_beam_search(log_probs, ALPHABET, options=EXACT.replace(beam_size=beam_size))
    assert 1 <= len(found) <= beam_size
    assert len({each.text for each in found}) == len(found)
    for each in found:
        assert each.acoustic_log_prob <= expected[each.text] + 1e-9


def test_only_after_a_blank_a_label_counts_twice() -> None:
    certain = np.full((3, 4), -100.0)
    certain[[0, 1, 2], [0, 1, 0]] = 0.0  # a, blank, a
    assert ctc_beam_search(certain, ALPHABET)[0].text == "aa"
    certain[1] = certain[0]
    assert ctc_beam_search(certain, ALPHABET)[0].text == "a"


def test_no_frames_say_nothing() -> None:
    assert ctc_beam_search(np.zeros((0, 4)), ALPHABET)[0][:2] == ("", 0.0)


@pytest.mark.parametrize(
    ("alphabet", "shape", "message"),
    [
        (["a", "b"], (3, 2), 'one blank, "", but is'),
        (["a", "", ""], (3, 3), "labels that differ"),
        (ALPHABET, (3, 5), r"must have the shape \(T, 4\), a column for each label, but has \(3, 5\)"),
    ],
)
def test_labels_and_columns_must_agree(alphabet: list[str], shape: tuple[int, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        ctc_beam_search(np.zeros(shape), alphabet)
