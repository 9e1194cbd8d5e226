"""The start of a run from a base: its weights, with rows and biases for the words of a new text."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nextword.bundle.bundle import Bundle
from nextword.engine.keras_engine import KerasEngine
from nextword.errors import counted
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds, validation_streams
from nextword.text.tokens.tokenizer import Tokenizer

_MAX_TOKENS = 2**19
_MAX_SAMPLE = 2**15
_MIN_USES = 5
_MIN_SHARED = 50
_PRIOR = 200.0
_RIDGE = 0.1
_OTHER_CASE = 0.02

_EMBEDDING = "embedding/embeddings"
_KERNEL = "projection/kernel"
_BIAS = "projection/bias"

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Pass:
    """What one pass of the base over the text gives."""

    counts: Floats  # how often each word of the merged vocabulary was predicted `(V,)`
    probabilities: Floats  # mean probability of each word of the base `(U,)`
    contexts: Floats  # sum of the hidden states that each word was predicted from `(V, H)`
    sample: Floats  # some of these vectors `(S, H)`
    log_normalizers: Floats  # the logarithm of the softmax's denominator at each of them `(S,)`


def carried_weights(base: Bundle, tokenizer: Tokenizer, ids: TokenIds, *, start: str) -> dict[str, NDArray[np.float32]]:
    r"""Return the weights of a base for a vocabulary that has words of a new text too.

    Words of the base keep their rows in the embedding and the output. With $c_w$ the count of word $w$ among $N$ words
    of the text, and $p_w$ its mean probability over the text, all biases are then moved to the new text by

    $$b_w \leftarrow b_w + \log \frac{c_w + 200 p_w}{(N + 200) p_w}$$

    The row of a new word is predicted from the mean hidden state before it, by a ridge regression over the words that
    both have and that occur at least five times, weighted by their counts. Its bias makes its mean probability over the
    text its share of it. With fewer than 50 such words, and with `start` "mean", the row is the mean row; with "mean",
    so is the bias, and all other biases stay.

    Args:
        base: The base.
        tokenizer: The tokenizer of the text.
        ids: The training text `(N,)`, by this tokenizer; the first 524,288 tokens are read.
        start: "counts" or "mean".
    """
    floats = {name: np.array(weight) for name, weight in base.floats(base.architecture.weight_shapes()).items()}
    known = base.tokenizer.vocabulary
    old = np.array(known.ids_of(tokenizer.vocabulary.tokens))  # the id in the base, that of <unk> for a new word
    is_new = np.array([token not in known for token in tokenizer.vocabulary.tokens])
    rows = {_EMBEDDING: floats[_EMBEDDING].astype(np.float64)}
    rows |= {_KERNEL: floats[_KERNEL].T.astype(np.float64)} if _KERNEL in floats else {}
    if start == "mean":
        shared = {name: _extended(matrix, old, is_new, matrix.mean(axis=0)) for name, matrix in rows.items()}
        bias = np.where(is_new, floats[_BIAS].mean(), floats[_BIAS][old])
    else:
        seen = _read(base, floats, tokenizer, ids[:_MAX_TOKENS], old)
        shared = _predicted_rows(seen, rows, old, is_new)
        bias = _biases(seen, shared.get(_KERNEL, shared[_EMBEDDING]), floats[_BIAS], old, is_new)
    turned = {name: matrix.T if name == _KERNEL else matrix for name, matrix in shared.items()}
    weights = {**floats, **turned, _BIAS: bias}
    return {name: np.ascontiguousarray(weight, np.float32) for name, weight in weights.items()}


def known_words(base: Bundle, tokenizer: Tokenizer, counts: NDArray[np.integer[Any]]) -> str:
    """Return in words how much of a text its base knows."""
    known, own = base.tokenizer.vocabulary, tokenizer.vocabulary
    new = [(token, count) for token, count in zip(own.tokens, counts.tolist(), strict=True) if token not in known]
    total, unknown = max(int(counts.sum()), 1), int(counts[own.unknown_id])
    share = 1 - (unknown + sum(count for _, count in new)) / total
    other_case = sum(count for token, count in new if token.lower() in known or token.capitalize() in known)
    capitals = f"; {other_case / total:.1%} are known in other capitals" if other_case / total >= _OTHER_CASE else ""
    return f"{base.name} knows {share:.1%} of the tokens; {counted(len(new), 'new word')}{capitals}"


def unigram_perplexity(train: NDArray[np.integer[Any]], valid: TokenIds) -> float:
    """Return the perplexity of a split by the counts of the words in training alone (Witten and Bell 1991)."""
    num_seen = int((train > 0).sum())
    unseen = num_seen / max(len(train) - num_seen, 1)
    shares = np.where(train > 0, train, unseen) / (train.sum() + num_seen)
    return float(np.exp(-np.log(shares[valid]).mean()))


def _extended(matrix: Floats, old: Ids, is_new: NDArray[np.bool_], new: Floats) -> Floats:
    """Return the rows of a base in the order of another vocabulary, with other rows for its new words."""
    return np.where(is_new[:, None], new, matrix[old])


def _read(base: Bundle, floats: dict[str, NDArray[np.float32]], tokenizer: Tokenizer, ids: TokenIds, old: Ids) -> _Pass:
    """Let the base read a text, new words as unknown ones."""
    model = LanguageModel(base.architecture)
    model.set_named_weights(floats)
    engine = KerasEngine(model, end_id=base.tokenizer.vocabulary.end_id)
    windows = validation_streams(ids, end_id=tokenizer.vocabulary.end_id)
    state, size = engine.start(windows.batch_size), tokenizer.vocabulary_size
    counts, contexts = np.zeros(size), np.zeros((size, base.architecture.hidden_sizes[-1]))
    probabilities = np.zeros(base.architecture.vocabulary_size)
    sample, normalizers = list[Floats](), list[Floats]()
    every = max(1, windows.steps_per_epoch * windows.words_per_step // _MAX_SAMPLE)
    kernel = floats.get(_KERNEL, floats[_EMBEDDING].T)
    for index in range(windows.steps_per_epoch):
        window = windows.window(index)
        prediction, state = engine.predict_window(old[window.inputs].astype(np.int32), state)
        counted = window.weights > 0
        targets, log_probs = window.targets[counted], prediction.log_probs[counted]
        vectors = np.asarray(prediction.hidden)[counted]  # (n, H)
        probabilities += np.exp(log_probs).sum(axis=0, dtype=np.float64)
        counts += np.bincount(targets, minlength=size)
        places = (targets, np.arange(len(targets)))
        contexts += sparse.csr_array((np.ones(len(targets)), places), shape=(size, len(targets))) @ vectors
        sample.append(vectors[::every].astype(np.float64))
        # Any word gives the denominator; the first one does.
        normalizers.append(vectors[::every] @ kernel[:, 0] + floats[_BIAS][0] - log_probs[::every, 0])
    total = max(counts.sum(), 1.0)
    return _Pass(counts, probabilities / total, contexts, np.concatenate(sample), np.concatenate(normalizers))


def _predicted_rows(seen: _Pass, rows: dict[str, Floats], old: Ids, is_new: NDArray[np.bool_]) -> dict[str, Floats]:
    """Return the rows of all words; those of new ones by a ridge regression from the mean context of the word."""
    means = seen.contexts / np.maximum(seen.counts, 1.0)[:, None]
    shared = np.flatnonzero(~is_new & (seen.counts >= _MIN_USES))
    if len(shared) < _MIN_SHARED:
        return {name: _extended(matrix, old, is_new, matrix.mean(axis=0)) for name, matrix in rows.items()}
    weights = seen.counts[shared] / seen.counts[shared].sum()
    center = weights @ means[shared]
    inputs = means[shared] - center
    moments = inputs.T @ (weights[:, None] * inputs)
    moments += _RIDGE * np.trace(moments) / len(moments) * np.eye(len(moments))
    found = {}
    for name, matrix in rows.items():
        middle = weights @ matrix[old[shared]]
        slopes = np.linalg.solve(moments, inputs.T @ (weights[:, None] * (matrix[old[shared]] - middle)))
        new = np.where(seen.counts[:, None] > 0, (means - center) @ slopes + middle, matrix.mean(axis=0))
        found[name] = _extended(matrix, old, is_new, new)
    return found


def _biases(seen: _Pass, output: Floats, biases: NDArray[np.float32], old: Ids, is_new: NDArray[np.bool_]) -> Floats:
    total = seen.counts.sum()
    expected = np.maximum(seen.probabilities, 1e-12)[old]
    ratio = np.log((seen.counts + _PRIOR * expected) / ((total + _PRIOR) * expected))
    moved = biases.astype(np.float64)[old] + ratio
    # The mean probability of a new word with bias zero, as a share of the former denominator.
    alone = np.zeros(len(old))
    for begin in range(0, len(seen.sample), 1024):
        logits = seen.sample[begin : begin + 1024] @ output[is_new].T
        alone[is_new] += np.exp(logits - seen.log_normalizers[begin : begin + 1024, None]).sum(axis=0)
    alone = np.maximum(alone / max(len(seen.sample), 1), 1e-30)
    calibrated = np.log((seen.counts + 0.5) / (total + 0.5) / alone)
    return np.where(is_new, calibrated, moved)
