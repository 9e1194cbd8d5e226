"""Sentences scored word by word, by a network or by an n-gram model, for `nextword.kenlm`.

Both give log-probabilities to the base 10, as KenLM does.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from nextword.engine.ngram.backoff_model import BackoffContext, BackoffModel
from nextword.engine.text_model import LoadedModel
from nextword.inference.scoring.lines import LN_10, ScoringOptions, score_lines
from nextword.inference.scoring.word_context import END_WORDS, WordContext, WordTokenizer, words_of

SENTENCE_END = END_WORDS[0]
"""The word that ends a sentence: `</s>`."""


class ReadContext(Protocol):
    """The words before a word; immutable."""

    @property
    def key(self) -> bytes:
        """Bytes that are equal if and only if the contexts are."""


class NextWord(NamedTuple):
    """The probability of a word after a context."""

    log10_prob: float  # logarithm to the base 10 of the probability
    ngram_length: int  # how many words it depends on, the word itself included
    is_known: bool  # whether the vocabulary holds the word
    after: ReadContext  # the context after the word


class SentenceScorer(Protocol):
    """A model that scores sentences, and words after contexts."""

    order: int  # most words that a probability depends on
    begin: ReadContext  # the context at the start of a sentence
    null: ReadContext  # the context of which nothing is known

    def split(self, text: str) -> list[str]:
        """Return the words of a text."""

    def knows(self, word: str) -> bool:
        """Return whether the vocabulary holds a word."""

    def next_word(self, context: ReadContext, word: str) -> NextWord:
        """Return the probability of a word after a context, and the context after it."""

    def sentence(self, words: Sequence[str], *, bos: bool, eos: bool) -> float:
        """Return the log10 probability of all words and, with `eos`, of the end after them."""
        return sum(log10_prob for log10_prob, _, _ in self.words(words, bos=bos, eos=eos))

    def words(self, words: Sequence[str], *, bos: bool, eos: bool) -> Iterator[tuple[float, int, bool]]:
        """Yield log10 probability, `ngram_length` and out-of-vocabulary flag for each word and, with `eos`, the end.

        The log10 probabilities sum to `sentence`, to 1e-4.
        """


class NetworkScorer(SentenceScorer):
    """A `SentenceScorer` over a network, which remembers the whole sentence."""

    order = sys.maxsize

    def __init__(self, model: LoadedModel, *, spell: bool = True) -> None:
        self._model = model
        self._spell = spell
        self._words = WordTokenizer(model.tokenizer, spell=spell)
        self.begin: ReadContext = WordContext.start(model.engine, self._words, bos=True)
        self.null: ReadContext = WordContext.start(model.engine, self._words, bos=False)

    def split(self, text: str) -> list[str]:
        """Return the words of a text."""
        return words_of(self._model.tokenizer, text)

    def knows(self, word: str) -> bool:
        """Return whether the vocabulary holds all tokens of a word."""
        return self._words.tokens(word, "nothing").is_known

    def next_word(self, context: ReadContext, word: str) -> NextWord:
        """Return the probability of a word after a context, and the context after it."""
        assert isinstance(context, WordContext)  # noqa: S101
        scored = context.score(word)
        return NextWord(scored.log_prob / LN_10, scored.after.num_words, scored.is_known, scored.after)

    def sentence(self, words: Sequence[str], *, bos: bool, eos: bool) -> float:
        """Return the log10 probability of all words and, with `eos`, of the end after them."""
        if eos and not any(word in END_WORDS for word in words):
            # One pass over the sentence instead of a step for each word.
            options = ScoringOptions(bos=bos, spell=self._spell)
            (line,) = score_lines(self._model, [" ".join(words)], options, ranks=False)
            return line.log10_prob
        return super().sentence(words, bos=bos, eos=eos)

    def words(self, words: Sequence[str], *, bos: bool, eos: bool) -> Iterator[tuple[float, int, bool]]:
        """Yield log10 probability, number of words read, and out-of-vocabulary flag for each word and the end."""
        context = self.begin if bos else self.null
        for word in (*words, *([SENTENCE_END] if eos else [])):
            scored = self.next_word(context, word)
            yield scored.log10_prob, scored.ngram_length, not scored.is_known
            context = scored.after


class NgramScorer(SentenceScorer):
    """A `SentenceScorer` over an n-gram model."""

    def __init__(self, model: BackoffModel) -> None:
        self._model = model
        self.order = model.order
        self.begin: ReadContext = BackoffContext.start(model, bos=True)
        self.null: ReadContext = BackoffContext.start(model, bos=False)

    def split(self, text: str) -> list[str]:
        """Return the words of a text, cut at ASCII white space as KenLM does."""
        return [word.decode("utf-8", "surrogatepass") for word in text.encode("utf-8", "surrogatepass").split()]

    def knows(self, word: str) -> bool:
        """Return whether the model holds a word; `<unk>` counts as unknown."""
        return self._model.id_of(word) != self._model.unknown_id

    def next_word(self, context: ReadContext, word: str) -> NextWord:
        """Return the probability of a word after a context, and the context after it."""
        assert isinstance(context, BackoffContext)  # noqa: S101
        return NextWord(*context.score(word))

    def words(self, words: Sequence[str], *, bos: bool, eos: bool) -> Iterator[tuple[float, int, bool]]:
        """Yield log10 probability, length of the n-gram and out-of-vocabulary flag for each word and the end."""
        model = self._model
        read = [model.id_of(word) for word in (*words, *([SENTENCE_END] if eos else []))]
        begin = [model.begin_id] if bos else []
        log10_probs, lengths = model.score(np.array([*begin, *read], np.int64))
        is_unknown = (word_id == model.unknown_id for word_id in read)
        skip = len(begin)
        yield from zip(log10_probs[skip:].tolist(), lengths[skip:].tolist(), is_unknown, strict=True)
