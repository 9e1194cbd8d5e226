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

    Example:
        >>> DynamicOptions(dynamic_segment_length=10, dynamic_learning_rate=2.5e-5, dynamic_decay=0.01).dynamic_epsilon
        2e-05
    """

    group: ClassVar[str] = "dynamic"

    dynamic_segment_length: int = setting(
        20,
        help="dynamic: tokens between updates of the weights. 5 is better and slower.",
        at_least=1,
        at_most=4096,
        task="method",
    )
    dynamic_learning_rate: float = setting(
        5e-5, help="dynamic: step size along the gradient.", at_least=0.0, task="method"
    )
    dynamic_decay: float = setting(0.02, help="dynamic: pull toward the trained weights.", at_least=0.0, task="method")
    dynamic_epsilon: float = setting(
        2e-5, help="dynamic: damps updates of weights with small gradients.", at_least=1e-12, task="method"
    )
