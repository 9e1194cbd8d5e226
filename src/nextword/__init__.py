"""LSTM language models trained on your own text, on your machine.

    import nextword

    model = nextword.train("my-text.txt", minutes=10)
    model.suggest("I am very much", k=5)
    model.save("my-model")
    model = nextword.load("my-model")

Names are imported when they are first used, so `import nextword` is instant and needs no training framework.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextword import kenlm as kenlm
    from nextword.api.run_settings import RunSettings as RunSettings
    from nextword.api.train import train as train
    from nextword.api.trained_model import TrainedModel as TrainedModel
    from nextword.api.trained_model import load as load
    from nextword.bundle.bundle import Bundle as Bundle
    from nextword.engine.methods.cache import CacheOptions as CacheOptions
    from nextword.engine.methods.dropout import DropoutOptions as DropoutOptions
    from nextword.engine.methods.dynamic import DynamicOptions as DynamicOptions
    from nextword.engine.methods.ngram import NgramOptions as NgramOptions
    from nextword.engine.methods.temperature import TemperatureOptions as TemperatureOptions
    from nextword.engine.text_model import TextModel as TextModel
    from nextword.errors import *  # noqa: F403
    from nextword.inference.evaluation.comparison import ComparedWord as ComparedWord
    from nextword.inference.evaluation.comparison import ComparedWords as ComparedWords
    from nextword.inference.evaluation.keystroke_evaluation import KeystrokeEvaluation as KeystrokeEvaluation
    from nextword.inference.evaluation.keystrokes import Keystrokes as Keystrokes
    from nextword.inference.evaluation.perplexity import Evaluation as Evaluation
    from nextword.inference.evaluation.significance import Comparison as Comparison
    from nextword.inference.generation.generated_text import GeneratedText as GeneratedText
    from nextword.inference.generation.request import Request as Request
    from nextword.inference.generation.request import SearchOptions as SearchOptions
    from nextword.inference.generation.sampling import SamplingOptions as SamplingOptions
    from nextword.inference.scoring.gaps import RankedCandidate as RankedCandidate
    from nextword.inference.scoring.gaps import RankedCandidates as RankedCandidates
    from nextword.inference.scoring.lines import LineScore as LineScore
    from nextword.inference.scoring.prose import ShownLine as ShownLine
    from nextword.inference.scoring.surprise import SurprisingLine as SurprisingLine
    from nextword.inference.scoring.surprise import SurprisingToken as SurprisingToken
    from nextword.inference.scoring.vectors import NearWord as NearWord
    from nextword.inference.suggestion.session import SuggestionSession as SuggestionSession
    from nextword.inference.suggestion.session_options import SessionOptions as SessionOptions
    from nextword.inference.suggestion.suggestion import Suggestion as Suggestion
    from nextword.inference.suggestion.suggestion import Suggestions as Suggestions
    from nextword.inference.suggestion.user_words import UserWords as UserWords
    from nextword.model.architecture import Architecture as Architecture
    from nextword.model.language_model import LanguageModel as LanguageModel
    from nextword.text.corpus import Corpus as Corpus
    from nextword.text.encoding.token_store import TokenStore as TokenStore
    from nextword.text.options import TextOptions as TextOptions
    from nextword.text.tokens.tokenizer import Tokenizer as Tokenizer
    from nextword.training.progress import RoundRecord as RoundRecord
    from nextword.training.progress import TrainingPoint as TrainingPoint
    from nextword.training.report.history import TrainingHistory as TrainingHistory
    from nextword.training.report.mlflow_logger import MlflowLogger as MlflowLogger
    from nextword.training.report.tensorboard_logger import TensorBoardLogger as TensorBoardLogger

__version__ = "0.1.0"

_NAMES = {
    "inference.evaluation.keystroke_evaluation": "KeystrokeEvaluation",
    "api.run_settings": "RunSettings",
    "api.train": "train",
    "api.trained_model": "TrainedModel load",
    "model.architecture": "Architecture",
    "bundle.bundle": "Bundle",
    "engine.methods.cache": "CacheOptions",
    "engine.methods.dropout": "DropoutOptions",
    "engine.methods.dynamic": "DynamicOptions",
    "engine.methods.ngram": "NgramOptions",
    "engine.methods.temperature": "TemperatureOptions",
    "engine.text_model": "TextModel",
    "errors": (
        "BundleError CheckpointError EvaluationError ExportError MissingExtraError NextwordError ProcessLostError "
        "SettingError StorageError TextError TrainingDivergedError TrainingInterrupted TrainingWarning"
    ),
    "inference.evaluation.comparison": "ComparedWord ComparedWords",
    "inference.evaluation.keystrokes": "Keystrokes",
    "inference.evaluation.perplexity": "Evaluation",
    "inference.evaluation.significance": "Comparison",
    "inference.generation.generated_text": "GeneratedText",
    "inference.generation.request": "Request SearchOptions",
    "inference.generation.sampling": "SamplingOptions",
    "model.language_model": "LanguageModel",
    "inference.scoring.gaps": "RankedCandidate RankedCandidates",
    "inference.scoring.lines": "LineScore",
    "inference.scoring.prose": "ShownLine",
    "inference.scoring.surprise": "SurprisingLine SurprisingToken",
    "inference.scoring.vectors": "NearWord",
    "inference.suggestion.session": "SuggestionSession",
    "inference.suggestion.session_options": "SessionOptions",
    "inference.suggestion.suggestion": "Suggestion Suggestions",
    "inference.suggestion.user_words": "UserWords",
    "text.corpus": "Corpus",
    "text.options": "TextOptions",
    "text.encoding.token_store": "TokenStore",
    "text.tokens.tokenizer": "Tokenizer",
    "training.report.history": "TrainingHistory",
    "training.report.mlflow_logger": "MlflowLogger",
    "training.progress": "RoundRecord TrainingPoint",
    "training.report.tensorboard_logger": "TensorBoardLogger",
}

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = ["kenlm", *_HOMES]  # noqa: PLE0604 - the names are strings

# Keras reads this when it is first imported; without it, it would look for TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "jax")

# onnxruntime reads this when it is first imported: it would send data about its use to Microsoft. 0 allows that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# jaxlib reads this when it is first imported; without it, a lost process would hide our error under a C++ stack trace.
# JAX sets 1, which a process inherits from one that has imported JAX.
if {"KERAS_DISTRIBUTION_NUM_PROCESSES", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"} & os.environ.keys():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1").replace("1", "4")


def __getattr__(name: str) -> object:
    if name == "kenlm":
        return import_module("nextword.kenlm")
    if name not in _HOMES:
        raise AttributeError(f"module 'nextword' has no attribute {name!r}")
    return getattr(import_module(f"nextword.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
