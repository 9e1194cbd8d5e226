"""LSTM language models of your own: trained on your text, on the machine you have, and put to work.

The names below are all that a program needs; `nextword.api` shows them at work. They are imported when first asked
for, so that `import nextword` costs nothing and a machine without a training framework can still read text.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextword.api import generate as generate
    from nextword.api import load as load
    from nextword.api import nearest_words as nearest_words
    from nextword.api import perplexity as perplexity
    from nextword.api import rank as rank
    from nextword.api import save as save
    from nextword.api import score as score
    from nextword.api import score_lines as score_lines
    from nextword.api import sentence_vectors as sentence_vectors
    from nextword.api import suggestion_session as suggestion_session
    from nextword.api import surprising_lines as surprising_lines
    from nextword.architecture import Architecture as Architecture
    from nextword.generation.batch import generate_texts as generate_texts
    from nextword.generation.request import Request as Request
    from nextword.generation.request import SearchOptions as SearchOptions
    from nextword.generation.sampling import SamplingOptions as SamplingOptions
    from nextword.models.language_model import LanguageModel as LanguageModel
    from nextword.suggestion.session import complete as complete
    from nextword.suggestion.suggestion import suggest as suggest
    from nextword.suggestion.user_words import UserWords as UserWords
    from nextword.text.corpus import Corpus as Corpus
    from nextword.training.start import fit as fit

__version__ = "0.1.0"

_USES = (
    "generate",
    "load",
    "nearest_words",
    "perplexity",
    "rank",
    "save",
    "score",
    "score_lines",
    "sentence_vectors",
    "suggestion_session",
    "surprising_lines",
)

_HOMES = {
    "Architecture": "nextword.architecture",
    "Corpus": "nextword.text.corpus",
    "LanguageModel": "nextword.models.language_model",
    "Request": "nextword.generation.request",
    "SamplingOptions": "nextword.generation.sampling",
    "SearchOptions": "nextword.generation.request",
    "UserWords": "nextword.suggestion.user_words",
    "complete": "nextword.suggestion.session",
    "fit": "nextword.training.start",
    "generate_texts": "nextword.generation.batch",
    "suggest": "nextword.suggestion.suggestion",
    **dict.fromkeys(_USES, "nextword.api"),
}

__all__ = [
    "Architecture",
    "Corpus",
    "LanguageModel",
    "Request",
    "SamplingOptions",
    "SearchOptions",
    "UserWords",
    "complete",
    "fit",
    "generate",
    "generate_texts",
    "load",
    "nearest_words",
    "perplexity",
    "rank",
    "save",
    "score",
    "score_lines",
    "sentence_vectors",
    "suggest",
    "suggestion_session",
    "surprising_lines",
]

# Keras reads this when it is first imported; without it, it would look for TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "jax")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'nextword' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
