from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.mixture.interpolated_model import contexts_of
from nextword.engine.mixture.kneser_ney import FALLBACK, KneserNeyModel, NgramModelEngine, discounts_of
from nextword.errors import SettingError
from nextword.text.corpus import Corpus

END = 0
texts = st.lists(st.integers(0, 4), min_size=1, max_size=80)

COUNTING_END, A, B, C = range(4)


class Recursive:
    """The equations as they stand, over dictionaries."""

    def __init__(self, ids: list[int], order: int, vocabulary_size: int) -> None:
        self.vocabulary_size = vocabulary_size
        read = [END, *ids]
        self.counts: list[Counter[tuple[int, ...]]] = []
        for length in range(1, order + 1):
            windows = [tuple(read[first : first + length]) for first in range(len(read) - length + 1)]
            self.counts.append(Counter(window for window in windows if END not in window[1:-1]))
        self.counts[0] -= Counter([(END,)])  # what is read before the text is not predicted
        for length in range(1, order):
            before = Counter(ngram[1:] for ngram in self.counts[length])
            stands = self.counts[length - 1]
            self.counts[length - 1] = Counter(
                {ngram: stands[ngram] if length > 1 and ngram[0] == END else before[ngram] for ngram in stands}
            )
        self.discounts = [discounts_of(np.array(list(counts.values()), np.int64)) for counts in self.counts]

    def probability(self, context: tuple[int, ...], token: int) -> float:
        counts = {ngram: count for ngram, count in self.counts[len(context)].items() if ngram[:-1] == context and count}
        shorter = self.probability(context[1:], token) if context else 1 / self.vocabulary_size
        if not counts:
            return shorter
        discount = {ngram: self.discounts[len(context)][min(count, 3)] for ngram, count in counts.items()}
        own = (*context, token)
        share = counts[own] - discount[own] if own in counts else 0.0
        return float(share + sum(discount.values()) * shorter) / sum(counts.values())


def fit(ids: list[int], order: int, vocabulary_size: int = 5) -> KneserNeyModel:
    return KneserNeyModel.fit(np.array(ids, np.int32), order, vocabulary_size=vocabulary_size, end_id=END)


@given(ids=texts, order=st.integers(1, 4), context=st.lists(st.integers(0, 4), min_size=3, max_size=3))
def test_it_is_what_the_equations_say(ids: list[int], order: int, context: list[int]) -> None:
    model, recursive = fit(ids, order), Recursive(ids, order, 5)
    near = tuple(context[len(context) - order + 1 :])
    expected = [recursive.probability(near, token) for token in range(5)]
    np.testing.assert_allclose(model.probabilities(np.array([near], np.int64))[0], expected, atol=1e-12)


