"""What the inference benchmark measures, and for how long."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.errors import SettingError
from nextword.model.architecture import Architecture, useful_flops_per_word
from nextword.settings import Settings, setting

_FLOPS_PER_WEIGHT = 6
"""Of training: a multiplication and an addition forward, and twice as many back."""


@dataclass(frozen=True, kw_only=True)
class ModelSize(Settings):
    """How large the model is: LSTM layers of one width, and an embedding of it that is shared with the output.

    Raises:
        SettingError: A value leaves its range.

    Example:
        >>> ModelSize().weights_per_step
        9314304
    """

    group: ClassVar[str] = "model"

    vocabulary_size: int = setting(10_000, help="Number of words.", at_least=50, at_most=2**20)
    hidden_size: int = setting(512, help="Units of each layer, and width of the embedding.", at_least=1, at_most=2**14)
    num_layers: int = setting(2, help="Number of LSTM layers.", at_least=1, at_most=16)

    @property
    def architecture(self) -> Architecture:
        """The model."""
        return Architecture(
            vocabulary_size=self.vocabulary_size,
            embedding_size=self.hidden_size,
            hidden_sizes=(self.hidden_size,) * self.num_layers,
            tied=True,
        )

    @property
    def weights_per_step(self) -> int:
        """Number of weights that a step multiplies by: those of the layers and of the output."""
        return useful_flops_per_word(self.architecture) // _FLOPS_PER_WEIGHT


@dataclass(frozen=True, kw_only=True)
class Effort(Settings):
    """How much is measured.

    Raises:
        SettingError: A value leaves its range, or there are fewer sentences than turns.

    Example:
        >>> Effort(turns=7, keys=2000).keys_per_turn
        286
    """

    group: ClassVar[str] = "effort"

    turns: int = setting(6, help="Turns of each peer.", at_least=1, at_most=1000)
    steps: int = setting(200, help="Steps in a turn.", at_least=1, at_most=10**6)
    sentences: int = setting(10_000, help="Sentences to score, over all turns.", at_least=1, at_most=10**6)
    starts: int = setting(5, help="Cold starts, and loads in a running process.", at_least=1, at_most=1000)
    keys: int = setting(2400, help="Keys to press, over all turns.", at_least=1, at_most=10**6)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sentences < self.turns:
            raise SettingError(
                f"`sentences` must be at least one for each of the {self.turns} turns, but is {self.sentences}; give "
                "more sentences or fewer turns"
            )

    @property
    def keys_per_turn(self) -> int:
        """Keys in a turn: all turns together have at least `keys`."""
        return -(-self.keys // self.turns)
