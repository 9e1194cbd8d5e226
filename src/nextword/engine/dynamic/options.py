"""The settings of dynamic evaluation, importable without a training framework."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class DynamicOptions(Settings):
    """The settings of dynamic evaluation.

    Learning rate and decay are per segment. For shorter segments, reduce both in proportion.

    Raises:
        SettingError: A value is out of range.
    """

    group: ClassVar[str] = "dynamic"

    segment_length: int = setting(
        20, help="Tokens between two steps of the weights; 5 is better and slower.", at_least=1, at_most=4096
    )
    learning_rate: float = setting(5e-5, help="How far the weights move along the gradient.", at_least=0.0)
    decay: float = setting(0.02, help="How far they move back to the trained weights.", at_least=0.0)
    epsilon: float = setting(2e-5, help="What keeps weights still whose gradient hardly ever moved.", at_least=1e-12)
