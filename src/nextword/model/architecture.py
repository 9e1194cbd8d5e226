"""The architecture of a language model: its options and the shapes of its weights."""

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nextword.errors import SettingError
from nextword.model.cells import CELLS, CellName, Shape
from nextword.settings import Settings, rate, setting

_MAX_LAYERS = 16
_MAX_CUTOFFS = 16
_MIN_TAIL_WIDTH = 8


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Settings):
    """Sizes, connections and dropout of a language model without its vocabulary.

    Raises:
        SettingError: A value is out of range, or two options do not fit:

            - `cap_input_gate`, `layer_normalization`, `state_modulation` and `mogrifier_rank` need a `cell` that
              supports them; `layer_normalization` and `state_modulation` exclude each other.
            - `skip_connections` need `hidden_sizes` that are all equal.
            - `tied` needs a last layer as wide as the embedding, a mixture or `narrowed_output`.
            - `latent_dropout_rate` needs a mixture or `narrowed_output`, which exclude each other.
            - `adaptive_cutoffs` must increase, and exclude `tied`, a mixture and `narrowed_output`.
    """

    group: ClassVar[str] = "model"
    task: ClassVar[str] = "size"

    embedding_size: int = setting(help="Width of the token embedding.", at_least=1, at_most=2**14)
    hidden_sizes: tuple[int, ...] = setting(
        help="Width of each recurrent layer, first to last.", at_least=1, at_most=2**14
    )
    tied: bool = setting(False, help="Share the embedding matrix with the output projection.")
    adaptive_cutoffs: tuple[int, ...] = setting(
        (), help="Adaptive softmax: first id of each cluster of rare words.", at_least=1, unset="full softmax"
    )
    adaptive_factor: float = setting(
        4.0,
        help="Adaptive softmax: how many times narrower each cluster is than the one before.",
        at_least=1.0,
        at_most=1024.0,
    )
    cell: CellName = setting("lstm", help="Type of recurrent layer.")
    cap_input_gate: bool = setting(False, help="LSTM: cap the input gate at 1 - f, which keeps the cell in [-1, 1].")
    layer_normalization: bool = setting(False, help="LSTM: normalize the gates and the cell over the units.")
    state_modulation: bool = setting(False, help="LSTM: let the input modulate the hidden state before each step.")
    skip_connections: bool = setting(False, help="Add up the outputs of all layers, instead of taking the last.")
    mogrifier_rounds: int = setting(
        5, help="Mogrifier: rounds in which input and hidden state modulate each other.", at_least=0, at_most=16
    )
    mogrifier_rank: int | None = setting(
        None, help="Mogrifier: rank of the modulating matrices.", at_least=1, at_most=2**14, unset="full rank"
    )
    mixture_size: int = setting(1, help="Number of softmaxes to mix. 1 is a plain softmax.", at_least=1, at_most=64)
    narrowed_output: bool = setting(
        False, help="Project the last layer to the width of the embedding. With this, --tied fits any width."
    )
    embedding_dropout_rate: float = rate(help="Dropout of whole words from the input.", task="regularization")
    input_dropout_rate: float = rate(help="Dropout on the embedded input.", task="regularization")
    hidden_dropout_rate: float = rate(help="Dropout between recurrent layers.", task="regularization")
    output_dropout_rate: float = rate(help="Dropout after the last recurrent layer.", task="regularization")
    latent_dropout_rate: float = rate(
        help="Dropout before the softmaxes of a mixture or a narrowed output.", task="regularization"
    )
    state_dropout_rate: float = rate(
        help="Dropout on the hidden state that a layer reads back, one mask per window.", task="regularization"
    )
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
        self._check_cell()
        self._check_output()
        if self.adaptive_cutoffs:
            self._check_cutoffs()

    def _check_cell(self) -> None:
        for name in sorted({name for cell in CELLS.values() for name in cell.options}):
            if getattr(self, name) and name not in CELLS[self.cell].options:
                cells = [kind for kind, cell in CELLS.items() if name in cell.options]
                raise SettingError(
                    f"`{name}` needs the cell {' or '.join(cells)}, but `cell` is {self.cell}; change `cell` or remove "
                    f"`{name}`"
                )
        if self.layer_normalization and self.state_modulation:
            raise SettingError(
                "`layer_normalization` and `state_modulation` must not both be on, but are; turn one of them off"
            )
        if self.skip_connections and len(set(self.hidden_sizes)) > 1:
            raise SettingError(
                f"`skip_connections` add the outputs of all layers and need equal `hidden_sizes`, but they are "
                f"{list(self.hidden_sizes)}; make them equal or turn `skip_connections` off"
            )

    def _check_output(self) -> None:
        is_mixture = self.mixture_size > 1
        if is_mixture and self.narrowed_output:
            raise SettingError(
                f"`narrowed_output` needs a single softmax, but `mixture_size` is {self.mixture_size}, and a mixture "
                "has separate projections; remove one of the two"
            )
        if self.adaptive_cutoffs and (is_mixture or self.narrowed_output):
            which = f"`mixture_size` is {self.mixture_size}" if is_mixture else "`narrowed_output` is true"
            raise SettingError(f"`adaptive_cutoffs` need a plain output, but {which}; remove one of the two")
        if is_mixture or self.narrowed_output:
            return
        if self.latent_dropout_rate:
            raise SettingError(
                "`latent_dropout_rate` needs the latent vectors of a mixture or of `narrowed_output`, but is "
                f"{self.latent_dropout_rate:g} with `mixture_size` = 1; increase `mixture_size` or remove the rate"
            )
        if self.tied and self.hidden_sizes[-1] != self.embedding_size:
            raise SettingError(
                f"`tied` needs a last layer as wide as the embedding, but it is {self.hidden_sizes[-1]} wide and the "
                f"embedding {self.embedding_size}; make them equal, turn `narrowed_output` on, or turn `tied` off"
            )

    def _check_cutoffs(self) -> None:
        cutoffs = self.adaptive_cutoffs
        if self.tied:
            raise SettingError(
                "`adaptive_cutoffs` need `tied` to be off, because rarer words have narrower weights than the "
                "embedding, but `tied` is on; turn it off or remove the cutoffs"
            )
        if len(cutoffs) > _MAX_CUTOFFS:
            raise SettingError(f"`adaptive_cutoffs` must be at most {_MAX_CUTOFFS} ids, but are {len(cutoffs)}")
        if any(here >= following for here, following in itertools.pairwise(cutoffs)):
            raise SettingError(f"`adaptive_cutoffs` must increase from each id to the next, but are {list(cutoffs)}")

    def build(self, vocabulary_size: int) -> "Architecture":
        """Return the architecture for a vocabulary of `vocabulary_size` tokens."""
        return Architecture(vocabulary_size=vocabulary_size, **vars(self))


