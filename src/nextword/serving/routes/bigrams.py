"""What a bigram model says of the next word, beside the network: it sees only the last word."""

from typing import Literal

from nextword.engine.methods.ngram import NgramModelEngine
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.text_model import TextModel
from nextword.errors import NextwordError
from nextword.inference.suggestion.suggestion import Suggestion, suggest
from nextword.serving.served_model import ServedModel

BigramSource = Literal["text", "model"]
"""Counts of the training text, or the network itself after only the last word."""

_ORDER = 2
_MAX_CHARACTERS = 256

_MAX_TOKENS = 5_000_000
"""Tokens of the training text that are counted, about a second each million."""


class Bigrams:
    """Next words by the bigrams of the training text, or else by the network when it sees only the last word.

    Args:
        model: The model.
        counted: The same with a `NgramModelEngine` of order 2; `None` if the text of the model is not there.
    """

    def __init__(self, model: TextModel, counted: TextModel | None) -> None:
        self._model = model
        self._counted = counted

    @property
    def source(self) -> BigramSource:
        """Where the figures come from."""
        return "model" if self._counted is None else "text"

    def suggest(self, text: str, k: int) -> list[Suggestion]:
        """Return the `k` most probable words after the last word of a text, most probable first."""
        if self._counted is not None:
            return suggest(self._counted, _ending(text), k, restore_case=True)
        return suggest(self._model, _last_word(text), k, restore_case=True)


def bigrams_of(served: ServedModel) -> Bigrams:
    """Return the bigrams of a model. It reads the training text, which takes seconds; see `ServedModel.once`."""
    model = served.model
    try:
        ids = served.text.load("train", model.tokenizer).ids[:_MAX_TOKENS]
    except (NextwordError, OSError):
        return Bigrams(model, None)
    size, end_id = model.engine.vocabulary_size, model.engine.end_id
    counted = KneserNeyModel.fit(ids, _ORDER, vocabulary_size=size, end_id=end_id)
    return Bigrams(model, model.with_engine(NgramModelEngine(counted, end_id=end_id)))


def _ending(text: str) -> str:
    """Return the end of a text from the beginning of a word; what is before it does not count for bigrams."""
    if len(text) <= _MAX_CHARACTERS:
        return text
    ending = text[-_MAX_CHARACTERS:]
    return ending[ending.find(" ") + 1 :]


def _last_word(text: str) -> str:
    """Return the last word; empty at the beginning of a line."""
    words = text.rstrip(" \t")
    return "" if not words or words[-1].isspace() else words.split()[-1][-_MAX_CHARACTERS:]
