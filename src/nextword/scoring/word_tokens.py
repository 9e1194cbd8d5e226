"""The tokens of one word of a sentence, given what stands before it and before it is known what follows.

Words are what stands between white space. For a model of pretokenized text a word is a token. For one of characters it
is its characters, after the space before it, and for one of subwords a few tokens, the first of which has that space.
For one of whole words of running text it may be several tokens, and the last depends on what follows: the comma of
`said,` is `", "` before another word and `","` at the sentence's end.

The tokens of all words of a sentence, one after another, are those of the whole sentence.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from nextword.text.pieces import pre_tokenizer, tidy
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import UNKNOWN

Before = Literal["nothing", "word", "mark"]
"""What a word follows: the beginning of a sentence, a letter or digit, or a mark that has taken the space after it."""

_STAND_INS: dict[Before, str] = {"nothing": "", "word": "x ", "mark": ", "}
_AFTER = " x"

_TOKEN = re.compile(r"[^\t\n\x0b\x0c\r ]+")


@dataclass(frozen=True)
class WordTokens:
    """A word's tokens.

    Attributes:
        leading: All but the last.
        going_on: The last, if another word follows.
        ending: The last, if the sentence ends; in general the same.
        is_known: Whether the vocabulary holds all of them.
        leaves: What the next word follows.
    """

    leading: tuple[int, ...]
    going_on: int
    ending: int
    is_known: bool
    leaves: Before


class WordTokenizer:
    """Makes tokens of words one by one; it remembers those that it met last.

    Args:
        tokenizer: The model's.

    Example:
        >>> from nextword.text.vocabulary import Vocabulary
        >>> tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "said", ", ", ",")))
        >>> WordTokenizer(tokenizer).tokens("said,", "word")
        WordTokens(leading=(2,), going_on=3, ending=4, is_known=True, leaves='mark')
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.end_id = tokenizer.vocabulary.end_id
        self.unknown_id = tokenizer.vocabulary.unknown_id
        self._tokenizer = tokenizer
        self._cached = lru_cache(maxsize=2**16)(self._tokens)

    def tokens(self, word: str, before: Before) -> WordTokens:
        """Return the tokens of a word that follows `before`."""
        return self._cached(word, before)

    def _tokens(self, word: str, before: Before) -> WordTokens:
        if self._tokenizer.kind == "subword":
            return self._subwords(word, before)
        vocabulary = self._tokenizer.vocabulary
        *leading, going_on, ending = self._pieces(word, before)
        has_last = going_on in vocabulary or ending in vocabulary
        return WordTokens(
            leading=tuple(map(vocabulary.id_of, leading)),
            going_on=vocabulary.id_of(going_on),
            ending=vocabulary.id_of(ending),
            is_known=word != UNKNOWN and has_last and all(piece in vocabulary for piece in leading),
            leaves="word" if going_on == ending else "mark",
        )

    def _pieces(self, word: str, before: Before) -> list[str]:
        """Return the pieces of a word: all but the last, the last if another follows, and the last if none does."""
        match self._tokenizer.kind:
            case "pretokenized":
                return [word, word]
            case "character":
                characters = [*("" if before == "nothing" else " "), *word] or [word]
                return [*characters, characters[-1]]
            case _:
                return _word_pieces(tidy(word, "word"), _STAND_INS[before])

    def _subwords(self, word: str, before: Before) -> WordTokens:
        stand_in = _STAND_INS[before] if word else ""
        ids = [token_id for _, token_id in self._tokenizer.cut(f"{stand_in}{word}")[1 if stand_in else 0 :]]
        *leading, last = ids or [self.unknown_id]
        return WordTokens(tuple(leading), last, last, self.unknown_id not in (*leading, last), "word")


def _word_pieces(word: str, stand_in: str) -> list[str]:
    if not word:
        return [word, word]
    cut = pre_tokenizer("word").pre_tokenize_str
    first = 1 if stand_in else 0
    ending = [piece for piece, _ in cut(stand_in + word)]
    going_on = [piece for piece, _ in cut(stand_in + word + _AFTER)]
    return [*going_on[first:-1], ending[-1]]


def words_of(tokenizer: Tokenizer, sentence: str) -> list[str]:
    """Return the words of a sentence: what stands between line ends and the spaces that its tokenizer does not keep."""
    if tokenizer.kind == "pretokenized":
        return _TOKEN.findall(sentence)
    return sentence.split()
