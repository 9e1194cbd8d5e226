import numpy as np
import pytest

from harness.inference.random_model import random_sentences, random_tokenizer, random_weights
from harness.inference.settings import ModelSize

SIZE = ModelSize(vocabulary_size=3000, hidden_size=64, num_layers=1)


def test_words_are_read_as_the_tokens_that_they_are() -> None:
    tokenizer = random_tokenizer(500, 1)
    assert tokenizer.vocabulary_size == 500
    words = [token for token in tokenizer.vocabulary.tokens if token.isalpha()]
    assert tokenizer.encode(" ".join(words)) == [tokenizer.vocabulary.id_of(word) for word in words]
    assert len(words) == 500 - len(["<eos>", "<unk>", ", ", ".", "; ", "?"])
    assert 0 < sum(word.istitle() for word in words) < len(words) / 4


def test_weights_are_those_of_the_model_and_the_same_for_a_seed() -> None:
    weights, again, others = (random_weights(SIZE.architecture, seed) for seed in (1, 1, 2))
    assert {name: weight.shape for name, weight in weights.items()} == SIZE.architecture.weight_shapes()
    assert all(weight.dtype == np.float32 for weight in weights.values())
    for name, weight in weights.items():
        np.testing.assert_array_equal(weight, again[name])
        assert not np.array_equal(weight, others[name])


def test_sentences_are_as_long_as_those_of_the_penn_treebank() -> None:
    lengths = np.array([len(sentence) for sentence in random_sentences(20_000, 100, 0, 1)])
    assert lengths.mean() == pytest.approx(22.1, abs=0.3)
    assert lengths.std() == pytest.approx(10.1, abs=0.4)
    assert lengths.min() >= 2


def test_sentences_are_words_and_an_end() -> None:
    sentences = random_sentences(300, 1000, 17, 1)
    ids = np.concatenate(sentences)
    assert len(sentences) == 300
    assert ids.dtype == np.int32
    assert {int(sentence[-1]) for sentence in sentences} == {17}
    assert ids.min() >= 0
    assert ids.max() < 1000
    assert np.median(ids) < 100  # common words are common
    assert len(np.unique(ids)) > 300
