"""Loads the model that the service answers with, with the methods that were asked for."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nextword.bundle.store import model_path
from nextword.bundle.weights import encode_weights
from nextword.engine.chain import AppliedMethods, apply_methods, methods_of
from nextword.engine.method import Splits
from nextword.engine.opening import EngineName, open_model
from nextword.engine.text_model import LoadedModel
from nextword.serving.model_text import ModelText
from nextword.serving.self_test import self_test
from nextword.serving.served_model import ServedModel


@dataclass(frozen=True)
class ModelLoader:
    """What to load, and how. Each call of `load` reads the directory again.

    Attributes:
        path: The directory of a run or a bundle.
        engine: The engine that runs the model.
        methods: Names of the methods after training, the innermost first.
        tables: Settings of the methods, by group.
        max_active: Most texts that the scheduler works on at once.
    """

    path: Path
    engine: EngineName = "auto"
    methods: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    max_active: int = 64

    def load(self) -> ServedModel:
        """Return the model, checked and tested.

        Raises:
            NextwordError: The bundle is damaged, a method cannot be applied, or the model fails its test.
        """
        loaded = open_model(model_path(self.path), self.engine)
        text = ModelText.of(self.path)
        applied = self._apply(loaded, text)
        served = ServedModel(
            applied.model,
            loaded.bundle,
            hash=weights_hash(loaded),
            methods=applied.description,
            learns=any(method.learns for method in methods_of(self.methods)),
            text=text,
            max_active=self.max_active,
        )
        try:
            self_test(served.model)
        except BaseException:
            served.scheduler.retire()
            raise
        return served

    def _apply(self, loaded: LoadedModel, text: ModelText) -> AppliedMethods:
        tokenizer = loaded.tokenizer
        splits = Splits(lambda: text.training_ids(tokenizer), lambda: text.validation_ids(tokenizer))
        return apply_methods([loaded], methods_of(self.methods), self.tables, splits)


def weights_hash(loaded: LoadedModel) -> str:
    """Return the SHA-256, in hexadecimal, of the file that the engine runs: `model.onnx` or `weights.safetensors`."""
    onnx = loaded.bundle.onnx if loaded.runtime == "onnxruntime" else None
    return hashlib.sha256(encode_weights(loaded.bundle.weights) if onnx is None else onnx).hexdigest()
