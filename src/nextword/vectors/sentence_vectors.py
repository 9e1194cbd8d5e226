"""Lines as vectors: what the last layer made of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nextword.batching.sentences import SentenceBatches
from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine
from nextword.engine.reading import sentence_batches
from nextword.errors import SettingError
from nextword.text.encoded_lines import encoded_windows
from nextword.text.tokenizer import Tokenizer

Pooling = Literal["mean", "last"]
"""How the hidden states of a line become one vector."""

Vectors = NDArray[np.float32]


def sentence_vectors(
    engine: Engine, tokenizer: Tokenizer, lines: Iterable[str], *, pooling: Pooling = "mean", read_ahead: int = 4096
) -> Iterator[Vectors]:
    r"""Yield the vectors of all lines in their order, `(N, H)` for each `N` lines that are read ahead.

    A line is read from `<eos>` on, as a text of its own. With $h_i$ the hidden state of the last layer after its token
    $w_i$, the vector is the mean $\frac{1}{n} \sum_{i=1}^{n} h_i$ or the last, $h_n$. Its end is not read. A line
    without tokens has the vector $h_0$, that after the `<eos>` before it.

    Args:
        engine: The model at work; one that has hidden states.
        tokenizer: The model's.
        lines: The lines, read once.
        pooling: "mean" or "last".
        read_ahead: Most lines that are read before their vectors are given.

    Raises:
        SettingError: `read_ahead` is below 1; or, while iterating, the engine has no hidden states.
        TextError: (while iterating) A line is refused.
    """
    if read_ahead < 1:
        raise SettingError(f"`read_ahead` must be at least 1, but is {read_ahead}")
    windows = encoded_windows(tokenizer, lines, most_lines=read_ahead)
    return (_vectors(engine, [line.ids for line in window], pooling) for window in windows)


def _vectors(engine: Engine, sentences: Sequence[TokenIds], pooling: Pooling) -> Vectors:
    """Return the vector of each sentence, which ends with `<eos>`, `(N, H)`."""
    batches = sentence_batches(engine)
    order: list[int] = []
    found: list[Vectors] = []
    for batch in batches.batches([len(sentence) for sentence in sentences]):
        order += batch.tolist()
        found.append(_pooled(engine, [sentences[index] for index in batch.tolist()], batches, pooling))
    vectors = np.concatenate(found)
    return vectors[np.argsort(order)]


def _pooled(engine: Engine, sentences: Sequence[TokenIds], batches: SentenceBatches, pooling: Pooling) -> Vectors:
    # Inputs are <eos> and the tokens: as many as the sentence has with its end, which is not read.
    padded = batches.padded(sentences, engine.end_id)
    last = padded.lengths - 1
    first = np.minimum(1, last) if pooling == "mean" else last  # what is read before does not count
    state = engine.start(len(padded.inputs))
    total: NDArray[np.float64] | float = 0.0
    for piece in batches.pieces(*padded.inputs.shape):
        prediction, state = engine.predict_window(padded.inputs[:, piece], state)
        if prediction.hidden is None:
            raise SettingError("a vector needs an engine with hidden states, but this one gives none; use the model's")
        steps = np.arange(piece.start, piece.stop)
        counts = (steps >= first[:, None]) & (steps <= last[:, None])
        total = total + np.einsum("bth,bt->bh", prediction.hidden, counts, dtype=np.float64)
    vectors = total / (last - first + 1)[:, None]
    return np.asarray(vectors[: len(sentences)], np.float32)
