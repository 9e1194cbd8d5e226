"""The architecture of a language model: its options and the shapes of its weights."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nextword.errors import SettingError
from nextword.model.cells import CELLS, CellName, Shape
from nextword.settings import Settings, rate, setting

_MAX_LAYERS = 16


@dataclass(frozen=True, kw_only=True)
class DropoutRate(Settings):
    """One rate of dropout, as papers write it, for three rates of `ModelOptions`."""

    group: ClassVar[str] = "model"
    task: ClassVar[str] = "optimization"

    dropout: float | None = setting(
        None,
        help="Dropout of input, layers and output.",
        at_least=0.0,
        below=1.0,
        unset="three rates",
    )


def with_single_rates(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of model settings with the three rates of dropout instead of `dropout`.

    Example:
        >>> with_single_rates({"dropout": 0.3, "output_dropout_rate": 0.5})
        {'input_dropout_rate': 0.3, 'hidden_dropout_rate': 0.3, 'output_dropout_rate': 0.5}
    """
    rest = {name: value for name, value in model.items() if name != "dropout"}
    if len(rest) == len(model):
        return rest
    rate = DropoutRate.from_table({"dropout": model["dropout"]}).dropout
    return {**{f"{place}_dropout_rate": rate for place in ("input", "hidden", "output")}, **rest}


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Settings):
    """Sizes, connections and dropout of a language model without its vocabulary.

    Raises:
        SettingError: A value is out of range, or two options do not fit:

            - `state_modulation` needs the `cell` lstm.
            - `tied` needs a last layer as wide as the embedding.
    """

    group: ClassVar[str] = "model"
    task: ClassVar[str] = "size"

    embedding_size: int = setting(help="Width of the token embedding.", at_least=1, at_most=2**14)
    hidden_sizes: tuple[int, ...] = setting(
        help="Width of each recurrent layer, first to last.", at_least=1, at_most=2**14
    )
    tied: bool = setting(False, help="Share the embedding matrix with the output projection.")
    cell: CellName = setting("lstm", help="Type of recurrent layer.")
    state_modulation: bool = setting(False, help="LSTM: let the input modulate the hidden state before each step.")
    embedding_dropout_rate: float = rate(help="Dropout of whole words from the input.", task="regularization")
    input_dropout_rate: float = rate(help="Dropout on the embedded input.", task="regularization")
    hidden_dropout_rate: float = rate(help="Dropout between recurrent layers.", task="regularization")
    output_dropout_rate: float = rate(help="Dropout after the last recurrent layer.", task="regularization")
    weight_drop_rate: float = rate(help="Dropout of recurrent weights (DropConnect).", task="regularization")
    locked_dropout: bool = setting(
        False, help="Use one dropout mask for all steps of a window (variational dropout).", task="regularization"
    )
    forget_bias: float = setting(
        1.0, help="LSTM: initial bias of the forget gate.", at_least=-10.0, at_most=10.0, task="optimization"
    )
    initializer: Literal["glorot", "uniform"] = setting(
        "glorot",
        help="Initial kernels: Glorot uniform and orthogonal, or all uniform within --initializer-scale.",
        task="optimization",
    )
    initializer_scale: float = setting(
        0.05,
        help="Half-width of the uniform initializer. For the embedding, always used.",
        at_least=0.0,
        at_most=10.0,
        task="optimization",
    )

    @property
    def summary(self) -> str:
        """Cell and layer widths, such as `LSTM 320-160`."""
        return f"{CELLS[self.cell].title} {'-'.join(map(str, self.hidden_sizes))}"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.hidden_sizes) > _MAX_LAYERS:
            raise SettingError(
                f"`hidden_sizes` must have at most {_MAX_LAYERS} layers, but has {len(self.hidden_sizes)}"
            )
        if self.state_modulation and self.cell != "lstm":
            raise SettingError(
                f"`state_modulation` needs the cell lstm, but `cell` is {self.cell}; change `cell` or remove "
                "`state_modulation`"
            )
        if self.tied and self.hidden_sizes[-1] != self.embedding_size:
            raise SettingError(
                f"`tied` needs a last layer as wide as the embedding, but it is {self.hidden_sizes[-1]} wide and the "
                f"embedding {self.embedding_size}; make them equal, or turn `tied` off"
            )

    def build(self, vocabulary_size: int) -> "Architecture":
        """Return the architecture for a vocabulary of `vocabulary_size` tokens."""
        return Architecture(vocabulary_size=vocabulary_size, **vars(self))


@dataclass(frozen=True, kw_only=True)
class Architecture(ModelOptions):
    """The options of a language model and the size of its vocabulary.

    They determine names and shapes of all weights. The only settings of training here are the dropout rates, because
    the layers apply them.

    Example:
        >>> tutorial = Architecture(vocabulary_size=10_000, embedding_size=500, hidden_sizes=(500, 500))
        >>> tutorial.num_parameters
        14014000
    """

    vocabulary_size: int = setting(help="Number of tokens in the vocabulary.", at_least=2, at_most=2**22)

    @property
    def options(self) -> ModelOptions:
        """The options without the vocabulary."""
        return ModelOptions(**{name: value for name, value in vars(self).items() if name != "vocabulary_size"})

    def to_table(self) -> dict[str, Any]:
        """Return the architecture as a table for TOML or JSON, with `vocabulary_size` first."""
        return {"vocabulary_size": self.vocabulary_size, **super().to_table()}

    @property
    def num_layers(self) -> int:
        """Number of recurrent layers."""
        return len(self.hidden_sizes)

    @property
    def num_parameters(self) -> int:
        """Number of trainable scalars."""
        return sum(math.prod(shape) for shape in self.weight_shapes().values())

    def weight_shapes(self) -> dict[str, Shape]:
        """Return the name and the shape of every weight, in the order of a bundle.

        The gates of an LSTM layer are side by side in the order input, forget, candidate, output; those of a GRU in the
        order update, reset, candidate.
        """
        shapes: dict[str, Shape] = {"embedding/embeddings": (self.vocabulary_size, self.embedding_size)}
        cell, sizes = CELLS[self.cell], (self.embedding_size, *self.hidden_sizes)
        for index, (input_size, hidden_size) in enumerate(itertools.pairwise(sizes)):
            width = cell.num_gates * hidden_size
            layer = {"kernel": (input_size, width), "recurrent_kernel": (hidden_size, width), "bias": (width,)}
            if self.state_modulation:
                layer |= {"modulation_kernel": (input_size, hidden_size), "modulation_bias": (hidden_size,)}
            shapes |= {f"{self.cell}_{index}/{name}": shape for name, shape in layer.items()}
        if not self.tied:
            shapes["projection/kernel"] = (self.hidden_sizes[-1], self.vocabulary_size)
        return {**shapes, "projection/bias": (self.vocabulary_size,)}


def useful_flops_per_word(architecture: Architecture) -> int:
    """Return the floating-point operations of the matrix products for one word in training.

        6 * (weights in matrix products)

    A plain LSTM has `6 * (sum over layers of 4 H (I + H)  +  V H)`: `I` is the input width of a layer, and the last `H`
    is the width of the last layer. Each weight of a product needs a multiplication and an addition in the forward pass,
    for the gradient of its input and for its gradient. Embedding lookups, biases, the element-wise operations of the
    gates, the optimizer and recomputation do not count.
    """
    embedding = "embedding/embeddings"
    matrices = {name: math.prod(shape) for name, shape in architecture.weight_shapes().items() if len(shape) == 2}
    if not architecture.tied:
        del matrices[embedding]
    return 6 * sum(matrices.values())
