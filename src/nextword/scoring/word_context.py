r"""A text read word by word, for programs that ask for the probability of one word after another.

A word is what stands between white space, and its probability that of its tokens, one after another. If the last of
these depends on what follows (see `nextword.scoring.word_tokens`), the word's probability is the sum over the two
possibilities, and what is read next decides between them: with $a$ the token if another word follows and $b$ the one if
none does,

$$p(\text{said,}) = p(\text{said}) \, (p(a) + p(b)), \qquad
p(\text{end} \mid \text{said,}) = \frac{p(b)}{p(a) + p(b)} \, p(\text{end} \mid b).$$

So the probabilities of all words and of the end multiply to the probability of the sentence, exactly.
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.scoring.word_tokens import Before, WordTokenizer
from nextword.text.vocabulary import END

END_WORDS = ("</s>", END)
"""Words that stand for a sentence's end."""


class WordScore(NamedTuple):
    """How probable a word was.

    Attributes:
        log_prob: Natural logarithm of its probability.
        is_known: Whether the vocabulary holds all of its tokens.
        after: What has been read with it.
    """

    log_prob: float
    is_known: bool
    after: WordContext


class WordContext:
    """What has been read of a text: immutable, and read by the engine only once something is asked of it.

    Attributes:
        num_words: How many words have been read, the beginning of a sentence among them.
        key: Bytes that are alike for the same words and for no others.
    """

    def __init__(
        self, tokenizer: WordTokenizer, branches: tuple[_Branch, _Branch], before: Before, num_words: int, key: bytes
    ) -> None:
        self.num_words = num_words
        self.key = key
        self._tokenizer = tokenizer
        self._going_on, self._ending = branches
        self._before = before

    @classmethod
    def start(cls, engine: Engine, tokenizer: WordTokenizer, *, bos: bool) -> WordContext:
        """Return the context in which a sentence begins, or, without `bos`, one of which nothing is known.

        A network has no state without a past; if nothing is known, it has read one unknown word, `<unk>`.
        """
        first_input = tokenizer.end_id if bos else tokenizer.unknown_id
        branch = _Branch(_Cursor(engine, engine.start(1), first_input), 0.0)
        return cls(tokenizer, (branch, branch), "nothing", int(bos), _key(b"", "<s>") if bos else b"")

    def score(self, word: str) -> WordScore:
        """Return how probable it is that `word` comes next, and the context after it; `</s>` is the end."""
        if word in END_WORDS:
            return self.score_end()
        tokens = self._tokenizer.tokens(word, self._before)
        cursor, log_prob = self._going_on
        for token_id in tokens.leading:
            log_prob += cursor.log_prob(token_id)
            cursor = cursor.after(token_id)
        of_both, branches = _split(cursor, tokens.going_on, tokens.ending)
        key = _key(self.key, f"{word} ")
        after = WordContext(self._tokenizer, branches, tokens.leaves, self.num_words + 1, key)
        return WordScore(log_prob + of_both, tokens.is_known, after)

    def score_end(self) -> WordScore:
        """Return how probable it is that the sentence ends here, and the context in which the next begins."""
        cursor, log_prob = self._ending
        end_id = self._tokenizer.end_id
        branch = _Branch(cursor.after(end_id), 0.0)
        after = WordContext(self._tokenizer, (branch, branch), "nothing", self.num_words + 1, _key(self.key, "</s>"))
        return WordScore(log_prob + cursor.log_prob(end_id), True, after)


class _Cursor:
    """A place in a text: the state before its last token, which is read when it is first needed."""

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
    """One way to go on, and the logarithm of its probability given what has been read."""

    cursor: _Cursor
    log_prob: float


def _split(cursor: _Cursor, going_on: int, ending: int) -> tuple[float, tuple[_Branch, _Branch]]:
    """Return the logarithm of the probability of both ways to go on after a word, and these."""
    if going_on == ending:
        branch = _Branch(cursor.after(going_on), 0.0)
        return cursor.log_prob(going_on), (branch, branch)
    first, second = cursor.log_prob(going_on), cursor.log_prob(ending)
    both = float(np.logaddexp(first, second))
    # If neither is possible, all that follows is impossible already.
    parts = (first - both, second - both) if math.isfinite(both) else (0.0, 0.0)
    return both, (_Branch(cursor.after(going_on), parts[0]), _Branch(cursor.after(ending), parts[1]))


def _key(before: bytes, read: str) -> bytes:
    return hashlib.blake2b(before + read.encode("utf-8", "surrogatepass"), digest_size=16).digest()
