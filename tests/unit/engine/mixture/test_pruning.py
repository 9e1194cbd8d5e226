"""Pruned n-grams fit into their bytes, and those that matter most are kept."""

from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.bundle.mixture import SHARE_STEP, PackedNgrams, ngram_bytes
from nextword.engine.mixture.interpolated_model import InterpolatedModel, contexts_of
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.engine.mixture.pruning import packed_within, unpacked
from nextword.text.batching.window import TokenIds

SIZE, ORDER, END = 12, 4, 0
ENOUGH = 2**20
Ngram = tuple[int, ...]


def text_of(num_tokens: int, seed: int = 0) -> TokenIds:
    """Return a text in which some tokens often follow others."""
    random = np.random.default_rng(seed)
    noise = random.integers(SIZE, size=num_tokens)
    ids = [0]
    for token in noise:
        ids.append(int(token if random.random() < 0.4 else (3 * ids[-1] + 1) % SIZE))
    return np.array(ids[1:], np.int32)


TEXT = text_of(600)
MODEL = KneserNeyModel.fit(TEXT, ORDER, vocabulary_size=SIZE, end_id=END)


def packed(max_bytes: int, model: InterpolatedModel = MODEL, ids: TokenIds = TEXT) -> PackedNgrams:
    ngrams = packed_within(model, ids, max_bytes, end_id=END)
    assert ngrams is not None
    return ngrams


FULL = packed(ENOUGH)
FULL_BYTES, SINGLES_BYTES = len(FULL.to_bytes()), 4 * SIZE
SOME_BYTES = [*range(SINGLES_BYTES, FULL_BYTES, 37), FULL_BYTES]


def ngrams_of(model: InterpolatedModel) -> list[list[Ngram]]:
    """Return the n-grams of each length."""
    by_length: list[list[Ngram]] = [[(token,) for token in range(model.vocabulary_size)]]
    for level in model.levels:
        pairs = zip(level.table.contexts.tolist(), level.table.tokens.tolist(), strict=True)
        by_length.append([(*by_length[-1][context], token) for context, token in pairs])
    return by_length


def mean_log_prob(ngrams: PackedNgrams) -> float:
    model = unpacked(ngrams)
    return float(np.log(model.token_probabilities(contexts_of(TEXT, model.order, end_id=END), TEXT)).mean())


def test_the_n_grams_fit_into_their_bytes_and_use_them() -> None:
    sizes = [len(packed(max_bytes).to_bytes()) for max_bytes in SOME_BYTES]
    assert all(size <= most for size, most in zip(sizes, SOME_BYTES, strict=True))
    assert sizes == sorted(sizes)
    # An n-gram takes 3 bytes, 2 more where it is a context, and up to two contexts of its own.
    assert max(most - size for size, most in zip(sizes, SOME_BYTES, strict=True)) < 3 + 2 * 5
    assert sizes[-1] == FULL_BYTES


@pytest.mark.parametrize("max_bytes", [-1, 0, SINGLES_BYTES - 1])
def test_there_is_no_model_without_room_for_single_tokens(max_bytes: int) -> None:
    assert packed_within(MODEL, TEXT, max_bytes, end_id=END) is None


def test_the_single_tokens_alone_are_a_model() -> None:
    ngrams = packed(SINGLES_BYTES)
    assert (ngrams.levels, len(ngrams.to_bytes())) == ((), SINGLES_BYTES)
    np.testing.assert_allclose(unpacked(ngrams).singles, MODEL.singles, rtol=1e-6)


def test_more_bytes_never_make_the_text_less_probable() -> None:
    log_probs = [mean_log_prob(packed(max_bytes)) for max_bytes in SOME_BYTES]
    assert (np.diff(log_probs) > -0.005).all()
    assert log_probs[-1] > log_probs[0] + 0.5


def test_long_n_grams_that_occur_once_are_left_out() -> None:
    read = [END, *TEXT.tolist()]
    counts = Counter(tuple(read[first : first + length]) for length in (3, 4) for first in range(len(read)))
    _, pairs, *longer = ngrams_of(unpacked(FULL))
    assert min(counts[ngram] for ngrams in longer for ngram in ngrams) == 2
    assert sorted(pairs) == sorted(ngrams_of(MODEL)[1])  # those that occur once too
    often = {ngram for ngrams in ngrams_of(MODEL)[2:] for ngram in ngrams if counts[ngram] > 1}
    assert often == {ngram for ngrams in longer for ngram in ngrams}


@pytest.mark.parametrize("max_bytes", SOME_BYTES[1::9])
def test_what_is_kept_is_part_of_the_model_and_keeps_its_context(max_bytes: int) -> None:
    """The number of n-grams after each context is stored, so a context that is missing would shift all that follow."""
    small, large = (ngrams_of(unpacked(packed(most))) for most in (max_bytes, FULL_BYTES))
    for own, all_of_length in zip(small, large, strict=False):
        assert set(own) <= set(all_of_length)
        assert own == sorted(own)
    for shorter, longer in pairwise(small):
        assert {ngram[:-1] for ngram in longer} <= set(shorter)


def test_the_most_valuable_n_gram_is_kept_first() -> None:
    ids = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, *[5, 1] * 20], np.int32)
    model = KneserNeyModel.fit(ids, 2, vocabulary_size=SIZE, end_id=END)
    least = ngram_bytes(SIZE, [2])
    assert ngrams_of(unpacked(packed(least, model, ids)))[1] == [(1, 5), (5, 1)]


def test_shares_are_rounded_down_by_less_than_a_step() -> None:
    again = unpacked(FULL)
    for level, original, ngrams, of_model in zip(
        again.levels, MODEL.levels, ngrams_of(again)[1:], ngrams_of(MODEL)[1:], strict=True
    ):
        stored = dict(zip(ngrams, level.shares, strict=False))
        exact = dict(zip(of_model, original.shares, strict=False))
        ratios = np.array([stored[ngram] / exact[ngram] for ngram in ngrams])
        assert (ratios <= 1 + 1e-9).all()
        assert (ratios > np.exp(-SHARE_STEP) - 1e-9).all()


def test_pairs_that_all_fit_are_the_model_but_for_the_rounding() -> None:
    model = KneserNeyModel.fit(TEXT, 2, vocabulary_size=SIZE, end_id=END)
    contexts = np.arange(SIZE)[:, None]
    again = unpacked(packed(ENOUGH, model))
    assert again.num_ngrams == model.num_ngrams
    np.testing.assert_allclose(again.probabilities(contexts), model.probabilities(contexts), atol=0.03)


@given(
    ids=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    order=st.integers(1, 4),
    max_bytes=st.integers(20, 600),
)
def test_any_model_sums_to_one_when_it_is_read_again(ids: list[int], order: int, max_bytes: int) -> None:
    text = np.array(ids, np.int32)
    model = KneserNeyModel.fit(text, order, vocabulary_size=5, end_id=END)
    ngrams = packed(max_bytes, model, text)
    data = ngrams.to_bytes()
    assert len(data) <= max_bytes
    again = unpacked(PackedNgrams.from_bytes(data, 5, ngrams.num_ngrams))
    contexts = np.array([*product(range(5), repeat=again.order - 1)], np.int64)
    probabilities = again.probabilities(contexts.reshape(len(contexts), again.order - 1))
    assert (probabilities > 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_packing_is_deterministic() -> None:
    for max_bytes in SOME_BYTES[::9]:
        again = KneserNeyModel.fit(TEXT.copy(), ORDER, vocabulary_size=SIZE, end_id=END)
        assert packed(max_bytes, again).to_bytes() == packed(max_bytes).to_bytes()
