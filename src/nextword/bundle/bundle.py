"""A trained model in memory: what is written to a bundle and what is read from one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.files import History, Weights, check_name
from nextword.bundle.mixture import Mixture
from nextword.bundle.model_card import with_mixture_section
from nextword.bundle.onnx_weights import onnx_floats
from nextword.errors import BundleError
from nextword.model.architecture import Architecture
from nextword.text.tokens.tokenizer import Tokenizer


class DeferredWeights(Mapping[str, NDArray[np.float32]]):
    """Weights that are read when they are first used. A model that runs from `model.onnx` does not need them."""

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


class AbsentWeights(DeferredWeights):
    """The weights of a slim bundle, which stores `model.onnx` only: using them raises a `BundleError`."""

    def __init__(self, model: str, architecture: Architecture) -> None:
        super().__init__(architecture.weight_shapes(), lambda: require_weights(model))


def require_weights(model: str) -> NoReturn:
    """Refuse to use the float32 weights of a slim bundle."""
    raise BundleError(
        f"`{model}` must have its float32 weights for this, but is a slim copy that holds `model.onnx` only; use the "
        "model that it was exported from, or run it with onnxruntime"
    )


@dataclass(frozen=True, eq=False)
class Bundle:
    """Everything that is needed to use a model, checked to fit together.

    Args:
        name: 1 to 64 letters, digits, dots, dashes and underscores; usable as a file name.
        architecture: The description of the network.
        tokenizer: Turns text into the ids of the model.
        weights: Float32 and finite, with the names and shapes of `architecture.weight_shapes()`. `DeferredWeights` are
            checked when they are read.
        card: The model card, in Markdown; `nextword.bundle.model_card` makes one.
        onnx: The content of `model.onnx`, if the model was exported. The engine that runs it checks it first.
        history: What each round of the training measured, if the bundle was saved from Python.
        mixture: What is mixed with the network at work, if anything.

    Raises:
        BundleError: The parts do not fit together, or a weight is not finite.

    Example:
        >>> import nextword
        >>> bundle = nextword.load("austen").bundle
        >>> bundle
        Bundle('austen', LSTM 416-208, 9,878 words, model.onnx only)
    """

    name: str
    architecture: Architecture
    tokenizer: Tokenizer
    weights: Weights
    card: str
    onnx: bytes | None = None
    history: History = ()
    mixture: Mixture | None = None

    def __repr__(self) -> str:
        exported = "" if self.onnx is None else ", model.onnx only" if self.is_slim else ", with model.onnx"
        return f"Bundle({self.name!r}, {self.summary}{exported})"

    @property
    def summary(self) -> str:
        """The model in a few words, such as `LSTM 320-160, 9,878 words`."""
        return f"{self.architecture.summary}, {self.tokenizer.summary}"

    @property
    def is_slim(self) -> bool:
        """Whether the bundle stores `model.onnx` without the float32 weights."""
        return isinstance(self.weights, AbsentWeights)

    def embeddings(self) -> NDArray[np.float32]:
        """Return the embedding matrix `(V, E)`. That of a slim bundle comes from `model.onnx`, rounded if in int8.

        Raises:
            BundleError: `model.onnx` is refused.
        """
        name = "embedding/embeddings"
        return self.floats([name])[name]

    def floats(self, names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Return weights by their names. Those of a slim bundle come from `model.onnx`, rounded if in int8.

        Raises:
            BundleError: `model.onnx` is refused.
        """
        if self.is_slim and self.onnx is not None:
            return onnx_floats(self.onnx, self.architecture, names)
        return {name: self.weights[name] for name in names}

    def to_slim(self) -> "Bundle":
        """Return the bundle without its float32 weights.

        Raises:
            BundleError: There is no `model.onnx` to run instead.
        """
        return replace(self, weights=AbsentWeights(self.name, self.architecture))

    def without_mixture(self) -> "Bundle":
        """Return the network alone, with a card that says nothing of a mixture."""
        return replace(self, mixture=None, card=with_mixture_section(self.card, {}))

    def is_same_model(self, other: "Bundle") -> bool:
        """Return whether two bundles hold the same network, tokenizer and weights, exported or not."""
        return (
            self.architecture == other.architecture
            and self.tokenizer.fingerprint == other.tokenizer.fingerprint
            and all(np.array_equal(weight, other.weights[name]) for name, weight in self.weights.items())
        )

    def __post_init__(self) -> None:
        check_name(self.name)
        size = self.tokenizer.vocabulary_size
        if size != self.architecture.vocabulary_size:
            raise BundleError(
                f"the tokenizer must have the {self.architecture.vocabulary_size} tokens of the architecture, but has "
                f"{size}; use the tokenizer that the model was trained with"
            )
        ngrams = self.mixture.ngrams if self.mixture else None
        if ngrams is not None and len(ngrams.singles) != size:
            raise BundleError(
                f"the n-grams of the mixture must be of the {size} tokens of the model, but are of "
                f"{len(ngrams.singles)}; fit them to the model's own text"
            )
        width = self.architecture.hidden_sizes[-1]
        if self.mixture and any(gate and len(gate) != width + 1 for gate in self.mixture.gates):
            raise BundleError(
                f"the gates of the mixture must have {width + 1} numbers, one for each unit of the last layer and one, "
                "but have another number; fit the mixture again with `nextword mix`"
            )
        if self.is_slim and self.onnx is None:
            raise BundleError(
                f"`{self.name}` must have `model.onnx` or weights, but has neither; run `nextword export` first"
            )
        if not isinstance(self.weights, DeferredWeights):
            check_weights(self.weights, self.architecture)


def check_weights(weights: Weights, architecture: Architecture) -> None:
    """Refuse weights that do not match an architecture or are not finite."""
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
        with np.errstate(invalid="ignore"):  # `isfinite(weight)` would allocate an array as long as the weight
            is_finite = np.isfinite(weight.min()) and np.isfinite(weight.max())
        if not is_finite:
            raise BundleError(
                f"weight `{name}` must be finite, but holds NaN or infinity; train again with a lower learning rate"
            )
