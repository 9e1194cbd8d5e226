"""A trained model ready for use: tokenizer and engine, from a bundle."""

from dataclasses import dataclass

from nextword.bundle.bundle import Bundle
from nextword.engine.engine import Engine
from nextword.text.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What people put to work: text goes in, and log-probabilities come out.

    Attributes:
        bundle: The model as it is stored.
        engine: What runs it.
        run_by: The library that does, and in which precision where that changes figures: "Keras", "onnxruntime" or
            "onnxruntime in int8".
    """

    bundle: Bundle
    engine: Engine
    run_by: str = "Keras"

    @property
    def name(self) -> str:
        """The model's name."""
        return self.bundle.name

    @property
    def tokenizer(self) -> Tokenizer:
        """How its text becomes ids."""
        return self.bundle.tokenizer
