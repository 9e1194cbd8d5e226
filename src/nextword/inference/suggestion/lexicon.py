"""The words of a vocabulary, indexed for fast prefix searches, and rules for capital letters."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, Vocabulary

_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f")
_QUOTES = frozenset("\"'\u2018\u2019\u201c\u201d\u00ab\u00bb()[]{}")
_MAX_CAPITALIZED = 0.01


def is_lower_cased(words: Iterable[str]) -> bool:
    """Return whether a vocabulary has no capitals: at most 1 % of its words with letters have one."""
    lettered = [word for word in words if word.lower() != word.upper()]
    return sum(word != word.lower() for word in lettered) <= _MAX_CAPITALIZED * len(lettered)


def capitalized(word: str) -> str:
    """Return a word with its first letter capitalized."""
    return word[:1].upper() + word[1:]


def folded(word: str) -> str:
    """Return a word without differences of case, and with straight apostrophes."""
    return word.casefold().replace("\u2019", "'")


def in_case_of(typed: str, word: str) -> str:
    """Return a word in the case of its typed prefix (unchanged, capitalized, in capitals), and with its apostrophes."""
    if "'" in typed:
        word = word.replace("\u2019", "'")
    elif "\u2019" in typed:
        word = word.replace("'", "\u2019")
    if typed.isupper() and sum(letter.isupper() for letter in typed) > 1:
        return word.upper()
    return capitalized(word) if typed[:1].isupper() else word


def begins_sentence(backwards: Iterable[str]) -> bool:
    """Return whether the next word begins a sentence: at the start, after a line end, or after `.`, `!` or `?`.

    Quotes, brackets and spaces in between are ignored.
    """
    for piece in backwards:
        mark = piece.strip(" ")
        if mark == END or (mark and all(character in _ENDS | _QUOTES for character in mark) and _ENDS & set(mark)):
            return True
        if not _QUOTES.issuperset(mark):
            return False
    return True


class PrefixIndex:
    """Sorted strings with a binary search for prefixes."""

    def __init__(self, strings: Iterable[str]) -> None:
        self.strings: Sequence[str] = tuple(sorted(strings))

    def prefix_range(self, prefix: str) -> slice:
        """Return the range of the strings that begin with `prefix`."""
        first = bisect_left(self.strings, prefix)
        end = bisect_right(self.strings, prefix, lo=first, key=lambda string: string[: len(prefix)])
        return slice(first, end)

    def exact_range(self, string: str) -> slice:
        """Return the range of the strings that equal `string`."""
        first = bisect_left(self.strings, string)
        return slice(first, bisect_right(self.strings, string, lo=first))


class Lexicon:
    """The `G` words of a vocabulary; tokens that differ only in spaces are one word.

    Words that differ only in case or in the form of apostrophes share one of `F` *spellings*. `<unk>` and `<eos>` are
    not words.

    Attributes:
        words: The words without spaces, in the order of their first token.
        first_tokens: First token of each word `(G,)`.
        word_of: Word of each token `(V,)`; `G` for a token that is not a word.
        spellings: The `F` folded words.
        spelling_of: Spelling of each word `(G,)`.
        by_spelling: The words in the order of their spellings, then in their own `(G,)`; a *place* is an index of it.
        printable: Whether each word is printable `(G,)`.
        is_lower_cased: Whether the vocabulary has no capitals.
        unknown_id: Id of `<unk>`.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        index_of: dict[str, int] = {}
        self.word_of = np.zeros(len(vocabulary), np.intp)
        for token_id, token in enumerate(vocabulary.tokens):
            if token_id not in (vocabulary.unknown_id, vocabulary.end_id):
                self.word_of[token_id] = index_of.setdefault(_bare(token), len(index_of))
        self.words = tuple(index_of)
        self.unknown_id = vocabulary.unknown_id
        self.word_of[[vocabulary.unknown_id, vocabulary.end_id]] = len(index_of)
        self.first_tokens = np.unique(self.word_of, return_index=True)[1][:-1]
        self.printable = np.array([bool(word.strip()) and word.isprintable() for word in self.words], np.bool_)
        self.is_lower_cased = is_lower_cased(self.words)
        self._build_indexes()

    def _build_indexes(self) -> None:
        folds = [folded(word) for word in self.words]
        self.spellings = PrefixIndex(set(folds))
        index_of = {spelling: index for index, spelling in enumerate(self.spellings.strings)}
        self.spelling_of = np.array([index_of[spelling] for spelling in folds], np.intp)
        self.by_spelling = np.argsort(self.spelling_of, kind="stable")
        self._begins = np.append(0, np.cumsum(np.bincount(self.spelling_of, minlength=len(index_of))))
        self._sorted = PrefixIndex(self.words)
        place_of = {self.words[word]: place for place, word in enumerate(self.by_spelling.tolist())}
        self._places_of_sorted = np.array([place_of[word] for word in self._sorted.strings], np.intp)

    def beginning_with(self, prefix: str) -> NDArray[np.intp]:
        """Return the places of the words that begin with `prefix`, in the same case."""
        return self._places_of_sorted[self._sorted.prefix_range(prefix)]

    def places_of(self, spellings: slice) -> slice:
        """Return the places of the words with these spellings."""
        return slice(int(self._begins[spellings.start]), int(self._begins[spellings.stop]))

    def words_of(self, spellings: Iterable[str]) -> NDArray[np.intp]:
        """Return the words with one of these spellings, which are folded."""
        places = [self.places_of(self.spellings.exact_range(spelling)) for spelling in spellings]
        return np.concatenate([self.by_spelling[:0], *(self.by_spelling[of_one] for of_one in places)])

    def word_probabilities(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each word `(G,)` from those of the tokens `(V,)`."""
        return np.bincount(self.word_of, probabilities, minlength=len(self.words) + 1)[:-1]


@lru_cache(maxsize=4)
def lexicon_of(vocabulary: Vocabulary) -> Lexicon:
    """Return the lexicon of a vocabulary; the last four are cached."""
    return Lexicon(vocabulary)


def variants_of(word: str, tokenizer: Tokenizer) -> list[int]:
    """Return the tokens of a word, with and without a space before and after it."""
    vocabulary = tokenizer.vocabulary
    spellings = (word, f" {word}", f"{word} ", f" {word} ")
    return [vocabulary.id_of(spelling) for spelling in spellings if spelling in vocabulary]


def _bare(token: str) -> str:
    """Return a token without one space at each end; a token with more spaces is unchanged."""
    bare = token.strip(" ")
    return bare if token in (bare, f" {bare}", f"{bare} ", f" {bare} ") else token
