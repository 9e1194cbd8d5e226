"""Words as vectors: the embeddings of a model, and which of them are near one another."""

import io
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle
from nextword.errors import SettingError, TextError
from nextword.storage.single_file import write_file
from nextword.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class NearWord:
    """A word that is near another.

    Attributes:
        word: As shown to a person.
        cosine: Of the angle between their vectors: 1 where they point the same way.
    """

    word: str
    cosine: float


@dataclass(frozen=True, eq=False)
class WordVectors:
    """The embeddings that a model reads words by.

    Args:
        tokenizer: The model's.
        vectors: The vector of each token `(V, E)`, float32.
    """

    tokenizer: Tokenizer
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Return the embeddings of a model."""
        return cls(bundle.tokenizer, bundle.weights["embedding/embeddings"])

    def nearest(self, word: str, k: int = 10) -> list[NearWord]:
        r"""Return the `k` words whose vectors point most nearly the same way, the nearest first.

        The cosine of the vectors $u$ and $v$ is $u^\top v / (|u| \, |v|)$, and 0 where one of them is 0. Neither the
        word itself nor `<unk>` and `<eos>` are given.

        Raises:
            SettingError: `k` is below 1.
            TextError: The vocabulary lacks the word.
        """
        if k < 1:
            raise SettingError(f"`k` must be at least 1, but is {k}")
        own = self._id_of(word)
        cosines = self._cosines(own)
        vocabulary = self.tokenizer.vocabulary
        left_out = {own, vocabulary.unknown_id, vocabulary.end_id}
        order = (token_id for token_id in np.argsort(-cosines, kind="stable").tolist() if token_id not in left_out)
        near = [token_id for token_id, _ in zip(order, range(k), strict=False)]
        return [NearWord(self.tokenizer.display(token_id), float(cosines[token_id])) for token_id in near]

    def save(self, path: Path) -> None:
        """Write `words` `(V,)` and `vectors` `(V, E)`, float32, to a file that `numpy.load` reads.

        Raises:
            StorageError: The disk refused; what was there before is kept.
        """
        packed = io.BytesIO()
        np.savez(packed, words=np.array(self.tokenizer.vocabulary.tokens), vectors=self.vectors)
        write_file(path, packed.getvalue())

    def _cosines(self, token_id: int) -> NDArray[np.float32]:
        lengths = np.linalg.norm(self.vectors, axis=1)
        products: NDArray[np.float32] = self.vectors @ self.vectors[token_id]
        cosines: NDArray[np.float32] = products / np.maximum(lengths * lengths[token_id], np.finfo(np.float32).tiny)
        return cosines

    def _id_of(self, word: str) -> int:
        vocabulary = self.tokenizer.vocabulary
        # A mark of running text carries the spaces beside it.
        for spelling in (word, f"{word} ", f" {word}", f" {word} "):
            if spelling in vocabulary:
                return vocabulary.id_of(spelling)
        near = get_close_matches(word, vocabulary.tokens, n=3)
        repair = f"did you mean {' or '.join(f'`{other}`' for other in near)}?" if near else "try another"
        raise TextError(f"a word must be in the vocabulary, but {word!a} is not; {repair}")
