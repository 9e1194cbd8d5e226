"""Count-based initialization: what a model knows of its text before the first step."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nextword.batching.window import TokenIds
from nextword.models.language_model import LanguageModel
from nextword.text.corpus import TrainingText
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.options import TrainingOptions

_MOST_DISTANT = 4
_MOST_WORDS = 2**15
_MOST_TOKENS = 2**23
_SMOOTHING = 0.75
_OVERSAMPLING = 16

_EMBEDDING = "embedding/embeddings"
_BIAS = "projection/bias"
_UNSEEN = 0.5

_COUNTED_AT_ONCE = 2**20


def word_vectors(ids: TokenIds, *, vocabulary_size: int, width: int, seed: int) -> NDArray[np.float32]:
    r"""Return vectors `(V, E)` in which words that stand in the same company are alike.

    With $n_{wc}$ the number of times that $c$ stands 1, 2, 3 or 4 places after $w$, each counted as one over its
    distance, $n_w$ and $n_c$ the sums over a row and over a column, and $q_c \propto n_c^{0.75}$ with $\sum_c q_c = 1$:

    $$M_{wc} = \max\left(0, \log \frac{n_{wc}}{n_w q_c}\right)$$

    The same of what stands before a word lies beside it, $[M \; M'] \approx U S W^\top$ to the rank $E$, and the
    vectors are the rows of $U S^{1/2} R$, scaled to the length $\sqrt E$. $R$ is a random rotation, after which no
    column matters more than another. A word without company, and one beyond the 32,768 most frequent, has the vector
    zero.

    Args:
        ids: A text `(N,)`, of which the first 8,388,608 tokens are read; the most frequent words have the lowest ids.
        vocabulary_size: Number of words `V`.
        width: Of a vector, `E`.
        seed: Of the rotation and of the decomposition.

    Sources: Levy and Goldberg (2014) and Levy, Goldberg and Dagan (2015) for the matrix, Halko, Martinsson and Tropp
    (2011, algorithm 4.4) for its decomposition.

    Example:
        >>> cats, dogs, sleep, bark = range(4)
        >>> ids = np.array([cats, sleep, dogs, sleep, cats, sleep, dogs, bark] * 9, np.int32)
        >>> vectors = word_vectors(ids, vocabulary_size=5, width=3, seed=0)
        >>> vectors.shape, float(vectors[4].sum())
        ((5, 3), 0.0)
    """
    size = min(vocabulary_size, _MOST_WORDS)
    random = np.random.default_rng(seed)
    left = _left_singular_vectors(_company(ids[:_MOST_TOKENS], size), width, random)
    rotation, _ = np.linalg.qr(random.normal(size=(width, width)))
    rotated = left @ rotation[: left.shape[1]]
    lengths = np.linalg.norm(rotated, axis=1, keepdims=True)
    vectors = np.zeros((vocabulary_size, width), np.float32)
    vectors[:size] = np.sqrt(width) * np.divide(rotated, lengths, out=np.zeros_like(rotated), where=lengths > 0)
    return vectors


def _company(ids: TokenIds, size: int) -> Any:
    """Return the sparse matrix `(V, 2V)` of how much more often than by chance words stand after and before words."""
    after = sparse.csr_array((size, size))
    for first, second, weight in _neighbors(ids):
        known = (first < size) & (second < size)
        weights = np.full(int(known.sum()), weight)
        after = after + sparse.coo_array((weights, (first[known], second[known])), shape=(size, size)).tocsr()
    return sparse.hstack([_more_than_chance(after), _more_than_chance(after.T)]).tocsr()


def _neighbors(ids: TokenIds) -> Iterator[tuple[TokenIds, TokenIds, float]]:
    """Yield words, those that stand at one distance after them, and the weight of that distance."""
    for begin in range(0, len(ids), _COUNTED_AT_ONCE):
        part = np.asarray(ids[begin : begin + _COUNTED_AT_ONCE + _MOST_DISTANT])
        for distance in range(1, min(_MOST_DISTANT, len(part) - 1) + 1):
            stop = min(_COUNTED_AT_ONCE, len(part) - distance)
            yield part[:stop], part[distance : distance + stop], 1.0 / distance


def _more_than_chance(counts: Any) -> Any:
    counts = counts.tocoo()
    of_words, of_company = (np.asarray(counts.sum(axis)).ravel() for axis in (1, 0))
    chance = of_company**_SMOOTHING
    chance /= chance.sum() or 1.0
    information = np.log(counts.data / (of_words[counts.row] * chance[counts.col]))
    kept = information > 0
    values = information[kept].astype(np.float32)
    return sparse.coo_array((values, (counts.row[kept], counts.col[kept])), shape=counts.shape)


def _left_singular_vectors(matrix: Any, rank: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return `U S ** 0.5` `(V, R)` of a sparse matrix, with `R` the rank asked for or the highest that there is."""
    rank = min(rank, *matrix.shape)
    drawn = random.normal(size=(matrix.shape[1], min(rank + _OVERSAMPLING, *matrix.shape))).astype(np.float32)
    basis, _ = np.linalg.qr(matrix @ drawn)
    transposed = matrix.T.tocsr()
    basis, _ = np.linalg.qr(matrix @ (transposed @ basis))  # one power iteration
    small = (transposed @ basis).astype(np.float64)
    squares, directions = np.linalg.eigh(small.T @ small)
    strongest = np.argsort(squares)[::-1][:rank]
    return basis @ directions[:, strongest] * np.maximum(squares[strongest], 0.0) ** 0.25


def start_informed(model: LanguageModel, ids: TokenIds, counts: NDArray[np.integer[Any]]) -> None:
    r"""Give a new model the embedding and the output bias that a text's counts suggest; the rest stays as drawn.

    Row $w$ of the embedding becomes the [word vector][nextword.training.informed_start.word_vectors] of $w$, as long as
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
    weights, architecture = model.named_weights(), model.architecture
    size, width = architecture.vocabulary_size, architecture.embedding_size
    vectors = word_vectors(ids, vocabulary_size=size, width=width, seed=model.seed)
    vectors *= np.float32(architecture.initializer_scale / np.sqrt(3.0))
    has_vector = vectors.any(axis=1, keepdims=True)
    weights[_EMBEDDING] = np.where(has_vector, vectors, weights[_EMBEDDING])
    if _BIAS in weights:
        seen = counts + _UNSEEN
        weights[_BIAS] = np.log(seen / seen.sum()).astype(np.float32)
    model.set_named_weights(weights)


def begin_model(model: LanguageModel, text: TrainingText, options: TrainingOptions, store: CheckpointStore) -> float:
    """Give a new model the weights that `options.start` asks for.

    A model that has learned already, and one that is resumed from a checkpoint, stay as they are.

    Returns:
        The seconds that this took, which are time of the run.
    """
    if options.start == "random" or not model.is_new or store.newest() is not None:
        return 0.0
    began = time.monotonic()
    start_informed(model, text.train.ids, token_counts(text))
    return time.monotonic() - began


def token_counts(text: TrainingText) -> NDArray[np.integer[Any]]:
    """Return how often each token occurs in the training text, in pieces, since the text may exceed the memory."""
    ids, size = text.train.ids, text.tokenizer.vocabulary_size
    counts = np.zeros(size, np.int64)
    for begin in range(0, len(ids), _COUNTED_AT_ONCE):
        counts += np.bincount(ids[begin : begin + _COUNTED_AT_ONCE], minlength=size)
    return counts
