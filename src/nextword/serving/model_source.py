"""Where the served model comes from: a bundle on disk, an engine, and methods after training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nextword.bundle.store import weights_sha256
from nextword.engine.methods.chain import Tables, apply_methods
from nextword.engine.methods.method import Method, Splits
from nextword.engine.opening import EngineName, open_model
from nextword.errors import BundleError
from nextword.serving.model_text import ModelText
from nextword.serving.served_model import ServedModel
from nextword.text.tokens.tokenizer import Tokenizer


def no_splits(_tokenizer: Tokenizer) -> Splits:
    """Return splits without a text, for a model that needs none."""

    def refuse() -> Any:
        raise BundleError(
            "a method that reads the training text needs the run that the model comes from, but was given a model "
            "alone; serve the run, such as `runs/demo`, or leave the method out"
        )

    return Splits(train=refuse, valid=refuse)


@dataclass(frozen=True)
class ModelSource:
    """Loads the model that the service answers with, at the start and at each reload.

    Attributes:
        path: The directory of the bundle.
        engine: The engine that runs it.
        methods: The methods after training, the innermost first.
        tables: Settings of the methods, by group.
        splits: Returns the text that methods may read, for the tokenizer of the model.
        max_active: Most texts that the engine works on at once.
    """

    path: Path
    engine: EngineName = "auto"
    methods: Sequence[Method[Any]] = ()
    tables: Tables = field(default_factory=dict)
    splits: Callable[[Tokenizer], Splits] = no_splits
    max_active: int = 64

    def load(self) -> ServedModel:
        """Read the bundle, check it, start its engine and apply the methods.

        Raises:
            BundleError: The bundle is not sound, or was written again meanwhile.
            MissingExtraError: No library that can run the model is installed.
            SettingError: A setting of a method is out of range, or the methods do not fit the model.
        """
        sha256 = weights_sha256(self.path)
        loaded = open_model(self.path, self.engine)
        if weights_sha256(self.path) != sha256:
            raise BundleError(f"`{self.path}` must not change while it is read, but was written again; load it again")
        applied = apply_methods([loaded], self.methods, self.tables, self.splits(loaded.tokenizer))
        return ServedModel(
            applied.model,
            loaded.bundle,
            hash=sha256,
            methods=applied.description,
            text=ModelText.of(self.path),
            learns=any(method.learns for method in self.methods),
            max_active=self.max_active,
        )
