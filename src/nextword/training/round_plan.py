"""How the steps of a training are grouped into rounds."""

import math
from dataclasses import dataclass

from nextword.training.options import TrainingOptions

_LONGEST_ROUND = 2_000


@dataclass(frozen=True)
class RoundPlan:
    """Rounds of a fixed number of steps, of which there are enough for the epochs asked.

    Attributes:
        steps_per_epoch: Steps to go over the text once.
        round_steps: Steps in each round.
        num_rounds: Rounds in all; the last ends at or shortly after the epochs asked.
    """

    steps_per_epoch: int
    round_steps: int
    num_rounds: int

    @classmethod
    def of(cls, options: TrainingOptions, steps_per_epoch: int) -> "RoundPlan":
        """Return the plan for `options` over a text of `steps_per_epoch` windows.

        Example:
            >>> RoundPlan.of(TrainingOptions(epochs=3), steps_per_epoch=5_000)
            RoundPlan(steps_per_epoch=5000, round_steps=1667, num_rounds=9)
        """
        even_part = math.ceil(steps_per_epoch / math.ceil(steps_per_epoch / _LONGEST_ROUND))
        wanted_steps = max(1, math.ceil(options.epochs * steps_per_epoch))
        round_steps = min(options.round_steps or even_part, wanted_steps)
        return cls(steps_per_epoch, round_steps, math.ceil(wanted_steps / round_steps))

    @property
    def total_steps(self) -> int:
        """Number of steps in all rounds."""
        return self.num_rounds * self.round_steps
