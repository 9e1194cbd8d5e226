"""A trained model in memory, before it is written and after it is read."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nextword.architecture import Architecture
from nextword.errors import BundleError
from nextword.text.tokenizer import Tokenizer

Weights = Mapping[str, NDArray[np.float32]]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class DeferredWeights(Mapping[str, NDArray[np.float32]]):
    """The weights of a bundle whose model runs without them, from `model.onnx`.

    Args:
        names: Their names, in order.
        read: Returns them, checked; called at most once.
    """

    def __init__(self, names: Iterable[str], read: Callable[[], Weights]) -> None:
        self._names = tuple(names)
        self._read = read

    @cached_property
    def _weights(self) -> Weights:
        return self._read()

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self._weights[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


@dataclass(frozen=True, eq=False)
class Bundle:
    """All that is needed to use a model, checked to fit together.

    Args:
        name: Letters, digits, dots, dashes and underscores, at most 64 of them; it may serve as a file name.
        architecture: What the model is.
        tokenizer: How text becomes its ids.
        weights: Names and shapes are those of `architecture.weight_shapes()`; float32, all finite. Those that are read
            later are checked then.
        card: The model card, in Markdown; `nextword.bundle.model_card` makes one.
        onnx: The content of `model.onnx`, if the model was exported; whoever runs it looks it through first.

    Raises:
        BundleError: The parts do not fit together, or a weight is not finite.
    """

    name: str
    architecture: Architecture
    tokenizer: Tokenizer
    weights: Weights
    card: str
    onnx: bytes | None = None

    def __repr__(self) -> str:
        exported = "" if self.onnx is None else ", with model.onnx"
        return f"Bundle({self.name!r}, {self.summary}{exported})"

    @property
    def summary(self) -> str:
        """The model in a few words, such as `LSTM 320-160, 9,878 words`."""
        return f"{self.architecture.summary}, {self.tokenizer.summary}"

    def __post_init__(self) -> None:
        check_name(self.name)
        size = self.tokenizer.vocabulary_size
        if size != self.architecture.vocabulary_size:
            raise BundleError(
                f"the tokenizer must have the {self.architecture.vocabulary_size} tokens of the architecture, but has "
                f"{size}; take the tokenizer that the model was trained with"
            )
        if not isinstance(self.weights, DeferredWeights):
            check_weights(self.weights, self.architecture)


def check_name(name: str) -> None:
    """Refuse a name that could not be that of a file.

    Raises:
        BundleError: The name is refused.
    """
    if not _NAME.fullmatch(name):
        raise BundleError(
            f"`name` must be 1 to 64 letters, digits, dots, dashes or underscores, but is {name[:80]!a}; choose another"
        )


def check_weights(weights: Weights, architecture: Architecture) -> None:
    """Refuse weights that are not those of an architecture, or not finite.

    Raises:
        BundleError: They are refused.
    """
    shapes = architecture.weight_shapes()
    for name in sorted(weights.keys() ^ shapes.keys()):
        fault = "is missing" if name in shapes else "is one too many"
        raise BundleError(f"the weights must be those of the architecture, but `{name[:80]}` {fault}")
    for name, shape in shapes.items():
        weight = weights[name]
        if weight.shape != shape:
            raise BundleError(f"weight `{name}` must have the shape {shape}, but has {weight.shape}")
        if weight.dtype != np.float32:
            raise BundleError(f"weight `{name}` must be float32, but is {weight.dtype}; convert it")
        with np.errstate(invalid="ignore"):  # not `isfinite(weight)`, an array of truth values as long as the weight
            is_finite = np.isfinite(weight.min()) and np.isfinite(weight.max())
        if not is_finite:
            raise BundleError(f"weight `{name}` must be finite, but holds NaN or infinity; train again more gently")
