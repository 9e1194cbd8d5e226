"""The tokens of one word of a sentence, before the next word is known.

Words are separated by white space. Their tokens depend on the tokenizer:

- pretokenized: the word is one token.
- character: the space before the word, and its characters.
- subword: a few tokens; the first includes the space before the word.
- word (running text): one or more tokens, and the last depends on the text after the word. The comma of `said,` is
  `", "` before another word and `","` at the end of the sentence.

The tokens of all words, one after another, are the tokens of the sentence.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from nextword.text.tokens.pieces import pre_tokenizer, tidy
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import UNKNOWN

Before = Literal["nothing", "word", "mark"]
"""What is before a word: nothing, a letter or digit, or a punctuation token that includes the space after it."""

_PLACEHOLDERS: dict[Before, str] = {"nothing": "", "word": "x ", "mark": ", "}
_AFTER = " x"

_TOKEN = re.compile(r"[^\t\n\x0b\x0c\r ]+")


@dataclass(frozen=True)
class WordTokens:
    """The tokens of a word.

    Attributes:
        leading: All tokens but the last.
        continuing: The last token if another word follows.
        ending: The last token if the sentence ends; usually the same.
        is_known: Whether all tokens are in the vocabulary.
        before_next: What is before the next word.
        branches: Whether the two last tokens are written differently.
        spelling_log_probs: Natural log-probabilities of the spellings of unknown tokens, given that they are unknown:
            of all leading ones, of `continuing` and of `ending`.
    """

    leading: tuple[int, ...]
    continuing: int
    ending: int
    is_known: bool
    before_next: Before
    branches: bool = False
    spelling_log_probs: tuple[float, float, float] = (0.0, 0.0, 0.0)


class WordTokenizer:
    """Tokenizes words one by one, with a cache.

    Args:
        tokenizer: The tokenizer of the model.
        spell: Whether unknown tokens are charged for their spelling.

    Example:
        >>> from nextword.text.tokens.vocabulary import Vocabulary
        >>> tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "said", ", ", ",")))
        >>> tokens = WordTokenizer(tokenizer).tokens("said,", "word")
        >>> tokens.leading, tokens.continuing, tokens.ending, tokens.is_known, tokens.before_next
        ((2,), 3, 4, True, 'mark')
    """

    def __init__(self, tokenizer: Tokenizer, *, spell: bool = True) -> None:
        self._spell = spell
        self.end_id = tokenizer.vocabulary.end_id
        self.unknown_id = tokenizer.vocabulary.unknown_id
        self._tokenizer = tokenizer
        self._cached = lru_cache(maxsize=2**16)(self._tokens)

    def tokens(self, word: str, before: Before) -> WordTokens:
        """Return the tokens of a word after `before`."""
        return self._cached(word, before)

    def _tokens(self, word: str, before: Before) -> WordTokens:
        if self._tokenizer.kind == "subword":
            return self._subwords(word, before)
        vocabulary = self._tokenizer.vocabulary
        *leading, continuing, ending = self._pieces(word, before)
        has_last = continuing in vocabulary or ending in vocabulary
        return WordTokens(
            leading=tuple(map(vocabulary.id_of, leading)),
            continuing=vocabulary.id_of(continuing),
            ending=vocabulary.id_of(ending),
            is_known=word != UNKNOWN and has_last and all(piece in vocabulary for piece in leading),
            before_next="word" if continuing == ending else "mark",
            branches=continuing != ending,
            spelling_log_probs=self._spelled(leading, continuing, ending),
        )

    def _spelled(self, leading: list[str], continuing: str, ending: str) -> tuple[float, float, float]:
        if not self._spell:
            return (0.0, 0.0, 0.0)
        pieces = [*leading, continuing, ending]
        tokens = zip(pieces, self._tokenizer.vocabulary.ids_of(pieces), strict=True)
        *before, last, at_end = self._tokenizer.spelling_log_probs(tokens)
        return sum(before), last, at_end

    def _pieces(self, word: str, before: Before) -> list[str]:
        """Return the pieces of a word: all but the last, the last before another word, and the last at the end."""
        match self._tokenizer.kind:
            case "pretokenized":
                return [word, word]
            case "character":
                characters = [*("" if before == "nothing" else " "), *word] or [word]
                return [*characters, characters[-1]]
            case _:
                return _word_pieces(tidy(word, "word"), _PLACEHOLDERS[before])

    def _subwords(self, word: str, before: Before) -> WordTokens:
        placeholder = _PLACEHOLDERS[before] if word else ""
        tokens = self._tokenizer.cut(f"{placeholder}{word}")[1 if placeholder else 0 :]
        *leading, last = [token_id for _, token_id in tokens] or [self.unknown_id]
        *of_leading, of_last = self._tokenizer.spelling_log_probs(tokens if self._spell else []) or [0.0]
        costs = (sum(of_leading), of_last, of_last)
        return WordTokens(
            tuple(leading), last, last, self.unknown_id not in (*leading, last), "word", spelling_log_probs=costs
        )


def _word_pieces(word: str, placeholder: str) -> list[str]:
    if not word:
        return [word, word]
    cut = pre_tokenizer("word").pre_tokenize_str
    first = 1 if placeholder else 0
    ending = [piece for piece, _ in cut(placeholder + word)]
    continuing = [piece for piece, _ in cut(placeholder + word + _AFTER)]
    return [*continuing[first:-1], ending[-1]]


def words_of(tokenizer: Tokenizer, sentence: str) -> list[str]:
    """Split a sentence into words at white space, as its tokenizer does."""
    if tokenizer.kind == "pretokenized":
        return _TOKEN.findall(sentence)
    return sentence.split()
