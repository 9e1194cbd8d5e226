"""The words of a scored line, each with its surprisal, and the lines whose words surprise a model most."""

import heapq
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from nextword.errors import printable
from nextword.inference.scoring.line_score import LineScore
from nextword.text.tokens.encoded_lines import surface
from nextword.text.tokens.pre_tokens import tidy
from nextword.text.tokens.tokenizer import Tokenizer

_WORD = re.compile(r"\S+")
_ZIPF_SHIFT = 2.7
_NUM_MARKED = 3


@dataclass(frozen=True)
class ScoredWord:
    """A word of a line: what is between two spaces, with the punctuation at its ends.

    Attributes:
        word: The word.
        bits: Its surprisal in bits, the sum over its tokens. The bits of all words and of the line's end sum to the
            surprisal of the line.
        log10_frequency: Estimated logarithm to base 10 of its share of all tokens, `None` for an unknown word.
        is_known: Whether all its tokens are in the vocabulary.
    """

    word: str
    bits: float
    log10_frequency: float | None
    is_known: bool


class WordScorer:
    r"""Gives the words of scored lines.

    A vocabulary is sorted by frequency, but has no counts. So the frequency of a token is estimated from its rank $r$
    by Zipf's law, $p \propto 1 / (r + 2.7)$. The frequency of a word is the one of its rarest token.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        shares = 1 / (np.arange(tokenizer.vocabulary_size) + _ZIPF_SHIFT)
        self._log10_shares = np.log10(shares / shares.sum())

    def words(self, score: LineScore) -> list[ScoredWord]:
        """Return the words of a line, with the tokens that belong to each."""
        text = tidy(score.text, self._tokenizer.kind)
        words = list(_WORD.finditer(text))
        if not words:
            return []
        ends, last = [word.end() for word in words], len(words) - 1
        word_of = np.array(
            [min(bisect_right(ends, place), last) for place in _places(surface(self._tokenizer, score.text), text)]
        )
        own = slice(len(word_of))  # without `<eos>`
        bits = np.bincount(word_of, score.bits[own], len(words))
        unknown = np.bincount(word_of, score.out_of_vocabulary[own], len(words)) > 0
        shares = np.full(len(words), np.inf)
        np.minimum.at(shares, word_of, self._log10_shares[score.ids[own]])
        return [
            ScoredWord(printable(word[0]), float(bits[index]), None if missing else float(shares[index]), not missing)
            for index, (word, missing) in enumerate(zip(words, unknown.tolist(), strict=True))
        ]

    def marked(self, score: LineScore) -> str:
        """Return a line with its three most surprising words in brackets, each with its bits; `*` if it is unknown."""
        words = self.words(score)
        marked = set(heapq.nlargest(_NUM_MARKED, range(len(words)), key=lambda index: words[index].bits))
        return " ".join(
            f"[{word.word}{'' if word.is_known else '*'} {word.bits:.1f}]" if index in marked else word.word
            for index, word in enumerate(words)
        )


def worst_lines(scores: Iterable[LineScore], count: int) -> list[LineScore]:
    """Return the lines with the highest perplexity, the highest first; blank lines are left out."""
    filled = (score for score in scores if score.num_tokens and score.text.strip())
    return heapq.nlargest(count, filled, key=lambda score: -score.log_prob / score.num_tokens)


def _places(pieces: Iterable[str], text: str) -> Iterator[int]:
    """Yield the place of the last visible character of each piece. Spaces between words are in no piece, or in one."""
    place = 0
    for piece in pieces:
        start = text.find(piece, place)
        if start < 0:  # tokens of some bytes of a character repeat the character
            start = place - len(piece)
        place = start + len(piece)
        yield start + max(0, len(piece.rstrip()) - 1)
