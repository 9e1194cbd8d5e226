"""Weights that know the counts of the training text before the first step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.architecture import Architecture
from nextword.batching.window import TokenIds
from nextword.models.language_model import LanguageModel
from nextword.training.word_vectors import word_vectors

_EMBEDDING = "embedding/embeddings"
_BIAS = "projection/bias"
_UNSEEN = 0.5


def start_informed(model: LanguageModel, ids: TokenIds, counts: NDArray[np.integer[Any]]) -> None:
    r"""Give a new model the embedding and the output bias that a text's counts suggest; the rest stays as drawn.

    Row $w$ of the embedding becomes the [word vector][nextword.training.word_vectors.word_vectors] of $w$, as long as
    rows that are drawn are on average, $a \sqrt{E / 3}$ with `initializer_scale` $a$. The bias becomes the logarithm of
    how often $w$ stands in the text, half an occurrence added. So training begins with a unigram model and with words
    that are alike where their use is, instead of learning both by gradients first.

    A word without a vector keeps the row that was drawn. The bias of an adaptive softmax, whose classes are not words,
    stays zero.

    Args:
        model: The model, changed in place.
        ids: The training text `(N,)`.
        counts: How often each token stands in it `(V,)`.
    """
    weights = model.named_weights()
    vectors = _vectors(model.architecture, ids, seed=model.seed)
    has_vector = vectors.any(axis=1, keepdims=True)
    weights[_EMBEDDING] = np.where(has_vector, vectors, weights[_EMBEDDING])
    if _BIAS in weights:
        seen = counts + _UNSEEN
        weights[_BIAS] = np.log(seen / seen.sum()).astype(np.float32)
    model.set_named_weights(weights)


def _vectors(architecture: Architecture, ids: TokenIds, *, seed: int) -> NDArray[np.float32]:
    size, width = architecture.vocabulary_size, architecture.embedding_size
    vectors = word_vectors(ids, vocabulary_size=size, width=width, seed=seed)
    return vectors * np.float32(architecture.initializer_scale / np.sqrt(3.0))
