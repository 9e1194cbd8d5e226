r"""Text of any size whose entropy is known.

Its words are drawn one by one, independently, and word $r$ with a probability of about $1 / (r^s H)$, as Zipf's law
says of words in use; $H$ makes the sum 1. No model can predict them better than by these probabilities, so the entropy
is the least loss that training can reach. A line has 16 words, a comma after the eighth and a full stop at the end.
Marks and line ends can be predicted with certainty by who counts words, and cost nothing.

    words a line      16     entropy H_w each, in nats
    marks and <eos>    3     entropy 0
    tokens a line     19     entropy H_w * 16 / 19 each
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WORDS_PER_LINE = 16
TOKENS_PER_LINE = 19

_BLOCK_LINES = 2**15
_SYLLABLES = [f"{consonant}{vowel}" for vowel in "aeiouàéö" for consonant in "bcdfghjklmnprstvz"]


@dataclass(frozen=True)
class ZipfText:
    """A text of independent words.

    Attributes:
        vocabulary_size: Number of different words; marks and `<eos>` are not counted.
        exponent: The exponent $s$.
        seed: Seed of the draws. The text of a smaller size is the beginning of that of a larger one.

    Example:
        >>> text = ZipfText(vocabulary_size=50, seed=1)
        >>> block = next(text.blocks(1000))
        >>> block.count(b"\\n"), len(block.split())
        (20, 320)
    """

    vocabulary_size: int = 200_000
    exponent: float = 1.0
    seed: int = 0

    def write(self, path: Path, num_bytes: int) -> None:
        """Write a file of about this many bytes, which appears when it is whole."""
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            for block in self.blocks(num_bytes):
                file.write(block)
        partial.rename(path)

    def blocks(self, num_bytes: int) -> Iterator[bytes]:
        """Yield whole lines with at least this many bytes, some megabytes at a time."""
        random = np.random.default_rng(self.seed)
        written = 0
        while written < num_bytes:
            # A block has the same draws whatever the size, so a text is the beginning of a longer one.
            lines = self._lines(random)
            block = b"".join(lines)
            while lines and len(block) - len(lines[-1]) >= num_bytes - written:
                block = block[: -len(lines.pop())]
            yield block
            written += len(block)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """The probability of each word `(V,)`, the most frequent first; exactly those of the draws."""
        counts = np.bincount(self._table, minlength=self.vocabulary_size)
        return counts / counts.sum()

    @property
    def word_entropy(self) -> float:
        """The entropy of a word in nats."""
        drawn = self.probabilities[self.probabilities > 0]
        return float(-(drawn * np.log(drawn)).sum())

    @property
    def token_entropy(self) -> float:
        """The entropy per token of the word tokenizer in nats, `<eos>` included: the least loss of any model."""
        return self.token_entropy_of(self.vocabulary_size)

    def token_entropy_of(self, known_words: int) -> float:
        """Return the same for a vocabulary of the most frequent words, where all others are one `<unk>`.

        Example:
            >>> text = ZipfText(vocabulary_size=50)
            >>> text.token_entropy_of(10) < text.token_entropy_of(50) == text.token_entropy
            True
        """
        known = self.probabilities[:known_words]
        classes = np.append(known[known > 0], max(0.0, 1 - float(known.sum())))
        drawn = classes[classes > 1e-12]  # rounding leaves a little where nothing is unknown
        return float(-(drawn * np.log(drawn)).sum()) * WORDS_PER_LINE / TOKENS_PER_LINE

    @cached_property
    def _words(self) -> list[bytes]:
        return [_spelled(rank).encode("utf-8") for rank in range(self.vocabulary_size)]

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        """Words at 2**24 indices `(2**24,)`; a uniform draw of an index is a draw of a word."""
        weights = np.arange(1, self.vocabulary_size + 1, dtype=np.float64) ** -self.exponent
        edges = np.round(np.cumsum(weights) / weights.sum() * 2**24).astype(np.int64)
        return np.repeat(np.arange(self.vocabulary_size, dtype=np.int32), np.diff(edges, prepend=0))

    def _lines(self, random: np.random.Generator) -> list[bytes]:
        draws = random.integers(2**24, size=_BLOCK_LINES * WORDS_PER_LINE, dtype=np.uint32)
        words = list(map(self._words.__getitem__, self._table[draws].tolist()))
        half = WORDS_PER_LINE // 2
        return [
            b" ".join(words[start : start + half]) + b", " + b" ".join(words[start + half : start + 2 * half]) + b".\n"
            for start in range(0, len(words), WORDS_PER_LINE)
        ]


def _spelled(rank: int) -> str:
    """Return a word: the frequent ones are short."""
    spelled, base = "", len(_SYLLABLES)
    rank += 1
    while rank:
        rank, digit = divmod(rank - 1, base)
        spelled = _SYLLABLES[digit] + spelled
    return spelled
