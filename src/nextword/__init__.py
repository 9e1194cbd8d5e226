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
    from nextword.bundle.bundle import Bundle as Bundle
    from nextword.engine.text_model import TextModel as TextModel
    from nextword.engine.text_model import TrainedModel as TrainedModel
    from nextword.errors import *  # noqa: F403
    from nextword.evaluation.perplexity import Evaluation as Evaluation
    from nextword.evaluation.significance import Comparison as Comparison
    from nextword.generation.batch import generate_texts as generate_texts
    from nextword.generation.generated_text import GeneratedText as GeneratedText
    from nextword.generation.request import Request as Request
    from nextword.generation.request import SearchOptions as SearchOptions
    from nextword.generation.sampling import SamplingOptions as SamplingOptions
    from nextword.models.language_model import LanguageModel as LanguageModel
    from nextword.scoring.gaps import RankedCandidate as RankedCandidate
    from nextword.scoring.lines import LineScore as LineScore
    from nextword.scoring.lines import ScoringOptions as ScoringOptions
    from nextword.scoring.surprise import SurprisingLine as SurprisingLine
    from nextword.scoring.surprise import SurprisingToken as SurprisingToken
    from nextword.scoring.vectors import NearWord as NearWord
    from nextword.suggestion.session import SuggestionSession as SuggestionSession
    from nextword.suggestion.session import complete as complete
    from nextword.suggestion.suggestion import Suggestion as Suggestion
    from nextword.suggestion.suggestion import suggest as suggest
    from nextword.suggestion.user_words import UserWords as UserWords
    from nextword.text.corpus import Corpus as Corpus
    from nextword.text.token_store import TokenStore as TokenStore
    from nextword.text.tokenizer import Tokenizer as Tokenizer
    from nextword.training.result import FinishedRun as FinishedRun
    from nextword.training.start import fit as fit

__version__ = "0.1.0"

_NAMES = {
    "api": (
        "generate load nearest_words perplexity rank save score score_lines sentence_vectors "
        "suggestion_session surprising_lines"
    ),
    "architecture": "Architecture",
    "bundle.bundle": "Bundle",
    "engine.text_model": "TextModel TrainedModel",
    "errors": (
        "BundleError CheckpointError EvaluationError ExportError MissingExtraError NextwordError SettingError "
        "StorageError TextError TrainingDivergedError TrainingInterrupted TrainingWarning"
    ),
    "evaluation.perplexity": "Evaluation",
    "evaluation.significance": "Comparison",
    "generation.batch": "generate_texts",
    "generation.generated_text": "GeneratedText",
    "generation.request": "Request SearchOptions",
    "generation.sampling": "SamplingOptions",
    "models.language_model": "LanguageModel",
    "scoring.gaps": "RankedCandidate",
    "scoring.lines": "LineScore ScoringOptions",
    "scoring.surprise": "SurprisingLine SurprisingToken",
    "scoring.vectors": "NearWord",
    "suggestion.session": "SuggestionSession complete",
    "suggestion.suggestion": "Suggestion suggest",
    "suggestion.user_words": "UserWords",
    "text.corpus": "Corpus",
    "text.token_store": "TokenStore",
    "text.tokenizer": "Tokenizer",
    "training.result": "FinishedRun",
    "training.start": "fit",
}

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = list(_HOMES)

# Keras reads this when it is first imported; without it, it would look for TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "jax")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'nextword' has no attribute {name!r}")
    return getattr(import_module(f"nextword.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
