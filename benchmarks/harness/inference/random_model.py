"""Random words, weights and sentences: speed does not depend on which."""

import random
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nextword.model.architecture import Architecture
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, UNKNOWN, Vocabulary

_ONSETS = ("b", "br", "c", "ch", "d", "f", "g", "gr", "h", "j", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_CODAS = ("", "n", "r", "s", "t")
_MARKS = (", ", ".", "; ", "?")

# A gamma distribution whose sentences are as long as those of the Penn Treebank: with <eos> 22.1 tokens on average,
# a standard deviation of 10.
_LENGTH_SHAPE, _LENGTH_SCALE = 4.2, 5.03

_LOGIT_DEVIATION = 2.0
"""About how far logits lie apart: in the order of those of a trained model."""


def random_tokenizer(vocabulary_size: int, seed: int) -> Tokenizer:
    """Return a tokenizer of words, of which one in eight has a capital, four marks, `<unk>` and `<eos>`."""
    chance = random.Random(seed)  # noqa: S311  # no secret depends on it
    syllables = ["".join(parts) for parts in product(_ONSETS, _VOWELS, _CODAS)]
    tokens = dict.fromkeys((END, UNKNOWN, *_MARKS))
    while len(tokens) < vocabulary_size:
        word = "".join(chance.choices(syllables, k=chance.choice((1, 2, 2, 3, 3, 4))))
        tokens.setdefault(word.capitalize() if chance.random() < 1 / 8 else word)
    return Tokenizer("word", "line", Vocabulary(tuple(tokens)))


def random_weights(architecture: Architecture, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return random weights: signals keep their size from layer to layer, and distributions are not uniform."""
    generator = np.random.default_rng(seed)
    hidden_deviation = 0.3 * np.sqrt(architecture.hidden_sizes[-1])
    weights = {}
    for name, shape in architecture.weight_shapes().items():
        scale = _LOGIT_DEVIATION / hidden_deviation if name == "embedding/embeddings" else 1 / np.sqrt(shape[0])
        scale = 0.1 if len(shape) == 1 else scale
        weights[name] = generator.normal(0, scale, shape).astype(np.float32)
    return weights


def random_sentences(count: int, vocabulary_size: int, end_id: int, seed: int) -> list[TokenIds]:
    """Return sentences, `<eos>` at the end of each, as long as those of the Penn Treebank.

    A word's probability falls with its id approximately by Zipf's law.
    """
    generator = np.random.default_rng(seed)
    lengths = np.maximum(1, generator.gamma(_LENGTH_SHAPE, _LENGTH_SCALE, count).round()).astype(np.int64)
    ids = np.minimum(vocabulary_size ** generator.random(int(lengths.sum())), vocabulary_size - 1).astype(np.int32)
    end = np.array([end_id], np.int32)
    return [np.concatenate((words, end)) for words in np.split(ids, np.cumsum(lengths)[:-1])]
