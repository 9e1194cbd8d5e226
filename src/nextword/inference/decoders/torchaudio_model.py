"""A language model for torchaudio's `ctc_decoder`: the interface `CTCDecoderLM`."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from nextword.engine.text_model import TextModel
from nextword.errors import MissingExtraError, SettingError
from nextword.inference.decoders.word_model import WordModel
from nextword.inference.scoring.word_context import WordContext

_END = -1
"""The child index of a state after the end of the utterance."""


class DecoderState(Protocol):
    """The interface of torchaudio's `CTCDecoderLMState`; states are compared by object identity."""

    def child(self, usr_index: int, /) -> Any:
        """Return the state after a word; always the same object."""


class _Reached(NamedTuple):
    context: WordContext
    log_prob: float


class TorchaudioScorer:
    """The logic of a `CTCDecoderLM`, without depending on torchaudio.

    The decoder compares states by object identity. So the same word after the same state must give the same object: its
    child. Scores are unweighted natural logarithms; the decoder has its own weights.

    `words` has the word of each index of the decoder, as in its file `lm_dict`.
    """

    def __init__(self, model: TextModel, words: Sequence[str], *, new_state: Callable[[], DecoderState]) -> None:
        self._model = WordModel(model)
        self._words = list(words)
        self._new_state = new_state
        self._reached: dict[Any, _Reached] = {}

    def start(self, start_with_nothing: bool) -> DecoderState:
        """Return the state at the beginning of an utterance, and discard all other states."""
        state = self._new_state()
        self._reached = {state: _Reached(self._model.start(bos=not start_with_nothing), 0.0)}
        return state

    def score(self, state: DecoderState, token_index: int) -> tuple[DecoderState, float]:
        """Return the state after a word, and the natural log-probability of the word."""
        if not 0 <= token_index < len(self._words):
            raise SettingError(
                f"the decoder's word index must be between 0 and {len(self._words) - 1}, but is {token_index}; "
                "give the decoder the same words as `lm_dict`, in the same order"
            )
        child = state.child(token_index)
        if child not in self._reached:
            scored = self._model.score(self._context_of(state), self._words[token_index])
            self._reached[child] = _Reached(scored.after, scored.log_prob)
        return child, self._reached[child].log_prob

    def finish(self, state: DecoderState) -> tuple[DecoderState, float]:
        """Return the state after the end, and the natural log-probability that the line ends here."""
        context = self._context_of(state)
        child = state.child(_END)
        if child not in self._reached:
            self._reached[child] = _Reached(context, self._model.score_end(context))
        return child, self._reached[child].log_prob

    def _context_of(self, state: DecoderState) -> WordContext:
        if state not in self._reached:
            raise SettingError(
                "a state must come from this model after its last `start`, but does not; call `start` first"
            )
        return self._reached[state].context


def torchaudio_model(model: TextModel, words: Sequence[str]) -> Any:
    """Return a `CTCDecoderLM` for `torchaudio.models.decoder.ctc_decoder(lm=..., lm_dict=...)`.

    Args:
        model: The model.
        words: The word of each index of the decoder: the lines of its file `lm_dict`, including `<unk>`.

    Raises:
        MissingExtraError: torchaudio, or its decoder, is not installed.

    Example:
        >>> import nextword
        >>> try:
        ...     torchaudio_model(nextword.load("austen"), ["she", "<unk>"])
        ... except nextword.MissingExtraError as error:
        ...     print("install torchaudio" in str(error))
        True
    """
    try:
        decoder: Any = import_module("torchaudio.models.decoder")
        new_state = decoder.CTCDecoderLMState
    except ImportError as error:
        raise MissingExtraError(
            f"a model for torchaudio's decoder needs torchaudio, but `{error.name}` is missing; install torchaudio and "
            "flashlight-text beside nextword"
        ) from error

    class NextwordLM(decoder.CTCDecoderLM):
        def __init__(self) -> None:
            decoder.CTCDecoderLM.__init__(self)
            self.scorer = TorchaudioScorer(model, words, new_state=new_state)

        def start(self, start_with_nothing: bool) -> DecoderState:
            return self.scorer.start(start_with_nothing)

        def score(self, state: DecoderState, usr_token_idx: int) -> tuple[DecoderState, float]:
            return self.scorer.score(state, usr_token_idx)

        def finish(self, state: DecoderState) -> tuple[DecoderState, float]:
            return self.scorer.finish(state)

    return NextwordLM()
