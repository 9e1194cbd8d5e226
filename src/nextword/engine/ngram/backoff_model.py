r"""N-gram models in backoff form, as ARPA files hold them.

With $p$ and $b$ the numbers of the file, and $u'$ the context $u$ without its first word,

$$p(w \mid u) = \begin{cases} p(u w) & \text{if the file holds } u w \\ b(u) \, p(w \mid u') & \text{if not,}
\end{cases}$$

and $b(u) = 1$ for a context that the file does not hold. An interpolated model has this form too: the probability of
each n-gram is the interpolated one, and the backoff weight of a context is the weight that interpolation gives to the
shorter context.

Source:
    Katz (1987), "Estimation of probabilities from sparse data for the language model component of a speech recognizer".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.ngram.interpolated_model import ABSENT, CountTable, Floats, Integers
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.errors import TextError

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
"""The special words of ARPA files."""

SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"
"""Written for a space inside a token, since spaces separate the words of an ARPA file; SentencePiece does the same."""

NEVER = -99.0
"""The log10 probability that stands for zero."""

_BLANKS = "\t\n\v\f\r\0"


@dataclass(frozen=True, eq=False)
class BackoffTable:
    """The n-grams of one length, sorted by context and word.

    Arrays have one element more than there are n-grams, for the number `ABSENT`, -1.
    """

    table: CountTable  # finds the number of an n-gram
    log10_probs: Floats  # logarithm to the base 10 of each probability `(G + 1,)`
    log10_backoffs: Floats  # logarithm to the base 10 of each backoff weight `(G + 1,)`; the last is 0

    def __len__(self) -> int:
        return len(self.table.keys)


@dataclass(frozen=True, eq=False)
class BackoffModel:
    """A distribution over the next word from the last `order - 1` words, in backoff form."""

    words: tuple[str, ...]  # the words by their ids, `<s>`, `</s>` and `<unk>` among them `(V,)`
    tables: tuple[BackoffTable, ...]  # the n-grams of each length from 1 to the order

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.tables)

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each word."""
        return {word: word_id for word_id, word in enumerate(self.words)}

    @cached_property
    def begin_id(self) -> int:
        """The id of `<s>`."""
        return self.ids[BEGIN]

    @cached_property
    def end_id(self) -> int:
        """The id of `</s>`."""
        return self.ids[END]

    @cached_property
    def unknown_id(self) -> int:
        """The id of `<unk>`."""
        return self.ids[UNKNOWN]

    def id_of(self, word: str) -> int:
        """Return the id of a word, which is that of `<unk>` for a word that the model lacks."""
        return self.ids.get(word, self.unknown_id)

    def score(self, word_ids: Integers) -> tuple[Floats, Integers]:
        """Return the log10 probability of each word `(T,)` after all before it, and the length of its n-gram `(T,)`."""
        numbers = word_ids.astype(np.int64)  # of the n-gram of the current length that begins at each position
        log10_probs = self.tables[0].log10_probs[numbers]
        lengths = np.ones(len(word_ids), np.int64)
        for length, (shorter, longer) in enumerate(zip(self.tables, self.tables[1:], strict=False), start=2):
            contexts = numbers[:-1]
            numbers = longer.table.numbers(contexts, word_ids[length - 1 :])
            is_held, ends = numbers != ABSENT, slice(length - 1, None)
            backed_off = log10_probs[ends] + shorter.log10_backoffs[contexts]
            log10_probs[ends] = np.where(is_held, longer.log10_probs[numbers], backed_off)
            lengths[ends] = np.where(is_held, length, lengths[ends])
        return log10_probs, lengths

    def distribution(self, context: Sequence[int]) -> Floats:
        """Return the log10 probability of each word after at most `order - 1` words `(V,)`."""
        log10_probs = self.tables[0].log10_probs[:-1].copy()
        for start in reversed(range(len(context))):
            shorter, longer = self.tables[len(context) - start - 1 :][:2]
            number = self._number(context[start:])
            if number != ABSENT:
                first, stop = np.searchsorted(longer.table.keys, np.array([number, number + 1]) * len(self.words))
                log10_probs += shorter.log10_backoffs[number]
                log10_probs[longer.table.keys[first:stop] % len(self.words)] = longer.log10_probs[first:stop]
        return log10_probs

    def shortest_context(self, word_ids: Sequence[int]) -> tuple[int, ...]:
        """Return the last of some words that probabilities of words after them depend on."""
        for start in range(max(0, len(word_ids) - self.order + 1), len(word_ids)):
            context = tuple(word_ids[start:])
            number = self._number(context)
            if number != ABSENT and self._matters[len(context) - 1][number]:
                return context
        return ()

    def _number(self, ngram: Sequence[int]) -> int:
        number = np.array([ngram[0]])
        for table, word in zip(self.tables[1:], ngram[1:], strict=False):
            number = table.table.numbers(number, np.array([word]))
        return int(number[0])

    @cached_property
    def _matters(self) -> list[NDArray[np.bool_]]:
        """Which n-grams of each length but the longest are contexts of longer ones, or have a backoff weight."""
        by_length = []
        for table, longer in zip(self.tables, self.tables[1:], strict=False):
            matters = table.log10_backoffs[:-1] != 0
            matters[longer.table.contexts] = True
            by_length.append(matters)
        return by_length


