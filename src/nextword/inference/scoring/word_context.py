r"""Scores a text word by word, for decoders that ask for the probability of each next word.

Words are separated by white space. The probability of a word is the product over its tokens. If its last token depends
on the text after it (see `nextword.inference.scoring.word_tokens`), the probability is the sum over both possible
tokens, and the next word decides between them. With token $a$ if another word follows, and token $b$ otherwise:

$$p(\text{said,}) = p(\text{said}) \, (p(a) + p(b)), \qquad
p(\text{end} \mid \text{said,}) = \frac{p(b)}{p(a) + p(b)} \, p(\text{end} \mid b).$$

So the product over all words and the end is exactly the probability of the sentence.
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.inference.scoring.word_tokens import Before, WordTokenizer, WordTokens
from nextword.text.tokens.vocabulary import END

END_WORDS = ("</s>", END)
"""Words that mean the end of a sentence."""


class WordScore(NamedTuple):
    """The score of a word.

    Attributes:
        log_prob: Natural log-probability of the word.
        is_known: Whether all its tokens are in the vocabulary.
        after: The context after the word.
    """

    log_prob: float
    is_known: bool
    after: WordContext


class WordContext:
    """The words before the next word. A context is immutable, and the engine reads it only when needed.

    Attributes:
        num_words: Number of words, including the beginning of the sentence.
        key: Hash of the words; equal exactly for equal words.
    """

    def __init__(
        self, tokenizer: WordTokenizer, branches: tuple[_Branch, _Branch], before: Before, num_words: int, key: bytes
    ) -> None:
        self.num_words = num_words
        self.key = key
        self._tokenizer = tokenizer
        self._continuing, self._ending = branches
        self._before = before

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
