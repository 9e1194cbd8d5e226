"""A language model for pyctcdecode: the interface `AbstractLanguageModel` of its `BeamSearchDecoderCTC`."""

from collections.abc import Collection
from dataclasses import dataclass
from math import log
from typing import ClassVar

from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.decoders.word_model import WordModel
from nextword.inference.scoring.word_context import WordContext
from nextword.settings import Settings, setting, unknown_name

_LN_10 = log(10)
_EXPECTED_LENGTH = 6
"""Length in characters above which the penalty of an unknown word grows (pyctcdecode's `AVG_TOKEN_LEN`)."""

_NO_ORDER = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class FusionOptions(Settings):
    """The weights of the model in pyctcdecode, with pyctcdecode's names and defaults.

    Example:
        >>> FusionOptions(alpha=0.7).to_table()
        {'alpha': 0.7, 'beta': 1.5, 'unk_score_offset': -10.0, 'score_boundary': True}
    """

    group: ClassVar[str] = "fusion"

    alpha: float = setting(0.5, help="Weight of the model's log-probability.")
    beta: float = setting(1.5, help="What each word adds.")
    unk_score_offset: float = setting(-10.0, help="What an unknown word adds to its log10-probability.")
    score_boundary: bool = setting(True, help="Whether a line begins and ends where the sound does.")


class PyctcdecodeModel:
    r"""Replaces pyctcdecode's `LanguageModel`, a KenLM n-gram model.

    The score of a word $w$ after the words $h$ is, as in pyctcdecode and in natural logarithms,

    $$\alpha \, \bigl(\ln p(w \mid h) + \ln 10 \cdot o \, [w \text{ unknown}] + \ln p(\text{end} \mid h w) \,
    [w \text{ last}]\bigr) + \beta,$$

    where $o$ is the `unk_score_offset`, which pyctcdecode defines to base 10.

    Args:
        model: The model.
        options: The weights.
        unigrams: The known words, as in pyctcdecode (default: all words that the model knows).

    Example:
        >>> import nextword
        >>> model = PyctcdecodeModel(nextword.load("austen"))      # the second argument of `BeamSearchDecoderCTC`
        >>> score, after = model.score(model.get_start_state(), "She")
        >>> model.score_partial_token("obli")
        0.0
    """

    def __init__(
        self,
        model: TextModel,
        options: FusionOptions | None = None,
        *,
        unigrams: Collection[str] | None = None,
    ) -> None:
        self._unigrams = None if unigrams is None else frozenset(unigrams)
        # Without spelling, since `unk_score_offset` charges unknown words.
        self._model = WordModel(model, spell=False, known=self._unigrams)
        self._set_options(options or FusionOptions())

    @property
    def order(self) -> int:
        """Number of words that a prediction depends on: unlimited, so `prune_history` never merges two contexts."""
        return _NO_ORDER

    def get_start_state(self) -> WordContext:
        """Return the context at the beginning of an utterance."""
        return self._model.start(bos=self.score_boundary)

    def score(self, prev_state: WordContext, word: str, is_last_word: bool = False) -> tuple[float, WordContext]:
        """Return the weighted score of a word, and the context after the word.

        If an utterance ends in a space, pyctcdecode asks for an empty word. It is not a word, so it adds no `beta`.
        """
        total, after, beta = 0.0, prev_state, 0.0
        if word:
            total, is_known, after = self._model.score(prev_state, word)
            beta = self.beta
            if not is_known or (self._unigrams is not None and word not in self._unigrams):
                total += self.unk_score_offset * _LN_10
        if is_last_word and self.score_boundary:
            total += self._model.score_end(after)
        return self.alpha * total + beta, after

    def score_partial_token(self, partial_token: str) -> float:
        """Return the score of an unfinished word: 0 if a known word begins with it, else a penalty."""
        if self._model.begins_word(partial_token):
            return 0.0
        return self.unk_score_offset * max(1.0, len(partial_token) / _EXPECTED_LENGTH)

    def reset_params(self, **params: float | bool) -> None:
        """Change some weights; called by `BeamSearchDecoderCTC.reset_params`.

        Raises:
            SettingError: A name is unknown, or a value is invalid.
        """
        former = {name: getattr(self, name) for name in FusionOptions().to_table()}
        for name in params:
            if name not in former:
                raise SettingError(unknown_name("weight of the decoder", name, former))
        self._set_options(FusionOptions(**{**former, **params}))

    def _set_options(self, options: FusionOptions) -> None:
        # Plain attributes, because older versions of pyctcdecode set them one by one.
        self.alpha = options.alpha
        self.beta = options.beta
        self.unk_score_offset = options.unk_score_offset
        self.score_boundary = options.score_boundary