class BackoffTokens:
    """A backoff model over the tokens of a vocabulary; `<eos>` is `</s>` as a prediction and `<s>` as context."""

    def __init__(self, model: BackoffModel, words: Integers) -> None:
        self.order, self.vocabulary_size = model.order, len(words)
        self._model, self._words = model, words
        self._contexts = np.where(words == model.end_id, model.begin_id, words)

    def log_probs(self, contexts: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the distribution `(N, V)` after each context `(N, order - 1)`, the latest token last."""
        rows, places = np.unique(self._contexts[contexts], axis=0, return_inverse=True)
        distributions = np.stack(
            [self._model.distribution(row)[self._words].astype(np.float32) for row in rows.tolist()]
        )
        distributions *= np.float32(math.log(10))
        return distributions[places]


def sorted_table(
    vocabulary_size: int, contexts: Integers, words: Integers, log10_probs: Floats, log10_backoffs: Floats
) -> tuple[BackoffTable, Integers]:
    """Return the table of the n-grams of one length, `G` of them in any order, and the number in it of each `(G,)`.

    A context is the number of the n-gram without its last word, in the table of the next shorter length.
    """
    keys = contexts * vocabulary_size + words
    order = np.argsort(keys, kind="stable")
    numbers = np.empty_like(order)
    numbers[order] = np.arange(len(order))
    table = BackoffTable(
        CountTable(vocabulary_size, keys[order], np.zeros(0, np.int64)),
        log10_probs=np.append(log10_probs[order], 0.0),
        log10_backoffs=np.append(log10_backoffs[order], 0.0),
    )
    return table, numbers


def backoff_form(model: KneserNeyModel, tokens: Sequence[str], *, end: str, unknown: str) -> BackoffModel:
    """Return a Kneser-Ney model in backoff form, with the same probabilities.

    The line end of the tokenizer becomes `</s>` as a word that is predicted, and `<s>` as a context.
    """
    words = [*_words_of(tokens, end=end, unknown=unknown), BEGIN]
    end_id, begin_id = tokens.index(end), len(tokens)
    tables: list[BackoffTable] = []
    numbers = np.arange(len(words))  # in the last table, of the n-grams as the model numbers them
    for level in model.entries():
        contexts, last = numbers[level.contexts], level.tokens
        log10_probs, log10_backoffs = np.log10(level.probabilities), np.log10(level.weights)
        if not tables:
            # The line end becomes two words. `<s>` is never predicted, and takes its weight as a context.
            contexts, last = np.zeros(len(words), np.int64), np.append(last, begin_id)
            log10_probs, log10_backoffs = np.append(log10_probs, NEVER), np.append(log10_backoffs, 0.0)
            log10_backoffs[[begin_id, end_id]] = log10_backoffs[[end_id, begin_id]]
        elif len(tables) == 1:
            contexts = np.where(contexts == end_id, begin_id, contexts)
        table, numbers = sorted_table(len(words), contexts, last, log10_probs, log10_backoffs)
        tables.append(table)
    return BackoffModel(tuple(words), tuple(tables))


def _words_of(tokens: Sequence[str], *, end: str, unknown: str) -> list[str]:
    special = {end: END, unknown: UNKNOWN}
    words = [special.get(token) or token.replace(" ", SPACE_MARK) for token in tokens]
    for token, word in zip(tokens, words, strict=True):
        if token in (BEGIN, END) or any(blank in word for blank in _BLANKS):
            raise TextError(
                f"a word of an ARPA file must hold no white space and not be `{BEGIN}` or `{END}`, but the text holds "
                f"the token {token!r}; remove it from the text"
            )
    if len(set(words)) < len(words):
        raise TextError(f"the tokens must not hold both spaces and `{SPACE_MARK}`, which is written for a space")
    return words


class BackoffScore(NamedTuple):
    """The probability of a word."""

    log10_prob: float  # logarithm to the base 10 of the word's probability
    ngram_length: int  # length of the n-gram that gave it, the word included
    is_known: bool  # whether the model holds the word
    after: BackoffContext  # the context after the word


class BackoffContext:
    """The words before a word; immutable. Only those that later probabilities depend on are kept."""

    def __init__(self, model: BackoffModel, word_ids: tuple[int, ...]) -> None:
        self.word_ids = model.shortest_context(word_ids)
        self._model = model

    @classmethod
    def start(cls, model: BackoffModel, *, bos: bool) -> BackoffContext:
        """Return the context at the start of a sentence or, without `bos`, one without words."""
        return cls(model, (model.begin_id,) if bos else ())

    @property
    def key(self) -> bytes:
        """Bytes that are equal if and only if the words are."""
        return np.array(self.word_ids, ">i4").tobytes()

    def score(self, word: str) -> BackoffScore:
        """Return the probability of the next word, and the context after it."""
        word_id = self._model.id_of(word)
        words = (*self.word_ids, word_id)
        log10_probs, lengths = self._model.score(np.array(words))
        after = BackoffContext(self._model, words)
        return BackoffScore(float(log10_probs[-1]), int(lengths[-1]), word_id != self._model.unknown_id, after)
