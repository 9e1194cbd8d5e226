"""KenLM's Python interface over a model of nextword: change one import, keep the program.

    from nextword import kenlm            # was: import kenlm

    model = kenlm.Model("runs/mine")      # a run or a bundle
    model.score("this is a sentence .", bos=True, eos=True)
    [log10_prob for log10_prob, ngram_length, oov in model.full_scores("this is a sentence .")]

Names, arguments and the base of logarithms, 10, are KenLM's. A network charges an unknown word for its spelling too,
unless `Config(spell_unknown=False)` asks for KenLM's way. It is mixed with the n-grams and the cache that its bundle
holds, unless `Config(method="static")` asks for the network alone. It differs in two more points, because it reads the
whole sentence. Two states are equal only if the same words were read, and `ngram_length` counts all words that a word's
probability depends on. `nextword.inference.scoring.word_context` explains how words become tokens.

Source: Heafield (2011), "KenLM: Faster and Smaller Language Model Queries"; https://kheafield.com/code/kenlm/.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from nextword.bundle.origin import SAMPLE_MODELS, find_model
from nextword.engine.opening import open_model
from nextword.engine.text_model import LoadedModel, UsedMethod
from nextword.errors import BundleError, SettingError, TextError
from nextword.inference.scoring.line_score import LN_10, perplexity
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.scoring.word_context import END_WORDS, WordContext, WordTokenizer, words_of

_BEGIN = "<s>"


class ModelReadError(BundleError, OSError):
    """A model that cannot be read. It is an `OSError` too, because KenLM raises that.

    Example:
        >>> try:
        ...     Model("no-such-model")
        ... except OSError as error:
        ...     print(str(error)[:32])
        Cannot read model 'no-such-model
    """


class LoadMethod:
    """How KenLM reads a file; without effect here.

    Example:
        >>> Model("austen", Config(LoadMethod.LAZY)).order == Model("austen").order
        True
    """

    LAZY, POPULATE_OR_LAZY, POPULATE_OR_READ, READ, PARALLEL_READ = range(5)


@dataclass
class Config:
    """KenLM's options for reading a file, which are without effect here, and two of ours.

    Attributes:
        load_method: How KenLM reads a file.
        spell_unknown: Whether a network charges an unknown word for its spelling. If not, all unknown words have the
            probability of `<unk>`, as in KenLM.
        method: "mixture" or "static": whether a network is mixed with the n-grams and the cache that its bundle holds.
            By default it is, and a model in memory stays as it is used.

    Example:
        >>> as_kenlm = Model("austen", Config(spell_unknown=False))
        >>> as_kenlm.score("zzyzx"), as_kenlm.score("zzyzx") > Model("austen").score("zzyzx")  # doctest: +ELLIPSIS
        (-..., True)
    """

    load_method: int = LoadMethod.POPULATE_OR_READ
    spell_unknown: bool = True
    method: UsedMethod | None = None


@dataclass(frozen=True)
class FullScoreReturn:
    """What `Model.BaseFullScore` returns.

    Attributes:
        log_prob: Logarithm to the base 10 of the word's probability.
        ngram_length: How many words it depends on: all words that were read, `<s>` and itself included.
        oov: Whether the vocabulary lacks the word, or a token of it.

    Example:
        >>> model, state, after = Model("austen"), State(), State()
        >>> model.BeginSentenceWrite(state)
        >>> scored = model.BaseFullScore(state, "She", after)
        >>> scored.oov, scored.ngram_length
        (False, 2)
    """

    log_prob: float
    ngram_length: int
    oov: bool


@total_ordering
class State:
    """The words that have been read. States compare and hash by these words; a new state is null.

    Example:
        >>> model, state, after = Model("austen"), State(), State()
        >>> model.BeginSentenceWrite(state)
        >>> log10_prob = model.BaseScore(state, "She", after)
        >>> state == after, log10_prob < 0
        (False, True)
    """

    __slots__ = ("context",)

    def __init__(self) -> None:
        self.context: WordContext | None = None

    @property
    def key(self) -> bytes:
        """Bytes that stand for the words."""
        return b"" if self.context is None else self.context.key

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, State) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.key < other.key if isinstance(other, State) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)


class Model:
    """A language model with the methods of `kenlm.Model`.

    Args:
        path: The directory of a run or of a bundle, or a model that is in memory already.
        config: What unknown words cost, and how a network is used.

    Attributes:
        path: The absolute path, as bytes; the name of a model that was in memory.

    Raises:
        ModelReadError: There is no sound model at `path`.
        SettingError: It is neither a path nor a model.

    Example:
        >>> model = Model("austen")
        >>> model.score("She was very happy.") > model.score("Happy very was.")
        True
        >>> "happy" in model, "xyzzy" in model
        (True, False)
    """

    def __init__(self, path: str | bytes | LoadedModel, config: Config | None = None) -> None:
        used = config or Config()
        if isinstance(path, LoadedModel):
            self.path = path.name.encode()
            model = path.using(used.method) if used.method else path
        elif not isinstance(path, str | bytes | os.PathLike):
            raise SettingError(f"`path` must be a path or a loaded model, but is of type {type(path).__name__}")
        else:
            self.path = os.path.abspath(os.fsencode(path))  # noqa: PTH100
            model = _opened(os.fsdecode(path), used.method or "mixture")
        is_name = isinstance(path, LoadedModel) or os.fsdecode(path) in SAMPLE_MODELS
        self._source = (path if is_name else self.path, config)
        self._model, self._spell = model, used.spell_unknown
        self._words = WordTokenizer(model.tokenizer, spell=self._spell)
        self._begin = WordContext.start(model.engine, self._words, bos=True)
        self._null = WordContext.start(model.engine, self._words, bos=False)

    @property
    def order(self) -> int:
        """The most words that a probability depends on: `sys.maxsize`, because a network has no limit."""
        return sys.maxsize

    def score(self, sentence: str | bytes, bos: bool = True, eos: bool = True) -> float:
        """Return the log10 probability of a string, by default that of a whole sentence: log10 p(sentence </s> | <s>).

        Language models are conditioned on `<s>` and never predict it, so the string must not hold it. It may hold
        `</s>`.

            model.score("this is a sentence .")                       # log10 p(this is a sentence . </s> | <s>)
            model.score("a fragment", bos=False, eos=False)           # log10 p(a fragment)
            model.score("a fragment", bos=False)                      # log10 p(a fragment </s>)
            model.score("a fragment </s>", bos=False, eos=False)      # the same

        Args:
            sentence: Words with white space between them.
            bos: Whether a sentence begins here; if not, the words before it are unknown.
            eos: Whether it ends here; if so, its end counts.

        Raises:
            TextError: The string holds `<s>`.
        """
        words = self._split(sentence)
        if eos and not any(word in END_WORDS for word in words):
            # One pass over the sentence instead of a step for each word.
            options = ScoringOptions(bos=bos, spell=self._spell)
            (line,) = score_lines(self._model, [" ".join(words)], options, ranks=False)
            return line.log10_prob
        return sum(log10_prob for log10_prob, _, _ in self._word_scores(words, bos=bos, eos=eos))

    def perplexity(self, sentence: str | bytes) -> float:
        """Return the perplexity of a whole sentence per word, with its end as a word."""
        num_words = len(self._split(sentence)) + 1
        return perplexity(self.score(sentence) * LN_10, num_words)

    def full_scores(
        self, sentence: str | bytes, bos: bool = True, eos: bool = True
    ) -> Iterator[tuple[float, int, bool]]:
        """Yield `(log10_prob, ngram_length, oov)` for each word and the end; the log10 probabilities sum to `score`."""
        yield from self._word_scores(self._split(sentence), bos=bos, eos=eos)

    def BeginSentenceWrite(self, state: State) -> None:  # noqa: N802
        """Set a state to the start of a sentence."""
        state.context = self._begin

    def NullContextWrite(self, state: State) -> None:  # noqa: N802
        """Set a state to one without context."""
        state.context = self._null

    def BaseScore(self, in_state: State, word: str | bytes, out_state: State) -> float:  # noqa: N802
        """Return log10 p(word | in_state), and write the state after the word to `out_state`."""
        return self.BaseFullScore(in_state, word, out_state).log_prob

    def BaseFullScore(self, in_state: State, word: str | bytes, out_state: State) -> FullScoreReturn:  # noqa: N802
        """Return the same, with `ngram_length` and `oov`."""
        scored = (in_state.context or self._null).score(_checked(_text(word)))
        out_state.context = scored.after
        return FullScoreReturn(scored.log_prob / LN_10, scored.after.num_words, not scored.is_known)

    def __contains__(self, word: str | bytes) -> bool:
        text = _text(word)
        return text in (_BEGIN, *END_WORDS) or self._words.tokens(text, "nothing").is_known

    def __repr__(self) -> str:
        return f"<Model from {os.fsdecode(os.path.basename(self.path))}>"  # noqa: PTH119

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._source

    def _split(self, sentence: str | bytes) -> list[str]:
        return list(map(_checked, words_of(self._model.tokenizer, _text(sentence))))

    def _word_scores(self, words: list[str], *, bos: bool, eos: bool) -> Iterator[tuple[float, int, bool]]:
        context = self._begin if bos else self._null
        for word in (*words, *(END_WORDS[:1] if eos else ())):
            scored = context.score(word)
            context = scored.after
            yield scored.log_prob / LN_10, context.num_words, not scored.is_known


class LanguageModel(Model):
    """The old name of `Model`.

    Example:
        >>> LanguageModel("austen").score("She was very happy.") == Model("austen").score("She was very happy.")
        True
    """


def _opened(name: str, method: UsedMethod) -> LoadedModel:
    """Start a run, a bundle or a sample model."""
    try:
        return open_model(find_model(name), method=method)
    except (BundleError, TextError) as error:
        raise ModelReadError(f"Cannot read model '{name}' ({error})") from error


def _text(data: str | bytes) -> str:
    if not isinstance(data, str | bytes):
        raise TypeError(f"Cannot convert {type(data)} to string")
    return data.decode("utf-8") if isinstance(data, bytes) else data


def _checked(word: str) -> str:
    if word == _BEGIN:
        raise TextError(f"a text must not hold `{_BEGIN}`, because no model predicts it, but does; pass `bos=True`")
    return word
