"""How dynamic evaluation is set; apart from the engine, so that it is known without a training framework."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class DynamicOptions(Settings):
    """How far a model moves while it reads.

    Learning rate and decay are per segment: if segments are shorter, both are to be as much smaller.

    Raises:
        SettingError: A value leaves its range.
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