@given(ids=texts, order=st.integers(1, 6), seed=st.integers(0, 99))
def test_probabilities_sum_to_one_after_any_context_and_none_is_zero(ids: list[int], order: int, seed: int) -> None:
    contexts = np.random.default_rng(seed).integers(7, size=(20, order - 1))
    probabilities = fit(ids, order, vocabulary_size=7).probabilities(contexts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert (probabilities > 0).all()


def zipfian(count: int, size: int = 40) -> NDArray[np.int32]:
    return (np.random.default_rng(1).zipf(1.4, count) % size).astype(np.int32)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_text_long_enough_for_its_own_discounts(order: int) -> None:
    ids = zipfian(3_000)
    model, recursive = fit(ids.tolist(), order, 40), Recursive(ids.tolist(), order, 40)
    contexts = contexts_of(ids[:30], order, end_id=END)
    probabilities = model.probabilities(contexts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    expected = [
        recursive.probability(tuple(context), int(token)) for context, token in zip(contexts, ids[:30], strict=True)
    ]
    np.testing.assert_allclose(probabilities[np.arange(30), ids[:30]], expected, rtol=1e-9)
    np.testing.assert_allclose(model.token_probabilities(contexts, ids[:30]), expected, rtol=1e-9)


def test_the_context_of_a_sentence_is_its_own() -> None:
    ids = [1, 2, 0, 1, 3, 0, 4, 2, 0]
    model = fit(ids, 4)
    across = model.probabilities(np.array([[2, 0, 1], [4, 0, 1], [0, 0, 1]]))
    np.testing.assert_array_equal(across[0], across[1])
    np.testing.assert_array_equal(across[0], across[2])


def test_contexts_begin_with_sentence_ends() -> None:
    assert contexts_of(np.array([5, 6, 7], np.int32), 3, end_id=9).tolist() == [[9, 9], [9, 5], [5, 6]]
    assert contexts_of(np.array([5, 6, 7], np.int32), 1, end_id=9).shape == (3, 0)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(SettingError, match="`order` must be at least 1, but is 0"):
        fit([1, 2], 0)
    with pytest.raises(SettingError, match="at least one token"):
        fit([], 3)


def test_the_penn_treebank_has_the_perplexity_that_srilm_gives_it(data_dir: Path) -> None:
    """141.2 by Mikolov and Zweig (2012), table 1, for KN5."""
    corpus = Corpus.load("ptb", data_dir=data_dir)
    end_id = corpus.tokenizer.vocabulary.end_id
    model = KneserNeyModel.fit(corpus.train.ids, 5, vocabulary_size=10_000, end_id=end_id)
    ids = corpus.test.ids
    probabilities = model.token_probabilities(contexts_of(ids, 5, end_id=end_id), ids)
    assert len(ids) == 82_430
    assert np.exp(-np.log(probabilities).mean()) == pytest.approx(141.2, abs=0.1)


def test_discounts_are_those_of_chen_and_goodman() -> None:
    counts = np.repeat([1, 2, 3, 4, 9], [100, 40, 20, 10, 7])
    y = 100 / 180
    expected = [0, 1 - 2 * y * 40 / 100, 2 - 3 * y * 20 / 40, 3 - 4 * y * 10 / 20]
    np.testing.assert_allclose(discounts_of(counts), expected)


@pytest.mark.parametrize(
    "counts", [[1, 1, 2], [1, 2, 3, 4, 4, 4, 4, 4], [], [0, 0]], ids=["missing", "negative", "none", "unseen"]
)
def test_what_cannot_be_estimated_falls_back(counts: list[int]) -> None:
    assert discounts_of(np.array(counts, np.int64)).tolist() == [0, *FALLBACK]


LONG_TEXT = np.random.default_rng(0).integers(6, size=40, dtype=np.int32)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("cut", [1, 7])
def test_it_says_what_the_model_says(order: int, cut: int) -> None:
    model = KneserNeyModel.fit(LONG_TEXT, order, vocabulary_size=8, end_id=3)
    engine = NgramModelEngine(model, end_id=3)
    expected = model.probabilities(contexts_of(LONG_TEXT, order, end_id=3))
    inputs = np.concatenate(([3], LONG_TEXT[:-1])).astype(np.int32)[None]
    state, found = engine.start(1), []
    for first in range(0, len(LONG_TEXT), cut):
        prediction, state = engine.predict_window(inputs[:, first : first + cut], state)
        assert prediction.hidden is None
        found.append(prediction.log_probs[0])
    np.testing.assert_allclose(np.exp(np.concatenate(found)), expected, rtol=1e-5)


def test_rows_do_not_depend_on_their_neighbors() -> None:
    engine = NgramModelEngine(KneserNeyModel.fit(LONG_TEXT, 3, vocabulary_size=8, end_id=3), end_id=3)
    _, state = engine.predict_window(np.array([[1, 2], [4, 5]], np.int32), engine.start(2))
    both, _ = engine.step(np.array([0, 1], np.int32), state)
    alone, _ = engine.step(np.array([1], np.int32), engine.select(state, np.array([1])))
    np.testing.assert_array_equal(both[1], alone[0])
