"""How the steps of a training are grouped into rounds, and how many there are when the clock decides."""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nextword.errors import SettingError
from nextword.training.options import TrainingOptions
from nextword.training.progress import RoundRecord

_LONGEST_ROUND = 2_000

SCHEDULES_TO_AN_END = ("linear", "one_cycle")
"""The schedules that can be gone through in whatever time there is."""

_LATEST_ROUNDS = 3
# A last round of a few steps is not worth its validation.
_LEAST_PART_OF_ROUND = 0.1


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


@dataclass(frozen=True)
class TimePlan:
    r"""The steps of a training that ends by the clock.

    What was planned at the beginning of each round is remembered in `TrainingProgress.planned_steps`; a training that
    is given these numbers follows them instead of the clock, and so can be repeated to the bit.

    Attributes:
        seconds: Time for training, validation, and the evaluation at the end.
        passes_at_end: Validations that the evaluation at the end is worth.
        round_steps: Steps in each round but the last, which may have fewer.
        written: Steps in all as planned at the beginning of each round, where a former training wrote them down; the
            first is an estimate from before the training.
    """

    seconds: float
    passes_at_end: float
    round_steps: int
    written: tuple[int, ...]

    @classmethod
    def of(cls, options: TrainingOptions) -> "TimePlan | None":
        """Return the plan of a training of given minutes, `None` for one of given epochs.

        Raises:
            SettingError: Nothing was measured beforehand, or the schedule is not one to an end.
        """
        if options.minutes is None:
            return None
        require_schedule_to_an_end(options)
        if options.training_seconds is None or options.round_steps is None or not options.planned_steps:
            raise SettingError(
                f"`minutes` must come with `training_seconds`, `round_steps` and `planned_steps`, but is "
                f"{options.minutes:g} alone; `nextword.training.budget.fix_plan` measures them"
            )
        return cls(options.training_seconds, options.passes_at_end, options.round_steps, options.planned_steps)

    def total_steps(self, records: Sequence[RoundRecord], planned: int) -> int:
        r"""Return how many steps there will be in all, now that some rounds are done.

        With $t$ seconds left, of which a step takes $a$ and the end of a round $b$, that is as many as were done and
        the largest number $n$ with $n a + \lceil n / R \rceil b \le t$ for rounds of $R$ steps. The learning rate
        has gone to zero where all steps are done that were planned: that is the end, whatever time is left. Where it
        has not, there is one more round, however short.

        Args:
            records: The rounds so far.
            planned: How many steps there should be, as planned before the last of these rounds.
        """
        if records[-1].step >= planned:
            return records[-1].step
        if len(records) < len(self.written):
            return self.written[len(records)]
        step_seconds, round_seconds = _pace_of(records)
        left = self.seconds - records[-1].seconds - self.passes_at_end * records[-1].validation_seconds
        whole_round = self.round_steps * step_seconds + round_seconds
        whole_rounds = max(0, math.floor(left / whole_round))
        part = math.floor((left - whole_rounds * whole_round - round_seconds) / step_seconds)
        if part < _LEAST_PART_OF_ROUND * self.round_steps:
            part = 0 if whole_rounds else max(1, part)
        return records[-1].step + whole_rounds * self.round_steps + part


def require_schedule_to_an_end(options: TrainingOptions) -> None:
    """Raise where the learning rate cannot be at zero when the time is over.

    Raises:
        SettingError: It cannot.
    """
    if options.schedule not in SCHEDULES_TO_AN_END:
        raise SettingError(
            f"`schedule` must be {' or '.join(SCHEDULES_TO_AN_END)} where `minutes` decide, so that the learning rate "
            f"ends with the time, but is {options.schedule}; leave it out, or give `epochs` instead of `minutes`"
        )


def _pace_of(records: Sequence[RoundRecord]) -> tuple[float, float]:
    """Return the seconds of a step, and those of a round beside its steps, lately.

    In the first round there is compiling too, so that it counts only as long as it is the only one. Once there are
    three others, one that compiled anew or was disturbed does not count either.
    """
    latest = list(itertools.pairwise(records))[-_LATEST_ROUNDS:]
    if not latest:
        return records[0].step_seconds, records[0].validation_seconds
    beside = [here.seconds - before.seconds - (here.step - before.step) * here.step_seconds for before, here in latest]
    return statistics.fmean(here.step_seconds for _, here in latest), statistics.median(beside)