@dataclass(frozen=True, kw_only=True)
class Architecture(ModelOptions):
    """The options of a language model and the size of its vocabulary.

    They determine names and shapes of all weights. The only settings of training here are the dropout rates, because
    the layers apply them.

    Raises:
        SettingError: The options are invalid, or `adaptive_cutoffs` exceed the vocabulary.

    Example:
        >>> tutorial = Architecture(vocabulary_size=10_000, embedding_size=500, hidden_sizes=(500, 500))
        >>> tutorial.num_parameters
        14014000
    """

    vocabulary_size: int = setting(help="Number of tokens in the vocabulary.", at_least=2, at_most=2**22)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.adaptive_cutoffs and self.adaptive_cutoffs[-1] >= self.vocabulary_size:
            raise SettingError(
                f"`adaptive_cutoffs` must be below the number of tokens in the vocabulary, {self.vocabulary_size}, but "
                f"the last is {self.adaptive_cutoffs[-1]}; remove or lower it"
            )

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
    def tail_sizes(self) -> tuple[int, ...]:
        """Number of tokens in each cluster of rarer words; empty without an adaptive softmax."""
        ends = (*self.adaptive_cutoffs, self.vocabulary_size)
        return tuple(end - start for start, end in itertools.pairwise(ends))

    @property
    def tail_widths(self) -> tuple[int, ...]:
        """Width to which each cluster of rarer words projects the hidden state `(H,)`.

        Each width is the previous one divided by `adaptive_factor`, beginning with `H`. The minimum is 8, or `H` if
        that is less.
        """
        width: float = self.hidden_sizes[-1]
        minimum, widths = min(_MIN_TAIL_WIDTH, self.hidden_sizes[-1]), []
        for _ in self.adaptive_cutoffs:
            # Shapes of weights depend on it: unlike a power, a division is bit-identical on every machine.
            width /= self.adaptive_factor
            widths.append(max(minimum, int(width)))
        return tuple(widths)

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
            layer |= cell.extra_shapes(self, input_size, hidden_size)
            shapes |= {f"{self.cell}_{index}/{name}": shape for name, shape in layer.items()}
        projection = self._adaptive_shapes() if self.adaptive_cutoffs else self._softmax_shapes()
        return shapes | {f"projection/{name}": shape for name, shape in projection.items()}

    def _softmax_shapes(self) -> dict[str, Shape]:
        hidden_size, width, shapes = self.hidden_sizes[-1], self.embedding_size, dict[str, Shape]()
        if self.mixture_size > 1:
            latent_width = self.mixture_size * width
            shapes["prior_kernel"] = (hidden_size, self.mixture_size)
            shapes |= {"latent_kernel": (hidden_size, latent_width), "latent_bias": (latent_width,)}
        elif self.narrowed_output:
            shapes["narrowing_kernel"] = (hidden_size, width)
        else:
            width = hidden_size
        if not self.tied:
            shapes["kernel"] = (width, self.vocabulary_size)
        return {**shapes, "bias": (self.vocabulary_size,)}

    def _adaptive_shapes(self) -> dict[str, Shape]:
        hidden_size = self.hidden_sizes[-1]
        num_classes = self.adaptive_cutoffs[0] + len(self.adaptive_cutoffs)
        shapes: dict[str, Shape] = {"head_kernel": (hidden_size, num_classes), "head_bias": (num_classes,)}
        for index, (size, width) in enumerate(zip(self.tail_sizes, self.tail_widths, strict=True)):
            shapes[f"tail_{index}_projection"] = (hidden_size, width)
            shapes[f"tail_{index}_kernel"] = (width, size)
            shapes[f"tail_{index}_bias"] = (size,)
        return shapes


def useful_flops_per_word(architecture: Architecture) -> int:
    """Return the floating-point operations of the matrix products for one word in training.

        6 * (weights in matrix products)

    A plain LSTM has `6 * (sum over layers of 4 H (I + H)  +  V H)`: `I` is the input width of a layer, and the last `H`
    is the width of the last layer. Each weight of a product needs a multiplication and an addition in the forward pass,
    for the gradient of its input and for its gradient. The softmax weights of a mixture count once for each softmax.
    Those of an adaptive softmax count as if every word were in every cluster. Embedding lookups, biases, the
    element-wise operations of the gates, the optimizer and recomputation do not count.
    """
    embedding = "embedding/embeddings"
    matrices = {name: math.prod(shape) for name, shape in architecture.weight_shapes().items() if len(shape) == 2}
    softmax = embedding if architecture.tied else "projection/kernel"
    if softmax in matrices:
        matrices[softmax] *= architecture.mixture_size
    if not architecture.tied:
        del matrices[embedding]
    return 6 * sum(matrices.values())
