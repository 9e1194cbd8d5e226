"""What the Python module of KenLM offers, over a model of nextword: change one import, and a program goes on working.

    from nextword import kenlm            # was: import kenlm

    model = kenlm.Model("runs/mine")      # a run or a bundle, in place of an ARPA file
    model.score("this is a sentence .", bos=True, eos=True)
    [log10_prob for log10_prob, ngram_length, oov in model.full_scores("this is a sentence .")]

Names, arguments and the base of logarithms, 10, are KenLM's. What differs is what a network knows: the whole sentence,
so that a state is alike for the same words and for no others, and `ngram_length` counts all words that a word's
probability depends on. How words become tokens stands in `nextword.scoring.word_tokens`.

Source: Heafield (2011), "KenLM: Faster and Smaller Language Model Queries"; https://kheafield.com/code/kenlm/.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import total_ordering
from pathlib import Path
from typing import Any

from nextword.bundle.store import model_path
from nextword.engine.opening import open_model
from nextword.engine.text_model import LoadedModel
from nextword.errors import BundleError, TextError
from nextword.scoring.lines import LN_10, ScoringOptions, score_lines
from nextword.scoring.word_context import END_WORDS, WordContext
from nextword.scoring.word_tokens import WordTokenizer, words_of

_BEGIN = "<s>"


class ModelReadError(BundleError, OSError):
    """A model that cannot be read; an `OSError` too, since that is what KenLM raises."""


class LoadMethod:
    """How KenLM reads a file; here without effect."""

    LAZY, POPULATE_OR_LAZY, POPULATE_OR_READ, READ, PARALLEL_READ = range(5)


@dataclass
class Config:
    """KenLM's options for reading a file; here without effect."""

    load_method: int = LoadMethod.POPULATE_OR_READ


@dataclass(frozen=True)
class FullScoreReturn:
    """What `Model.BaseFullScore` returns.

    Attributes:
        log_prob: Logarithm of the word's probability, to the base 10.
        ngram_length: How many words it depends on: all that were read, `<s>` and itself among them.
        oov: Whether the vocabulary lacks the word, or a token of it.
    """

    log_prob: float
    ngram_length: int
    oov: bool


@total_ordering
class State:
    """What has been read; compared and hashed by the words, and null until a model writes to it."""

    __slots__ = ("context",)

    def __init__(self) -> None:
        self.context: WordContext | None = None

    @property
    def key(self) -> bytes:
        """What the words come to."""
        return b"" if self.context is None else self.context.key

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, State) else NotImplemented

    def __lt__(self, other: State) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Model:
    """A language model with the methods of `kenlm.Model`.

    Args:
        path: The directory of a run or of a bundle, or a model that is in memory already.
        config: Without effect.

    Attributes:
        path: The absolute path, as bytes; the name of a model that was in memory.

    Raises:
        ModelReadError: There is no sound model.
    """

    def __init__(self, path: str | bytes | LoadedModel, config: Config | None = None) -> None:  # noqa: ARG002
        if isinstance(path, LoadedModel):
            model, self.path = path, path.name.encode()
        else:
            self.path = os.path.abspath(os.fsencode(path))  # noqa: PTH100
            model = _opened(Path(os.fsdecode(self.path)))
        self._source = path if isinstance(path, LoadedModel) else self.path
        self._model = model
        self._words = WordTokenizer(model.tokenizer)
        self._begin = WordContext.start(model.engine, self._words, bos=True)
        self._null = WordContext.start(model.engine, self._words, bos=False)

    @property
    def order(self) -> int:
        """The most words that a probability depends on: without limit, here `sys.maxsize`."""
        return sys.maxsize

    def score(self, sentence: str | bytes, bos: bool = True, eos: bool = True) -> float:
        """Return the log10 probability of a string, by default that of a whole sentence: log10 p(sentence </s> | <s>).

        Language models are conditioned on `<s>`, and never predict it: it may not be in the string. `</s>` may.

            model.score("this is a sentence .")                       # log10 p(this is a sentence . </s> | <s>)
            model.score("a fragment", bos=False, eos=False)           # log10 p(a fragment)
            model.score("a fragment", bos=False)                      # log10 p(a fragment </s>)
            model.score("a fragment </s>", bos=False, eos=False)      # the same

        Args:
            sentence: Words with white space between them.
            bos: Whether a sentence begins here; else what stands before it is not known.
            eos: Whether it ends here, and its end is counted.

        Raises:
            TextError: The string holds `<s>`.
        """
        words = self._split(sentence)
        if eos and not any(word in END_WORDS for word in words):
            # One pass over the sentence, in place of a step for each word.
            (line,) = score_lines(self._model, [" ".join(words)], ScoringOptions(bos=bos))
            return line.log10_prob
        return sum(log10_prob for log10_prob, _, _ in self.full_scores(sentence, bos, eos))

    def perplexity(self, sentence: str | bytes) -> float:
        """Return the perplexity of a whole sentence, by its words and its end."""
        num_words = len(self._split(sentence)) + 1
        return float(10.0 ** (-self.score(sentence) / num_words))

    def full_scores(
        self, sentence: str | bytes, bos: bool = True, eos: bool = True
    ) -> Iterator[tuple[float, int, bool]]:
        """Yield `(log10_prob, ngram_length, oov)` for each word, and for the end; the first sum to `score`."""
        context = self._begin if bos else self._null
        for word in (*self._split(sentence), *([END_WORDS[0]] if eos else [])):
            scored = context.score(word)
            yield scored.log_prob / LN_10, scored.after.num_words, not scored.is_known
            context = scored.after

    def BeginSentenceWrite(self, state: State) -> None:  # noqa: N802
        """Change a state to that in which a sentence begins."""
        state.context = self._begin

    def NullContextWrite(self, state: State) -> None:  # noqa: N802
        """Change a state to one of which nothing is known."""
        state.context = self._null

    def BaseScore(self, in_state: State, word: str, out_state: State) -> float:  # noqa: N802
        """Return log10 p(word | in_state), and write what has been read with it to `out_state`."""
        return self.BaseFullScore(in_state, word, out_state).log_prob

    def BaseFullScore(self, in_state: State, word: str, out_state: State) -> FullScoreReturn:  # noqa: N802
        """Return the same, with `ngram_length` and `oov`."""
        scored = (in_state.context or self._null).score(_checked(word))
        out_state.context = scored.after
        return FullScoreReturn(scored.log_prob / LN_10, scored.after.num_words, not scored.is_known)

    def __contains__(self, word: str | bytes) -> bool:
        text = _text(word)
        return text in (_BEGIN, *END_WORDS) or self._words.tokens(text, "nothing").is_known

    def __repr__(self) -> str:
        return f"<Model from {os.fsdecode(os.path.basename(self.path))}>"  # noqa: PTH119

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._source,)

    def _split(self, sentence: str | bytes) -> list[str]:
        return list(map(_checked, words_of(self._model.tokenizer, _text(sentence))))


class LanguageModel(Model):
    """The old name of `Model`."""


def _opened(path: Path) -> LoadedModel:
    try:
        return open_model(model_path(path))
    except BundleError as error:
        raise ModelReadError(f"Cannot read model '{path}' ({error})") from error


def _text(data: str | bytes) -> str:
    if not isinstance(data, str | bytes):
        raise TypeError(f"Cannot convert {type(data)} to string")
    return data.decode("utf-8") if isinstance(data, bytes) else data


def _checked(word: str) -> str:
    if word == _BEGIN:
        raise TextError(f"`{_BEGIN}` must not stand in a text, since nothing predicts it, but does; pass `bos=True`")
    return word
