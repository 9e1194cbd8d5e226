"""Vectors of lines (hidden states) and of words (embeddings)."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle
from nextword.engine.engine import Engine
from nextword.engine.stream import sentence_batches
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError, TextError
from nextword.settings import require_at_least, require_one_of
from nextword.system.files import replacing, write_file
from nextword.text.batching.sentences import SentenceBatches
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.encoded_lines import encoded_windows
from nextword.text.tokens.tokenizer import Tokenizer

Pooling = Literal["mean", "last"]
"""How the hidden states of a line are reduced to one vector."""

Vectors = NDArray[np.float32]

_READ_AHEAD = 4096


def sentence_vectors(model: TextModel, lines: Iterable[str], *, pooling: Pooling = "mean") -> Iterator[Vectors]:
    r"""Yield the vectors of all lines in order, as arrays `(N, H)` of at most 4096 lines.

    Each line is read independently, after `<eos>`, without the end of the line. With $h_i$ the hidden state of the last
    layer after token $w_i$, the vector is the mean $\frac{1}{n} \sum_{i=1}^{n} h_i$ or the last state $h_n$. The vector
    of a line without tokens is $h_0$, the state after `<eos>`.
    """
    require_one_of("pooling", pooling, get_args(Pooling))
    windows = encoded_windows(model.tokenizer, lines, max_lines=_READ_AHEAD)
    return (_vectors(model.engine, [line.ids for line in window], pooling) for window in windows)


def _vectors(engine: Engine, sentences: Sequence[TokenIds], pooling: Pooling) -> Vectors:
    """Return the vectors of sentences that end with `<eos>` `(N, H)`."""
    batches = sentence_batches(engine)
    order: list[int] = []
    found: list[Vectors] = []
    for batch in batches.batches([len(sentence) for sentence in sentences]):
        order += batch.tolist()
        found.append(_pooled(engine, [sentences[index] for index in batch.tolist()], batches, pooling))
    vectors = np.concatenate(found)
    return vectors[np.argsort(order)]


def _pooled(engine: Engine, sentences: Sequence[TokenIds], batches: SentenceBatches, pooling: Pooling) -> Vectors:
    # The inputs are <eos> and the tokens of the sentence without its end, so their number is the sentence's length.
    padded = batches.padded(sentences, engine.end_id)
    last = padded.lengths - 1
    first = np.minimum(1, last) if pooling == "mean" else last  # first step in the mean
    state = engine.start(len(padded.inputs))
    total: NDArray[np.float64] | float = 0.0
    for piece in batches.pieces(*padded.inputs.shape):
        prediction, state = engine.predict_window(padded.inputs[:, piece], state)
        if prediction.hidden is None:
            raise SettingError(
                "a vector needs an engine with hidden states, but this one has none; use the engine of the model itself"
            )
        steps = np.arange(piece.start, piece.stop)
        counts = (steps >= first[:, None]) & (steps <= last[:, None])
        total = total + np.einsum("bth,bt->bh", prediction.hidden, counts, dtype=np.float64)
    vectors = total / (last - first + 1)[:, None]
    return np.asarray(vectors[: len(sentences)], np.float32)


@dataclass(frozen=True)
class NearWord:
    """A near neighbor of a word.

    Attributes:
        word: The word, ready for display.
        cosine: Cosine similarity of the two vectors, at most 1.

    Example:
        >>> import nextword
        >>> near = nextword.load("austen").nearest_words("letter", k=1)[0]
        >>> near.word, near.cosine > 0.5
        ('note', True)
    """

    word: str
    cosine: float


@dataclass(frozen=True, eq=False)
class WordVectors:
    """The input embeddings of a model."""

    tokenizer: Tokenizer
    vectors: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"WordVectors({self.tokenizer.summary}, {self.vectors.shape[1]} wide)"

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Return the embeddings of a model."""
        return cls(bundle.tokenizer, bundle.embeddings())

    def nearest(self, word: str, k: int = 10) -> list[NearWord]:
        r"""Return the `k` words with the highest cosine similarity, the nearest first.

        The cosine similarity of $u$ and $v$ is $u^\top v / (|u| \, |v|)$, or 0 if one of them is 0. The word itself,
        `<unk>` and `<eos>` are excluded.
        """
        require_at_least("k", k, 1)
        own = self._id_of(word)
        lengths = np.linalg.norm(self.vectors, axis=1)
        cosines = self.vectors @ self.vectors[own] / np.maximum(lengths * lengths[own], np.finfo(np.float32).tiny)
        vocabulary = self.tokenizer.vocabulary
        left_out = {own, vocabulary.unknown_id, vocabulary.end_id}
        order = (token_id for token_id in np.argsort(-cosines, kind="stable").tolist() if token_id not in left_out)
        return [NearWord(self.tokenizer.display(near), float(cosines[near])) for near in islice(order, k)]

    def save(self, path: Path) -> None:
        """Write `words` `(V,)` and `vectors` `(V, E)`, float32, to a file that `numpy.load` reads.

        Raises:
            StorageError: The file cannot be written; an existing file is kept.
        """
        packed = io.BytesIO()
        np.savez(packed, words=np.array(self.tokenizer.vocabulary.tokens), vectors=self.vectors)
        write_file(path, packed.getvalue())

    def _id_of(self, word: str) -> int:
        vocabulary = self.tokenizer.vocabulary
        # In running text, a punctuation token includes the spaces around it.
        for spelling in (word, f"{word} ", f" {word}", f" {word} "):
            if spelling in vocabulary:
                return vocabulary.id_of(spelling)
        near = get_close_matches(word, vocabulary.tokens, n=3)
        repair = f"did you mean {' or '.join(f'`{other}`' for other in near)}?" if near else "try another"
        raise TextError(f"a word must be in the vocabulary, but {word!a} is not; {repair}")


def write_vectors(path: Path, parts: Iterable[NDArray[np.float32]]) -> tuple[int, int]:
    """Write arrays `(N_i, H)` as one array `(N, H)`, float32, that `numpy.load` reads.

    The file appears under its name only when it is complete.

    Returns:
        `N` and `H`.

    Raises:
        TextError: There are no vectors.
        StorageError: The file cannot be written; an existing file is kept.
    """
    num_vectors = width = 0
    with replacing(path) as temporary, temporary.open("xb") as file:
        for part in parts:
            if not file.tell():
                width = part.shape[1]
                file.write(_header((0, width)))
            file.write(np.ascontiguousarray(part, "<f4").data)
            num_vectors += len(part)
        if not num_vectors:
            raise TextError("the input must have at least one line, but has none; give some lines")
        file.seek(0)
        file.write(_header((num_vectors, width)))
    return num_vectors, width


def _header(shape: tuple[int, int]) -> bytes:
    """Return the header of the file; NumPy pads it, so its length does not depend on the number of rows."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return header.getvalue()
