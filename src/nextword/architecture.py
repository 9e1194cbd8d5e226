"""A language model described: what both the training wing and the using wing agree on."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from nextword.errors import SettingError
from nextword.settings import Settings, setting

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Architecture(Settings):
    """The sizes, the wiring and the dropout of an LSTM language model.

    Everything that decides the names and the shapes of the weights stands here, and nothing about training but the
    dropout rates, which belong to the layers.

    Raises:
        SettingError: A value leaves its range, or `tied` meets a last layer that is not as wide as the embedding.

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
        if len(self.hidden_sizes) > 16:
            raise SettingError(f"`hidden_sizes` must have at most 16 layers, but has {len(self.hidden_sizes)}")
        if self.tied and self.hidden_sizes[-1] != self.embedding_size:
            raise SettingError(
                f"`tied` needs a last layer as wide as the embedding, but it is {self.hidden_sizes[-1]} wide and the "
                f"embedding {self.embedding_size}; set both alike or `tied = false`"
            )

    @property
    def num_layers(self) -> int:
        """Number of LSTM layers."""
        return len(self.hidden_sizes)

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
        if not self.tied:
            shapes["projection/kernel"] = (input_size, self.vocabulary_size)
        shapes["projection/bias"] = (self.vocabulary_size,)
        return shapes
