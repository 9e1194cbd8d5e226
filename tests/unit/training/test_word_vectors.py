import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.training import word_vectors as module
from nextword.training.word_vectors import word_vectors

VOCABULARY_SIZE = 12


def text(num_tokens: int = 600, seed: int = 0) -> TokenIds:
    """Return words of which each even one is used like the odd one after it."""
    random = np.random.default_rng(seed)
    classes = np.cumsum(random.integers(1, 3, num_tokens)) % (VOCABULARY_SIZE // 2)
    return (2 * classes + random.integers(0, 2, num_tokens)).astype(np.int32)


def exact_similarities(ids: TokenIds, size: int) -> NDArray[np.float64]:
    """Return the cosines of the rows of `U S ** 0.5` at full rank, counted pair by pair."""
    after = np.zeros((size, size))
    for first in range(len(ids)):
        for distance in range(1, 5):
            if first + distance < len(ids):
                after[ids[first], ids[first + distance]] += 1 / distance
    sides = []
    for counts in (after, after.T):
        chance = counts.sum(axis=0) ** 0.75
        with np.errstate(divide="ignore", invalid="ignore"):
            information = np.log(counts / (counts.sum(axis=1)[:, None] * chance / chance.sum()))
        sides.append(np.where(counts > 0, np.maximum(information, 0.0), 0.0))
    left, singular, _ = np.linalg.svd(np.concatenate(sides, axis=1))
    rows = left * np.sqrt(singular)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows @ rows.T)


def similarities(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(vectors.astype(np.float64) @ vectors.T / vectors.shape[1])


def test_at_full_rank_the_vectors_are_those_of_the_exact_decomposition() -> None:
    ids = text()
    vectors = word_vectors(ids, vocabulary_size=VOCABULARY_SIZE, width=VOCABULARY_SIZE, seed=3)
    np.testing.assert_allclose(similarities(vectors), exact_similarities(ids, VOCABULARY_SIZE), atol=1e-3)


def test_words_of_one_use_are_alike() -> None:
    alike = similarities(word_vectors(text(4000), vocabulary_size=VOCABULARY_SIZE, width=4, seed=0))
    for word in range(VOCABULARY_SIZE):
        alike[word, word] = -1.0
        assert alike[word].argmax() == word ^ 1


@given(width=st.integers(1, 40), seed=st.integers(0, 5))
def test_every_vector_has_its_length_and_the_same_seed_gives_the_same(width: int, seed: int) -> None:
    vectors = word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=width, seed=seed)
    again = word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=width, seed=seed)
    assert vectors.shape == (VOCABULARY_SIZE, width)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, again)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.sqrt(width), rtol=1e-4)


def test_the_rotation_alone_depends_on_the_seed() -> None:
    first, second = (word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=12, seed=seed) for seed in (0, 1))
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_allclose(similarities(first), similarities(second), atol=1e-3)


@pytest.mark.parametrize("ids", [[], [5], [5, 5]])
def test_words_without_company_have_the_vector_zero(ids: list[int]) -> None:
    vectors = word_vectors(np.array(ids, np.int32), vocabulary_size=VOCABULARY_SIZE, width=4, seed=0)
    assert np.isfinite(vectors).all()
    assert not vectors[[word for word in range(VOCABULARY_SIZE) if word not in ids]].any()


def test_a_text_read_in_pieces_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=12, seed=0)
    monkeypatch.setattr(module, "_COUNTED_AT_ONCE", 7)
    np.testing.assert_allclose(
        word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=12, seed=0), whole, atol=1e-3
    )


def test_of_a_large_vocabulary_the_rarest_words_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WORDS", 8)
    vectors = word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=4, seed=0)
    assert vectors[:8].any(axis=1).all()
    assert not vectors[8:].any()
