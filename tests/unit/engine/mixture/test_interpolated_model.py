"""An interpolated model says what its stored shares say, with any of its n-grams left out."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.mixture.interpolated_model import ABSENT, CountTable, InterpolatedModel, Level, contexts_of
from nextword.engine.mixture.kneser_ney import KneserNeyModel

SIZE = 4
SINGLES = np.array([0.4, 0.3, 0.2, 0.1])
Ngram = tuple[int, ...]
Shares = dict[Ngram, float]


def shares_of(ids: list[int], order: int, rate: float, seed: int) -> Shares:
    """Return shares of the n-grams of a text; some n-grams are left out at random, and all that begin with them."""
    lengths = range(2, order + 1)
    counts: Counter[Ngram] = Counter(
        tuple(ids[first : first + length]) for length in lengths for first in range(len(ids) - length + 1)
    )
    totals: Counter[Ngram] = Counter()
    for ngram, count in counts.items():
        totals[ngram[:-1]] += count
    random = np.random.default_rng(seed)
    left_out = {ngram for ngram in counts if random.random() < rate}
    return {
        ngram: 0.8 * count / totals[ngram[:-1]]
        for ngram, count in counts.items()
        if not any(ngram[:length] in left_out for length in lengths)
    }


def model_of(shares: Shares, order: int) -> InterpolatedModel:
    numbers: dict[Ngram, int] = {(token,): token for token in range(SIZE)}
    levels = []
    for length in range(2, order + 1):
        ngrams = sorted(ngram for ngram in shares if len(ngram) == length)
        keys = np.array([numbers[ngram[:-1]] * SIZE + ngram[-1] for ngram in ngrams], np.int64)
        left_over = np.array([1 - sum(left_of(shares, context)) for context in numbers])
        table = CountTable(SIZE, keys, np.zeros(0, np.int64))
        levels.append(Level.of(table, np.array([shares[ngram] for ngram in ngrams]), left_over))
        numbers = {ngram: number for number, ngram in enumerate(ngrams)}
    return InterpolatedModel(SINGLES, levels)


def left_of(shares: Shares, context: Ngram) -> list[float]:
    """Return the shares of the tokens after a context."""
    return [share for ngram, share in shares.items() if ngram[:-1] == context]


def probability(shares: Shares, context: Ngram, token: int) -> float:
    """The equation as it stands, over a dictionary."""
    if not context:
        return float(SINGLES[token])
    shorter = probability(shares, context[1:], token)
    return shares.get((*context, token), 0.0) + (1 - sum(left_of(shares, context))) * shorter


def all_contexts(order: int) -> NDArray[np.int64]:
    return np.array([*product(range(SIZE), repeat=order - 1)], np.int64).reshape(SIZE ** (order - 1), order - 1)


@given(
    ids=st.lists(st.integers(0, SIZE - 1), max_size=20),
    order=st.integers(1, 4),
    rate=st.sampled_from([0.0, 0.3, 0.9]),
    seed=st.integers(0, 99),
)
def test_it_is_what_the_shares_say(ids: list[int], order: int, rate: float, seed: int) -> None:
    shares = shares_of(ids, order, rate, seed)
    model, contexts = model_of(shares, order), all_contexts(order)
    expected = [[probability(shares, (*context,), token) for token in range(SIZE)] for context in contexts.tolist()]
    probabilities = model.probabilities(contexts)
    np.testing.assert_allclose(probabilities, expected, atol=1e-12)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    by_token = [model.token_probabilities(contexts, np.full(len(contexts), token)) for token in range(SIZE)]
    np.testing.assert_allclose(np.transpose(by_token), expected, atol=1e-12)
    logarithms = model.log_probs(contexts)
    assert logarithms.dtype == np.float32
    np.testing.assert_allclose(logarithms, np.log(expected), rtol=1e-5)


SOME: Shares = {(1, 2): 0.5, (1, 3): 0.25, (2, 1): 0.5, (1, 2, 1): 0.75, (2, 1, 3): 0.5}


def test_a_context_has_the_number_of_its_n_gram_in_each_length() -> None:
    model = model_of(SOME, 4)
    assert (model.order, model.vocabulary_size, model.num_ngrams) == (4, SIZE, [4, 3, 2, 0])
    contexts = np.array([[0, 1, 2], [1, 2, 1], [2, 1, 2], [3, 3, 3]])
    assert [numbers.tolist() for numbers in model.numbers(contexts)] == [
        [2, 1, 2, 3],  # the token
        [0, 2, 0, ABSENT],  # 1 2, 2 1, 1 2; 3 3 is unknown
        [ABSENT, 0, ABSENT, ABSENT],  # 1 2 1 alone is known
    ]


def test_an_unknown_context_leaves_the_word_to_the_shorter_one() -> None:
    model = model_of(SOME, 3)
    known, unknown = model.probabilities(np.array([[2, 2], [3, 2]])), model.probabilities(np.array([[0, 0], [3, 3]]))
    np.testing.assert_array_equal(known, [[0.2, 0.65, 0.1, 0.05]] * 2)
    np.testing.assert_array_equal(unknown, [SINGLES] * 2)


def test_levels_without_n_grams_change_nothing() -> None:
    pairs: Shares = {ngram: share for ngram, share in SOME.items() if len(ngram) == 2}
    contexts = all_contexts(4)
    for order in (3, 4):
        expected = model_of(pairs, 2).probabilities(contexts[:, -1:])
        np.testing.assert_array_equal(model_of(pairs, order).probabilities(contexts[:, 4 - order :]), expected)
        np.testing.assert_array_equal(model_of({}, order).probabilities(contexts[:, 4 - order :]), [SINGLES] * 64)


def test_single_tokens_need_no_context() -> None:
    model = model_of({}, 1)
    assert model.numbers(np.zeros((2, 0), np.int64)) == []
    np.testing.assert_array_equal(model.probabilities(np.zeros((2, 0), np.int64)), [SINGLES] * 2)
    np.testing.assert_array_equal(model.token_probabilities(np.zeros((2, 0), np.int64), np.array([3, 0])), [0.1, 0.4])


@pytest.mark.parametrize("order", [1, 2, 5])
def test_a_text_of_one_token(order: int) -> None:
    ids = np.array([2], np.int32)
    model = KneserNeyModel.fit(ids, order, vocabulary_size=SIZE, end_id=0)
    assert model.num_ngrams == [SIZE, 1, 0, 0, 0][:order]
    probabilities = model.probabilities(all_contexts(order))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    start = contexts_of(ids, order, end_id=0)
    assert start.tolist() == [[0] * (order - 1)]
    assert probabilities[0].argmax() == 2
    np.testing.assert_allclose(model.token_probabilities(start, ids), probabilities[:1, 2], rtol=1e-12)


def test_the_lines_of_a_text_follow_one_another_in_a_context_but_no_n_gram_crosses_their_end() -> None:
    ids = np.array([1, 2, 0, 1, 2, 3, 0], np.int32)
    contexts = contexts_of(ids, 3, end_id=0)
    assert contexts.tolist() == [[0, 0], [0, 1], [1, 2], [2, 0], [0, 1], [1, 2], [2, 3]]
    assert contexts_of(ids[:0], 3, end_id=0).shape == (0, 2)
    model = KneserNeyModel.fit(ids, 3, vocabulary_size=SIZE, end_id=0)
    latest, both = model.numbers(contexts)
    assert latest.tolist() == contexts[:, 1].tolist()
    assert [number != ABSENT for number in both] == [False, True, True, True, True, True, True]
    triples = model.levels[1].table
    assert triples.contexts.tolist() == [both[1], both[2], both[2], both[6]]
    assert triples.tokens.tolist() == [2, 0, 3, 0]
