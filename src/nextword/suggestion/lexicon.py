"""The words of a vocabulary as a person sees them, arranged so that a key costs no walk through them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nextword.suggestion.letter_case import is_lower_cased
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary


class PrefixIndex:
    """Sorted strings, found by a prefix in the logarithm of their number.

    Args:
        strings: The strings, in any order; one may be there several times.

    Example:
        >>> index = PrefixIndex(["the", "to", "then", "a"])
        >>> index.strings[index.range_of("the")]
        ('the', 'then')
    """

    def __init__(self, strings: Iterable[str]) -> None:
        self.strings: Sequence[str] = tuple(sorted(strings))

    def range_of(self, prefix: str) -> slice:
        """Return the places of the strings that begin with `prefix`."""
        first = bisect_left(self.strings, prefix)
        end = bisect_right(self.strings, prefix, lo=first, key=lambda string: string[: len(prefix)])
        return slice(first, end)

    def places_of(self, string: str) -> slice:
        """Return the places of a string itself."""
        first = bisect_left(self.strings, string)
        return slice(first, bisect_right(self.strings, string, lo=first))


class Lexicon:
    """The words `G` of a vocabulary: tokens that differ in the spaces beside them alone are one word.

    Words that differ in case alone share a *spelling*, one of `F`. Neither `<unk>` nor `<eos>` is a word.

    Args:
        vocabulary: The tokens.

    Attributes:
        words: The words, without the spaces beside them, in the order of their first token.
        first_tokens: The first token of each word `(G,)`.
        word_of: The word of each token `(V,)`, and `G` for a token that is none.
        spellings: The words with case folded away, `F` of them.
        spelling_of: The spelling of each word `(G,)`.
        printable: Which words can be shown as they are `(G,)`.
        is_lower_cased: Whether the vocabulary has no capitals.
        unknown_id: The token that stands for all that is no word of the vocabulary.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        places: dict[str, int] = {}
        self.word_of = np.zeros(len(vocabulary), np.intp)
        for token_id, token in enumerate(vocabulary.tokens):
            if token_id not in (vocabulary.unknown_id, vocabulary.end_id):
                self.word_of[token_id] = places.setdefault(_bare(token), len(places))
        self.words = tuple(places)
        self.unknown_id = vocabulary.unknown_id
        self.word_of[[vocabulary.unknown_id, vocabulary.end_id]] = len(places)
        self.first_tokens = np.unique(self.word_of, return_index=True)[1][:-1]
        self.printable = np.array([bool(word.strip()) and word.isprintable() for word in self.words], np.bool_)
        self.is_lower_cased = is_lower_cased(self.words)
        self._arrange()

    def _arrange(self) -> None:
        folded = [word.casefold() for word in self.words]
        self.spellings = PrefixIndex(set(folded))
        places = {spelling: place for place, spelling in enumerate(self.spellings.strings)}
        self.spelling_of = np.array([places[spelling] for spelling in folded], np.intp)
        self._by_spelling = np.argsort(self.spelling_of, kind="stable")
        self._ends = np.cumsum(np.bincount(self.spelling_of, minlength=len(places)))
        self._sorted = PrefixIndex(self.words)
        place_of = {word: place for place, word in enumerate(self.words)}
        self._by_word = np.array([place_of[word] for word in self._sorted.strings], np.intp)

    def beginning_with(self, prefix: str) -> NDArray[np.intp]:
        """Return the words that begin with `prefix` exactly, case and all."""
        return self._by_word[self._sorted.range_of(prefix)]

    def spelled(self, spelling: int) -> list[int]:
        """Return the words with this spelling, in order."""
        first = self._ends[spelling - 1] if spelling else 0
        return [int(word) for word in self._by_spelling[first : self._ends[spelling]]]

    def word_probabilities(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each word `(G,)`, given those of tokens `(V,)`."""
        return np.bincount(self.word_of, probabilities, minlength=len(self.words) + 1)[:-1]


@lru_cache(maxsize=4)
def lexicon_of(vocabulary: Vocabulary) -> Lexicon:
    """Return the lexicon of a vocabulary, the same one each time as long as few are in use."""
    return Lexicon(vocabulary)


def variants_of(word: str, tokenizer: Tokenizer) -> list[int]:
    """Return the tokens that are a word with a space on either side, or none."""
    vocabulary = tokenizer.vocabulary
    spellings = (word, f" {word}", f"{word} ", f" {word} ")
    return [vocabulary.id_of(spelling) for spelling in spellings if spelling in vocabulary]


def _bare(token: str) -> str:
    """Return a token without a space on either side; one with more spaces than that is left as it is."""
    bare = token.strip(" ")
    return bare if token in (bare, f" {bare}", f"{bare} ", f" {bare} ") else token


def top_k(values: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    """Return the places of the `k` largest values above zero, the largest first, of equals the earlier one.

    Example:
        >>> top_k(np.array([0.1, 0.3, 0.0, 0.3]), 3).tolist()
        [1, 3, 0]
    """
    if k < len(values):
        least = np.partition(values, len(values) - k)[len(values) - k]
        candidates = np.flatnonzero((values >= least) & (values > 0))
    else:
        candidates = np.flatnonzero(values > 0)
    return candidates[np.argsort(-values[candidates], kind="stable")[:k]]
