"""Options of the training windows."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from nextword.errors import SettingError
from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class BatchOptions(Settings):
    """Shape and order of the training windows."""

    group: ClassVar[str] = "batching"

    windows: Literal["streams", "successive"] = setting(
        "streams",
        help="Parallel streams with carried state, or successive windows without it, as in the tutorial.",
        task="batching",
    )
    batch_size: int = setting(32, help="Number of rows in a batch.", at_least=1, at_most=65_536, task="batching")
    num_steps: int = setting(35, help="Number of time steps in a batch.", at_least=1, at_most=65_536, task="batching")
    skip_step: int | None = setting(
        None, help="Tokens between the starts of successive windows.", at_least=1, unset="--num-steps", task="batching"
    )
    variable_num_steps: bool = setting(
        False, help="Vary the length of each window of streams around --num-steps.", task="batching"
    )
    shuffle: Literal["none", "partial"] = setting(
        "none",
        help="Start each row of the streams at another place in every epoch (partial), or at the same (none).",
        task="batching",
    )
    reset_rate: float = setting(
        0.0,
        help="Probability that a row's state is cleared before a window.",
        at_least=0.0,
        at_most=1.0,
        task="batching",
    )
    shuffle_seed: int = setting(
        0, help="Seed for window lengths, shuffling and resets.", at_least=0, at_most=2**31 - 1, task="batching"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.varied and self.windows != "streams":
            name = self.varied[0]
            raise SettingError(
                f"`{name}` needs `windows` = 'streams', but is {getattr(self, name)!r} with `windows` = "
                f"{self.windows!r}; remove it or train on streams"
            )

    @property
    def varied(self) -> list[str]:
        """Names of the enabled settings that make epochs differ."""
        disabled = {"variable_num_steps": False, "shuffle": "none", "reset_rate": 0.0}
        return [name for name, value in disabled.items() if getattr(self, name) != value]
