"""A trained model ready for use: tokenizer and engine, from a bundle."""

from dataclasses import dataclass
from pathlib import Path

from nextword.bundle.bundle import Bundle
from nextword.bundle.read import read_bundle
from nextword.engine.engine import Engine
from nextword.errors import MissingExtraError
from nextword.machine.compilation_cache import use_compilation_cache
from nextword.text.cache import cache_root
from nextword.text.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What people put to work: text goes in, and log-probabilities come out.

    Attributes:
        bundle: The model as it is stored.
        engine: What runs it.
    """

    bundle: Bundle
    engine: Engine

    @property
    def name(self) -> str:
        """The model's name."""
        return self.bundle.name

    @property
    def tokenizer(self) -> Tokenizer:
        """How its text becomes ids."""
        return self.bundle.tokenizer


def start_engine(bundle: Bundle) -> TrainedModel:
    """Return the model of a bundle, running.

    Raises:
        MissingExtraError: Nothing that could run it is installed.
    """
    try:
        from nextword.engine.keras_engine import KerasEngine
        from nextword.models.language_model import LanguageModel
    except ImportError as error:
        raise MissingExtraError(
            f"running a model needs Keras and JAX, but `{error.name}` is missing; install `nextword[train]`"
        ) from error
    use_compilation_cache(cache_root())
    model = LanguageModel(bundle.architecture)
    model.set_named_weights(bundle.weights)
    return TrainedModel(bundle, KerasEngine(model, end_id=bundle.tokenizer.vocabulary.end_id))


def open_model(path: Path) -> TrainedModel:
    """Read a bundle and start it.

    Raises:
        BundleError: The directory is not a sound bundle.
        MissingExtraError: Nothing that could run it is installed.
    """
    return start_engine(read_bundle(path))
