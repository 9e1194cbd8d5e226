"""A language model described: what both the training wing and the using wing agree on."""

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from nextword.errors import SettingError
from nextword.settings import Settings, setting

Shape = tuple[int, ...]

_MOST_LAYERS = 16
_MOST_CUTOFFS = 16
_NARROWEST_TAIL = 8


@dataclass(frozen=True, kw_only=True)
class Architecture(Settings):
    """The sizes, the wiring and the dropout of an LSTM language model.

    Everything that decides the names and the shapes of the weights stands here, and nothing about training but the
    dropout rates, which belong to the layers.

    Raises:
        SettingError: A value leaves its range, `tied` meets a last layer that is not as wide as the embedding, or
            `adaptive_cutoffs` meet `tied` or do not rise from id to id of the vocabulary.

    Example:
        >>> tutorial = Architecture(vocabulary_size=10_000, embedding_size=500, hidden_sizes=(500, 500))
        >>> tutorial.num_parameters
        14014000
    """

    group: ClassVar[str] = "model"

    vocabulary_size: int = setting(help="Number of tokens in the vocabulary.", at_least=2, at_most=2**22)
    embedding_size: int = setting(help="Width of the token embedding.", at_least=1, at_most=2**14)
    hidden_sizes: tuple[int, ...] = setting(help="Width of each LSTM layer, first to last.", at_least=1, at_most=2**14)
    tied: bool = setting(False, help="Share the embedding matrix with the output projection.")
    adaptive_cutoffs: tuple[int, ...] = setting(
        (),
        help="Ids at which the adaptive softmax's clusters of rarer words begin; without, the softmax is full.",
        at_least=1,
    )
    adaptive_factor: float = setting(
        4.0,
        help="By how much each cluster of the adaptive softmax is narrower than the one before.",
        at_least=1.0,
        at_most=1024.0,
    )
    input_dropout_rate: float = setting(0.0, help="Dropout on the embedded input.", at_least=0.0, below=1.0)
    hidden_dropout_rate: float = setting(0.0, help="Dropout between LSTM layers.", at_least=0.0, below=1.0)
    output_dropout_rate: float = setting(0.0, help="Dropout after the last LSTM layer.", at_least=0.0, below=1.0)
    forget_bias: float = setting(1.0, help="Initial bias of the forget gate.", at_least=-10.0, at_most=10.0)
    initializer: Literal["glorot", "uniform"] = setting(
        "glorot",
        help="Glorot-uniform kernels with orthogonal recurrent kernels, or all uniform in +-initializer_scale.",
    )
    initializer_scale: float = setting(
        0.05, help="Half-width of the uniform initializer; of the embedding in either.", at_least=0.0, at_most=10.0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.hidden_sizes) > _MOST_LAYERS:
            raise SettingError(
                f"`hidden_sizes` must have at most {_MOST_LAYERS} layers, but has {len(self.hidden_sizes)}"
            )
        if self.tied and self.hidden_sizes[-1] != self.embedding_size:
            raise SettingError(
                f"`tied` needs a last layer as wide as the embedding, but it is {self.hidden_sizes[-1]} wide and the "
                f"embedding {self.embedding_size}; set both alike or `tied = false`"
            )
        if self.adaptive_cutoffs:
            self._check_cutoffs()

    def _check_cutoffs(self) -> None:
        cutoffs = self.adaptive_cutoffs
        if self.tied:
            raise SettingError(
                "`adaptive_cutoffs` need `tied = false`, since rarer words have narrower weights than the embedding, "
                "but `tied` is true; set it to false or leave the cutoffs out"
            )
        if len(cutoffs) > _MOST_CUTOFFS:
            raise SettingError(f"`adaptive_cutoffs` must be at most {_MOST_CUTOFFS} ids, but are {len(cutoffs)}")
        if any(here >= following for here, following in itertools.pairwise(cutoffs)):
            raise SettingError(f"`adaptive_cutoffs` must rise from each id to the next, but are {list(cutoffs)}")
        if cutoffs[-1] >= self.vocabulary_size:
            raise SettingError(
                f"`adaptive_cutoffs` must be below the number of tokens in the vocabulary, {self.vocabulary_size}, but "
                f"the last is {cutoffs[-1]}; leave it out or lower it"
            )

    @property
    def num_layers(self) -> int:
        """Number of LSTM layers."""
        return len(self.hidden_sizes)

    @property
    def tail_sizes(self) -> tuple[int, ...]:
        """Number of tokens in each cluster of rarer words; none without an adaptive softmax."""
        ends = (*self.adaptive_cutoffs, self.vocabulary_size)
        return tuple(end - start for start, end in itertools.pairwise(ends))

    @property
    def tail_widths(self) -> tuple[int, ...]:
        """Width to which each cluster of rarer words projects the hidden state `H`.

        Each is narrower than the one before by `adaptive_factor`, the first than `H`; none is narrower than 8, or than
        `H` where that is less.
        """
        width: float = self.hidden_sizes[-1]
        narrowest, widths = min(_NARROWEST_TAIL, self.hidden_sizes[-1]), []
        for _ in self.adaptive_cutoffs:
            # Division alone is the same to the bit on every machine, and a weight's shape depends on it.
            width /= self.adaptive_factor
            widths.append(max(narrowest, int(width)))
        return tuple(widths)

    @property
    def num_parameters(self) -> int:
        """Number of trainable scalars."""
        return sum(math.prod(shape) for shape in self.weight_shapes().values())

    def weight_shapes(self) -> dict[str, Shape]:
        """Return the name and the shape of every weight, in the order in which a bundle stores them.

        The gates of a layer lie side by side in the order input, forget, candidate, output.
        """
        shapes: dict[str, Shape] = {"embedding/embeddings": (self.vocabulary_size, self.embedding_size)}
        input_size = self.embedding_size
        for index, hidden_size in enumerate(self.hidden_sizes):
            shapes[f"lstm_{index}/kernel"] = (input_size, 4 * hidden_size)
            shapes[f"lstm_{index}/recurrent_kernel"] = (hidden_size, 4 * hidden_size)
            shapes[f"lstm_{index}/bias"] = (4 * hidden_size,)
            input_size = hidden_size
        return {**shapes, **self._projection_shapes()}

    def _projection_shapes(self) -> dict[str, Shape]:
        hidden_size, num_tails = self.hidden_sizes[-1], len(self.adaptive_cutoffs)
        if not num_tails:
            kernel: dict[str, Shape] = {} if self.tied else {"projection/kernel": (hidden_size, self.vocabulary_size)}
            return {**kernel, "projection/bias": (self.vocabulary_size,)}
        num_classes = self.adaptive_cutoffs[0] + num_tails
        shapes: dict[str, Shape] = {
            "projection/head_kernel": (hidden_size, num_classes),
            "projection/head_bias": (num_classes,),
        }
        for index, (size, width) in enumerate(zip(self.tail_sizes, self.tail_widths, strict=True)):
            shapes[f"projection/tail_{index}_projection"] = (hidden_size, width)
            shapes[f"projection/tail_{index}_kernel"] = (width, size)
            shapes[f"projection/tail_{index}_bias"] = (size,)
        return shapes
