r"""Scores a text word by word, for decoders that ask for the probability of each next word.

Words are separated by white space. The probability of a word is the product over its tokens. If its last token depends
on the text after it (see `nextword.text.tokens.pre_tokens`), the probability is the sum over both possible
tokens, and the next word decides between them. With token $a$ if another word follows, and token $b$ otherwise:

$$p(\text{said,}) = p(\text{said}) \, (p(a) + p(b)), \qquad
p(\text{end} \mid \text{said,}) = \frac{p(b)}{p(a) + p(b)} \, p(\text{end} \mid b).$$

So the product over all words and the end is exactly the probability of the sentence.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.text.tokens.pre_tokens import pre_tokens, tidy
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, UNKNOWN

Before = Literal["nothing", "word", "mark"]
"""What is before a word: nothing, a letter or digit, or a punctuation token that includes the space after it."""

_PLACEHOLDERS: dict[Before, str] = {"nothing": "", "word": "x ", "mark": ", "}
_AFTER = " x"

_TOKEN = re.compile(r"[^\t\n\x0b\x0c\r ]+")


@dataclass(frozen=True)
class WordTokens:
    """The tokens of a word."""

    leading: tuple[int, ...]  # all tokens but the last
    continuing: int  # the last token if another word follows
    ending: int  # the last token if the sentence ends; usually the same
    is_known: bool  # whether all tokens are in the vocabulary
    before_next: Before  # what is before the next word
    branches: bool = False  # whether the two last tokens are written differently
    # Natural log-probabilities of the spellings of unknown tokens, given that they are unknown: of all leading ones, of
    # `continuing` and of `ending`.
    spelling_log_probs: tuple[float, float, float] = (0.0, 0.0, 0.0)


class WordTokenizer:
    """Tokenizes words one by one, with a cache."""

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
    first = 1 if placeholder else 0
    ending = pre_tokens(placeholder + word, "word")
    continuing = pre_tokens(placeholder + word + _AFTER, "word")
    return [*continuing[first:-1], ending[-1]]


def words_of(tokenizer: Tokenizer, sentence: str) -> list[str]:
    """Split a sentence into words at white space, as its tokenizer does."""
    if tokenizer.kind == "pretokenized":
        return _TOKEN.findall(sentence)
    return sentence.split()


END_WORDS = ("</s>", END)
"""Words that mean the end of a sentence."""


class WordScore(NamedTuple):
    """The score of a word."""

    log_prob: float
    is_known: bool  # whether all its tokens are in the vocabulary
    after: WordContext  # the context after the word


class WordContext:
    """The words before the next word. A context is immutable, and the engine reads it only when needed.

    It equals any other with the same words.
    """

    def __init__(
        self, tokenizer: WordTokenizer, branches: tuple[_Branch, _Branch], before: Before, num_words: int, key: bytes
    ) -> None:
        self.num_words = num_words  # number of words, including the beginning of the sentence
        self.key = key  # hash of the words; equal exactly for equal words
        self._tokenizer = tokenizer
        self._continuing, self._ending = branches
        self._before = before

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WordContext) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @classmethod
    def start(cls, engine: Engine, tokenizer: WordTokenizer, *, bos: bool) -> WordContext:
        """Return the context at the beginning of a sentence, or without `bos`, of an unknown context.

        For an unknown context, `<unk>` is read as the previous word.
        """
        first_input = tokenizer.end_id if bos else tokenizer.unknown_id
        branch = _Branch(_Cursor(engine, engine.start(1), first_input), 0.0)
        return cls(tokenizer, (branch, branch), "nothing", int(bos), _key(b"", "<s>") if bos else b"")

    def score(self, word: str) -> WordScore:
        """Score `word` as the next word; `</s>` is the end of the sentence."""
        if word in END_WORDS:
            return self.score_end()
        tokens = self._tokenizer.tokens(word, self._before)
        of_leading, *of_last = tokens.spelling_log_probs
        cursor, log_prob = self._continuing
        log_prob += of_leading
        for token_id in tokens.leading:
            log_prob += cursor.log_prob(token_id)
            cursor = cursor.after(token_id)
        of_both, branches = _split(cursor, tokens, *of_last)
        key = _key(self.key, f"{word} ")
        after = WordContext(self._tokenizer, branches, tokens.before_next, self.num_words + 1, key)
        return WordScore(log_prob + of_both, tokens.is_known, after)

    def score_end(self) -> WordScore:
        """Score the end of the sentence, and return the context of the next sentence."""
        cursor, log_prob = self._ending
        end_id = self._tokenizer.end_id
        branch = _Branch(cursor.after(end_id), 0.0)
        after = WordContext(self._tokenizer, (branch, branch), "nothing", self.num_words + 1, _key(self.key, "</s>"))
        return WordScore(log_prob + cursor.log_prob(end_id), True, after)


class _Cursor:
    """A position in a text: its last token, and the state before it. The token is read when first needed."""

    def __init__(self, engine: Engine, state: State, last_id: int) -> None:
        self._engine = engine
        self._state = state
        self._last_id = last_id
        self._log_probs: NDArray[np.float32] | None = None

    def log_prob(self, token_id: int) -> float:
        return float(self._read()[token_id])

    def after(self, token_id: int) -> _Cursor:
        self._read()
        return _Cursor(self._engine, self._state, token_id)

    def _read(self) -> NDArray[np.float32]:
        if self._log_probs is None:
            log_probs, self._state = self._engine.step(np.array([self._last_id], np.int32), self._state)
            self._log_probs = log_probs[0]
        return self._log_probs


class _Branch(NamedTuple):
    """One possible continuation, and its log-probability given the words so far."""

    cursor: _Cursor
    log_prob: float


def _split(
    cursor: _Cursor, tokens: WordTokens, continuing_spelling: float, ending_spelling: float
) -> tuple[float, tuple[_Branch, _Branch]]:
    """Return the total log-probability of both continuations of a word, and the two branches."""
    continuing, ending = tokens.continuing, tokens.ending
    if not tokens.branches:
        branch = _Branch(cursor.after(continuing), 0.0)
        return cursor.log_prob(continuing) + continuing_spelling, (branch, branch)
    first, second = cursor.log_prob(continuing) + continuing_spelling, cursor.log_prob(ending) + ending_spelling
    both = float(np.logaddexp(first, second))
    # If neither is possible, the total is minus infinity and the parts do not matter.
    parts = (first - both, second - both) if math.isfinite(both) else (0.0, 0.0)
    return both, (_Branch(cursor.after(continuing), parts[0]), _Branch(cursor.after(ending), parts[1]))


def _key(before: bytes, read: str) -> bytes:
    return hashlib.blake2b(before + read.encode("utf-8", "surrogatepass"), digest_size=16).digest()
