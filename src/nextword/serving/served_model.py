"""The model that the service answers with, and its replacement by another one."""

import time
from dataclasses import dataclass, field

from nextword.bundle.bundle import Bundle
from nextword.engine.text_model import TextModel


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model at work in the service.

    Attributes:
        model: Engine and tokenizer, with the methods that were asked for.
        bundle: The model as it is stored.
        hash: SHA-256 of the stored weights, in hexadecimal.
        methods: Description of the methods; empty without any.
        created: When it was loaded, in seconds since 1970.
    """

    model: TextModel
    bundle: Bundle
    hash: str
    methods: str = ""
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.bundle.name

    @property
    def fingerprint(self) -> str:
        """Name and the first digits of the hash: the `system_fingerprint` of an answer."""
        return f"{self.name}-{self.hash[:12]}"


class ModelSlot:
    """Holds the model that new requests get. A request keeps its model to its end.

    Args:
        current: The first model.
    """

    def __init__(self, current: ServedModel) -> None:
        self._current = current

    @property
    def current(self) -> ServedModel:
        """The model for new requests."""
        return self._current

    def replace(self, model: ServedModel) -> None:
        """Give new requests another model."""
        self._current = model
