"""LSTM language models of your own: trained on your text, on the machine you have, and put to work.

The names below are all that a program needs; `nextword.api` shows them at work. They are imported when first asked
for, so that `import nextword` costs nothing and a machine without a training framework can still read text.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextword.api import fit as fit
    from nextword.api import generate as generate
    from nextword.api import load as load
    from nextword.api import perplexity as perplexity
    from nextword.api import save as save
    from nextword.api import suggest as suggest
    from nextword.architecture import Architecture as Architecture
    from nextword.models.language_model import LanguageModel as LanguageModel
    from nextword.text.corpus import Corpus as Corpus

__version__ = "0.1.0"

_HOMES = {
    "Architecture": "nextword.architecture",
    "Corpus": "nextword.text.corpus",
    "LanguageModel": "nextword.models.language_model",
    **dict.fromkeys(("fit", "generate", "load", "perplexity", "save", "suggest"), "nextword.api"),
}

__all__ = ["Architecture", "Corpus", "LanguageModel", "fit", "generate", "load", "perplexity", "save", "suggest"]

# Keras reads this when it is first imported; without it, it would look for TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "jax")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'nextword' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
