"""The plan of a run: how its steps are grouped into rounds, and how many there are if the clock decides."""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nextword.errors import SettingError
from nextword.settings import Settings, setting
from nextword.training.options import TrainingOptions
from nextword.training.progress import RoundRecord

SCHEDULES_TO_AN_END = ("linear", "one_cycle")
"""The schedules that can end with whatever time there is."""

_LONGEST_ROUND = 2_000
_LATEST_ROUNDS = 3
# A last round of a few steps is not worth its validation.
_LEAST_PART_OF_ROUND = 0.1


@dataclass(frozen=True, kw_only=True)
class TimePlan(Settings):
    """What a run of given minutes decided from text, machine and clock; it is saved as `[plan]`.

    A later run with the same table follows its steps instead of the clock, and so repeats the run bit by bit.
    """

    group: ClassVar[str] = "plan"

    seconds: float = setting(
        help="Seconds for training, validation and the evaluation at the end, measured from the first step.",
        at_least=0.0,
    )
    passes_at_end: float = setting(help="Validations that the evaluation at the end is worth.", at_least=0.0)
    round_steps: int = setting(help="Steps in each round but the last, which may have fewer.", at_least=1)
    planned_steps: tuple[int, ...] = setting(
        help="Steps in all as planned before each round; the first is an estimate from before the run.", at_least=1
    )


@dataclass(frozen=True)
class Plan:
    """How many steps a run takes, in rounds of a fixed number of steps.

    Attributes:
        steps_per_epoch: Steps to read the text once.
        round_steps: Steps in each round; if the clock decides, the last may have fewer.
        planned_steps: Steps in all as planned before each round so far; a single entry if epochs decide.
        time: What decides on the steps to come if the clock does; `None` if epochs do.
    """

    steps_per_epoch: int
    round_steps: int
    planned_steps: tuple[int, ...]
    time: TimePlan | None = None

    @classmethod
    def of(cls, options: TrainingOptions, steps_per_epoch: int, time: TimePlan | None = None) -> Self:
        """Return the plan for `options` over a text of `steps_per_epoch` windows.

        Raises:
            SettingError: `minutes` come without a time plan, or the schedule does not end with the time.

        Example:
            >>> Plan.of(TrainingOptions(epochs=3), steps_per_epoch=5_000)
            Plan(steps_per_epoch=5000, round_steps=1667, planned_steps=(15003,), time=None)
        """
        if options.minutes is not None:
            require_schedule_to_an_end(options)
            if time is None:
                raise SettingError(
                    f"`minutes` must come with a time plan, but is {options.minutes:g} without one; "
                    "`nextword.training.budget.plan_time` measures it"
                )
            return cls(steps_per_epoch, time.round_steps, time.planned_steps[:1], time)
        even_part = math.ceil(steps_per_epoch / math.ceil(steps_per_epoch / _LONGEST_ROUND))
        wanted_steps = max(1, math.ceil(options.epochs * steps_per_epoch))
        round_steps = min(options.round_steps or even_part, wanted_steps)
        return cls(steps_per_epoch, round_steps, (math.ceil(wanted_steps / round_steps) * round_steps,))

    @property
    def total_steps(self) -> int:
        """Steps in all; if the clock decides, as far as is known."""
        return self.planned_steps[-1]

    @property
    def num_rounds(self) -> int:
        """Rounds in all."""
        return math.ceil(self.total_steps / self.round_steps)

    def steps_after(self, steps: int) -> int:
        """Return the steps of the round that begins after `steps` of them."""
        return min(self.round_steps, self.total_steps - steps)

    def after(self, records: Sequence[RoundRecord]) -> Self:
        """Return the plan for the rounds to come, after those of `records`."""
        if self.time is None:
            return self
        return replace(self, planned_steps=(*self.planned_steps, _total_steps(self.time, records, self.total_steps)))

    def resumed(self, planned_steps: Sequence[int]) -> Self:
        """Return the plan as it stood at a checkpoint."""
        return replace(self, planned_steps=tuple(planned_steps)) if self.time else self


def require_schedule_to_an_end(options: TrainingOptions) -> None:
    """Raise if the learning rate cannot be at zero when the time is over.

    Raises:
        SettingError: It cannot.
    """
    if options.schedule not in SCHEDULES_TO_AN_END:
        raise SettingError(
            f"`schedule` must be {' or '.join(SCHEDULES_TO_AN_END)} if `minutes` decide, so that the learning rate "
            f"ends with the time, but is {options.schedule}; leave it out, or give `epochs` instead of `minutes`"
        )


def _total_steps(time: TimePlan, records: Sequence[RoundRecord], planned: int) -> int:
    r"""Return how many steps there are in all, now that some rounds are done.

    With $t$ seconds left, of which a step takes $a$ and the end of a round $b$, that is the steps that were done and
    the largest number $n$ with $n a + \lceil n / R \rceil b \le t$ for rounds of $R$ steps. The learning rate is at
    zero if all steps are done that were planned: that is the end, whatever time is left. If it is not, there is one
    more round, however short.

    Args:
        time: The time, and what a former run planned.
        records: The rounds so far.
        planned: Steps in all, as planned before the last of these rounds.
    """
    if records[-1].step >= planned:
        return records[-1].step
    if len(records) < len(time.planned_steps):
        return time.planned_steps[len(records)]
    step_seconds, round_seconds = _pace_of(records)
    left = time.seconds - records[-1].seconds - time.passes_at_end * records[-1].validation_seconds
    whole_round = time.round_steps * step_seconds + round_seconds
    whole_rounds = max(0, math.floor(left / whole_round))
    part = math.floor((left - whole_rounds * whole_round - round_seconds) / step_seconds)
    if part < _LEAST_PART_OF_ROUND * time.round_steps:
        part = 0 if whole_rounds else max(1, part)
    return records[-1].step + whole_rounds * time.round_steps + part


def _pace_of(records: Sequence[RoundRecord]) -> tuple[float, float]:
    """Return the seconds of a step, and those of a round beside its steps, in the latest rounds.

    The first round includes compiling, so that it counts only as long as it is the only one. Once there are three
    others, one that compiled again or was disturbed does not count either.
    """
    latest = list(itertools.pairwise(records))[-_LATEST_ROUNDS:]
    if not latest:
        return records[0].step_seconds, records[0].validation_seconds
    beside = [here.seconds - before.seconds - (here.step - before.step) * here.step_seconds for before, here in latest]
    return statistics.fmean(here.step_seconds for _, here in latest), statistics.median(beside)
