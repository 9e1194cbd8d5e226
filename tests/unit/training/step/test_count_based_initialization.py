from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds
from nextword.text.corpus import Corpus
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.options import TrainingOptions
from nextword.training.step import count_based_initialization as module
from nextword.training.step.count_based_initialization import (
    initialize_from_counts,
    initialize_model,
    token_counts,
    word_vectors,
)

INFORMED = TrainingOptions(start="counts")

TRAIN = np.tile(np.random.default_rng(0).permutation(12), 25).astype(np.int32)
COUNTS = np.bincount(TRAIN, minlength=14)  # 12 and 13 are not in the text

VOCABULARY_SIZE = 12


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("begin")
    path = folder / "story.txt"
    path.write_text("the cat sat on the mat and looked at the dog .\n\n" * 200, encoding="utf-8")
    return Corpus.load(path, cache_dir=folder / "cache")


def model_for(corpus: Corpus) -> LanguageModel:
    size = corpus.tokenizer.vocabulary_size
    return LanguageModel(Architecture(vocabulary_size=size, embedding_size=4, hidden_sizes=(4,)), seed=2)


def bias(model: LanguageModel) -> float:
    return float(np.abs(model.named_weights()["projection/bias"]).max())


def test_a_new_model_is_initialized_as_the_options_require(corpus: Corpus, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    drawn, informed = model_for(corpus), model_for(corpus)
    assert initialize_model(drawn, corpus, TrainingOptions(), store) == 0.0
    assert initialize_model(informed, corpus, INFORMED, store) > 0.0
    assert bias(drawn) == 0
    assert bias(informed) > 1


def test_a_trained_model_is_not_changed(corpus: Corpus, tmp_path: Path) -> None:
    model = model_for(corpus)
    model.embedding.embeddings.assign(model.embedding.embeddings + 1.0)
    assert initialize_model(model, corpus, INFORMED, CheckpointStore(tmp_path)) == 0.0
    assert bias(model) == 0


def test_a_resumed_model_is_not_initialized_again(corpus: Corpus, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"weight": np.zeros(1, np.float32)}, {})
    model = model_for(corpus)
    assert initialize_model(model, corpus, INFORMED, store) == 0.0
    assert bias(model) == 0


def test_every_token_is_counted(corpus: Corpus) -> None:
    counts = token_counts(corpus)
    np.testing.assert_array_equal(counts, np.bincount(corpus.train.ids, minlength=corpus.tokenizer.vocabulary_size))


def model(**fields: Any) -> LanguageModel:
    table = {"vocabulary_size": 14, "embedding_size": 6, "hidden_sizes": (6,), "initializer_scale": 0.3, **fields}
    return LanguageModel(Architecture(**table), seed=5)


def test_rows_have_the_average_length_of_random_rows() -> None:
    informed = model(tied=True)
    initialize_from_counts(informed, TRAIN, COUNTS)
    rows = informed.named_weights()["embedding/embeddings"]
    np.testing.assert_allclose(np.linalg.norm(rows[:12], axis=1), 0.3 * np.sqrt(6 / 3), rtol=1e-4)


def test_unseen_words_and_all_other_weights_stay_random() -> None:
    drawn, informed = model(tied=True), model(tied=True)
    initialize_from_counts(informed, TRAIN, COUNTS)
    before, after = drawn.named_weights(), informed.named_weights()
    np.testing.assert_array_equal(before["embedding/embeddings"][12:], after["embedding/embeddings"][12:])
    for name in before.keys() - {"embedding/embeddings", "projection/bias"}:
        np.testing.assert_array_equal(before[name], after[name])


@pytest.mark.parametrize(
    "fields",
    [
        {"tied": False},
        {"cell": "gru"},
    ],
)
def test_every_kind_of_output_can_be_initialized(fields: dict[str, Any]) -> None:
    informed = model(**fields)
    initialize_from_counts(informed, TRAIN, COUNTS)
    logits, _ = informed(TRAIN[None, :20])
    assert np.isfinite(np.asarray(logits)).all()
    weights = informed.named_weights()
    probabilities = np.exp(weights["projection/bias"].astype(np.float64))
    np.testing.assert_allclose(probabilities, (COUNTS + 0.5) / (len(TRAIN) + 7), rtol=1e-5)


def text(num_tokens: int = 600, seed: int = 0) -> TokenIds:
    """Return words in which each even word has the same use as the next odd word."""
    random = np.random.default_rng(seed)
    classes = np.cumsum(random.integers(1, 3, num_tokens)) % (VOCABULARY_SIZE // 2)
    return (2 * classes + random.integers(0, 2, num_tokens)).astype(np.int32)


def exact_similarities(ids: TokenIds, size: int) -> NDArray[np.float64]:
    """Return the cosines of the rows of `U S ** 0.5` at full rank, from pairwise counts."""
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


def test_words_of_the_same_use_are_similar() -> None:
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
def test_words_without_neighbors_have_the_zero_vector(ids: list[int]) -> None:
    vectors = word_vectors(np.array(ids, np.int32), vocabulary_size=VOCABULARY_SIZE, width=4, seed=0)
    assert np.isfinite(vectors).all()
    assert not vectors[[word for word in range(VOCABULARY_SIZE) if word not in ids]].any()


def test_counts_in_chunks_match_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=12, seed=0)
    monkeypatch.setattr(module, "_CHUNK", 7)
    np.testing.assert_allclose(
        word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=12, seed=0), whole, atol=1e-3
    )


def test_the_rarest_words_of_a_large_vocabulary_have_no_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_WORDS", 8)
    vectors = word_vectors(text(), vocabulary_size=VOCABULARY_SIZE, width=4, seed=0)
    assert vectors[:8].any(axis=1).all()
    assert not vectors[8:].any()
