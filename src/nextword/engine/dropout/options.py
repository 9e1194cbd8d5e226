"""The settings of Monte-Carlo dropout, importable without a training framework."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class DropoutOptions(Settings):
    """The settings of the mean over dropout masks.

    Raises:
        SettingError: A value is out of range.
    """

    group: ClassVar[str] = "dropout"

    num_samples: int = setting(20, help="Draws of all masks.", at_least=1, at_most=10_000)
    mean: Literal["arithmetic", "geometric"] = setting(
        "arithmetic", help="Average the probabilities, or their logarithms."
    )
    seed: int = setting(0, help="Seed of the masks.", at_least=0, at_most=2**31 - 1)
