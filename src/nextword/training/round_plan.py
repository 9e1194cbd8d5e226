"""How the steps of a training are grouped into rounds."""

import math
from dataclasses import dataclass, replace

from nextword.training.options import TrainingOptions

_LONGEST_ROUND = 2_000


@dataclass(frozen=True)
class RoundPlan:
    """Rounds of a fixed number of steps, of which there are enough for the epochs asked.

    Attributes:
        steps_per_epoch: Steps to go over the text once.
        round_steps: Steps in each round.
        num_rounds: Rounds in all; the last ends at or shortly after the epochs asked.
        total_steps: Steps in all; where the clock decides on them, as far as it is known.
    """

    steps_per_epoch: int
    round_steps: int
    num_rounds: int
    total_steps: int

    @classmethod
    def of(cls, options: TrainingOptions, steps_per_epoch: int) -> "RoundPlan":
        """Return the plan for `options` over a text of `steps_per_epoch` windows.

        Example:
            >>> RoundPlan.of(TrainingOptions(epochs=3), steps_per_epoch=5_000)
            RoundPlan(steps_per_epoch=5000, round_steps=1667, num_rounds=9, total_steps=15003)
        """
        if options.planned_steps and options.round_steps:
            total_steps = options.planned_steps[0]
            return cls(steps_per_epoch, options.round_steps, -(-total_steps // options.round_steps), total_steps)
        even_part = math.ceil(steps_per_epoch / math.ceil(steps_per_epoch / _LONGEST_ROUND))
        wanted_steps = max(1, math.ceil(options.epochs * steps_per_epoch))
        round_steps = min(options.round_steps or even_part, wanted_steps)
        num_rounds = math.ceil(wanted_steps / round_steps)
        return cls(steps_per_epoch, round_steps, num_rounds, num_rounds * round_steps)

    def with_total(self, total_steps: int) -> "RoundPlan":
        """Return the plan with another number of steps in all, the last round being the shorter one."""
        return replace(self, num_rounds=-(-total_steps // self.round_steps), total_steps=total_steps)
