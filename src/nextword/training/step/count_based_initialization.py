"""Count-based initialization: embedding and output bias of a new model from the counts of its training text."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds
from nextword.text.corpus import Corpus
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.options import TrainingOptions

_MAX_DISTANCE = 4
_MAX_WORDS = 2**15
_MAX_TOKENS = 2**23
_SMOOTHING = 0.75
_OVERSAMPLING = 16

_EMBEDDING = "embedding/embeddings"
_BIAS = "projection/bias"
_BIAS_SMOOTHING = 0.5

_CHUNK = 2**20


def word_vectors(ids: TokenIds, *, vocabulary_size: int, width: int, seed: int) -> NDArray[np.float32]:
    r"""Return word vectors `(V, E)` in which words with similar neighbors are similar.

    The positive pointwise mutual information of word $w$ and context word $c$ is

    $$M_{wc} = \max\left(0, \log \frac{n_{wc}}{n_w q_c}\right)$$

    $n_{wc}$ counts how often $c$ is 1 to 4 places after $w$, divided by the distance. $n_w$ and $n_c$ are its sums over
    a row and over a column, and $q_c \propto n_c^{0.75}$ with $\sum_c q_c = 1$. $M'$ is the same matrix for the words
    before $w$.

    With the decomposition $[M \; M'] \approx U S W^\top$ of rank $E$, the vectors are the rows of $U S^{1/2} R$, scaled
    to the length $\sqrt E$. The random rotation $R$ makes all columns equally important. A word without neighbors, or
    beyond the 32,768 most frequent, has the zero vector.

    Args:
        ids: A text `(N,)`; the first 8,388,608 tokens are read. The most frequent words must have the lowest ids.
        vocabulary_size: Number of words `V`.
        width: Width of a vector `E`.
        seed: Seed of the rotation and of the decomposition.

    Source:
        Levy and Goldberg (2014) and Levy, Goldberg and Dagan (2015) for the matrix; Halko, Martinsson and Tropp
        (2011, algorithm 4.4) for its decomposition.
    """
    size = min(vocabulary_size, _MAX_WORDS)
    random = np.random.default_rng(seed)
    left = _left_singular_vectors(_association(ids[:_MAX_TOKENS], size), width, random)
    rotation, _ = np.linalg.qr(random.normal(size=(width, width)))
    rotated = left @ rotation[: left.shape[1]]
    lengths = np.linalg.norm(rotated, axis=1, keepdims=True)
    vectors = np.zeros((vocabulary_size, width), np.float32)
    vectors[:size] = np.sqrt(width) * np.divide(rotated, lengths, out=np.zeros_like(rotated), where=lengths > 0)
    return vectors


def _association(ids: TokenIds, size: int) -> Any:
    """Return the positive pointwise mutual information of words with the words after and before, sparse `(V, 2V)`."""
    after = sparse.csr_array((size, size))
    for first, second, weight in _neighbors(ids):
        known = (first < size) & (second < size)
        weights = np.full(int(known.sum()), weight)
        after = after + sparse.coo_array((weights, (first[known], second[known])), shape=(size, size)).tocsr()
    return sparse.hstack([_positive_pmi(after), _positive_pmi(after.T)]).tocsr()


def _neighbors(ids: TokenIds) -> Iterator[tuple[TokenIds, TokenIds, float]]:
    """Yield words, the words at one distance after them, and the weight of that distance."""
    for begin in range(0, len(ids), _CHUNK):
        part = np.asarray(ids[begin : begin + _CHUNK + _MAX_DISTANCE])
        for distance in range(1, min(_MAX_DISTANCE, len(part) - 1) + 1):
            stop = min(_CHUNK, len(part) - distance)
            yield part[:stop], part[distance : distance + stop], 1.0 / distance


def _positive_pmi(counts: Any) -> Any:
    counts = counts.tocoo()
    word_sums, context_sums = (np.asarray(counts.sum(axis)).ravel() for axis in (1, 0))
    chance = context_sums**_SMOOTHING
    chance /= chance.sum() or 1.0
    information = np.log(counts.data / (word_sums[counts.row] * chance[counts.col]))
    kept = information > 0
    values = information[kept].astype(np.float32)
    return sparse.coo_array((values, (counts.row[kept], counts.col[kept])), shape=counts.shape)


def _left_singular_vectors(matrix: Any, rank: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return `U S ** 0.5` `(V, R)` of a sparse matrix; `R` is `rank`, or the smaller side of the matrix if less."""
    rank = min(rank, *matrix.shape)
    drawn = random.normal(size=(matrix.shape[1], min(rank + _OVERSAMPLING, *matrix.shape))).astype(np.float32)
    basis, _ = np.linalg.qr(matrix @ drawn)
    transposed = matrix.T.tocsr()
    basis, _ = np.linalg.qr(matrix @ (transposed @ basis))  # one power iteration
    small = (transposed @ basis).astype(np.float64)
    squares, directions = np.linalg.eigh(small.T @ small)
    strongest = np.argsort(squares)[::-1][:rank]
    return basis @ directions[:, strongest] * np.maximum(squares[strongest], 0.0) ** 0.25


def initialize_from_counts(model: LanguageModel, ids: TokenIds, counts: NDArray[np.integer[Any]]) -> None:
    r"""Initialize embedding and output bias of a new model from counts; the other weights stay random.

    Each row of the embedding becomes its word vector (see `word_vectors`), scaled to the average length of random rows,
    $a \sqrt{E / 3}$ with `initializer_scale` $a$. The bias becomes the log-frequency of each token, smoothed by half a
    count. Training then begins with a unigram model and with similar embeddings for words of similar use, instead of
    learning both first.

    A word without a vector keeps its random row.
    """
    weights, architecture = model.named_weights(), model.architecture
    size, width = architecture.vocabulary_size, architecture.embedding_size
    vectors = word_vectors(ids, vocabulary_size=size, width=width, seed=model.seed)
    vectors *= np.float32(architecture.initializer_scale / np.sqrt(3.0))
    has_vector = vectors.any(axis=1, keepdims=True)
    weights[_EMBEDDING] = np.where(has_vector, vectors, weights[_EMBEDDING])
    seen = counts + _BIAS_SMOOTHING
    weights[_BIAS] = np.log(seen / seen.sum()).astype(np.float32)
    model.set_named_weights(weights)


def initialize_model(model: LanguageModel, text: Corpus, options: TrainingOptions, store: CheckpointStore) -> float:
    """Initialize a new model as `options.start` requires.

    A trained model, or one that resumes from a checkpoint, is not changed.

    Returns:
        The time this took in seconds; it counts as time of the run.
    """
    if options.start == "random" or not model.is_new or store.newest() is not None:
        return 0.0
    began = time.monotonic()
    initialize_from_counts(model, text.train.ids, token_counts(text))
    return time.monotonic() - began


def token_counts(text: Corpus) -> NDArray[np.integer[Any]]:
    """Count each token in the training text `(V,)`, in pieces because the text may exceed the memory."""
    ids, size = text.train.ids, text.tokenizer.vocabulary_size
    counts = np.zeros(size, np.int64)
    for begin in range(0, len(ids), _CHUNK):
        counts += np.bincount(ids[begin : begin + _CHUNK], minlength=size)
    return counts
