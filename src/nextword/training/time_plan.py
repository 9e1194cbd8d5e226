"""How many steps a training of given length in time has, estimated anew from round to round."""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops
from keras.optimizers import schedules

from nextword.errors import SettingError
from nextword.training.options import TrainingOptions
from nextword.training.progress import RoundRecord
from nextword.training.schedule import Rate

SCHEDULES_TO_AN_END = ("linear", "one_cycle")
"""The schedules that can be gone through in whatever time there is."""

_LATEST_ROUNDS = 3
# A last round of a few steps is not worth its validation.
_LEAST_PART_OF_ROUND = 0.1


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
                f"{options.minutes:g} alone; `nextword.experiment.budget.fix_plan` measures them"
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


class Pace:
    r"""How much of a training's schedules has been gone through, where the number of steps is planned ever anew.

    At step $s$ of a round that began at step $s_0$, when the part $p_0$ was done, and with $S$ steps planned in all,
    that is $p_0 + (1 - p_0) \frac{s - s_0}{S - s_0}$.

    Args:
        total_steps: The first plan.
    """

    def __init__(self, total_steps: int) -> None:
        self.total_steps = total_steps
        self._plan: Any = None

    def build(self, optimizer: Any) -> None:
        """Keep the plan in a variable of the optimizer, where Keras and checkpoints carry it along."""
        first = keras.initializers.Constant([0.0, 0.0, float(self.total_steps)])
        self._plan = optimizer.add_variable(shape=(3,), initializer=first, dtype="float32", name="pace")

    def plan(self, step: int, total_steps: int) -> None:
        """Plan `total_steps` in all, now that `step` are done."""
        self._plan.assign([float(step), float(self.part(step)), float(max(total_steps, step + 1))])

    def part(self, step: Any) -> Any:
        """Return the part of the schedules that is gone through by `step`."""
        begin, part, end = ops.unstack(ops.convert_to_tensor(self._plan), 3)
        over = (ops.cast(step, "float32") - begin) / (end - begin)
        return part + (1.0 - part) * ops.clip(over, 0.0, 1.0)


class Paced(schedules.LearningRateSchedule):
    """A schedule that is gone through at a pace which is set anew from round to round.

    Args:
        schedule: What to go through, made for `pace.total_steps` steps.
        pace: How far it is gone through.
    """

    def __init__(self, schedule: Rate, pace: Pace) -> None:
        super().__init__()
        self.schedule = schedule
        self.pace = pace

    def __call__(self, step: Any) -> Any:
        """Return the value of `step`, counted from 0."""
        if isinstance(self.schedule, float):
            return self.schedule
        return self.schedule(self.pace.total_steps * self.pace.part(step))

    def get_config(self) -> dict[str, Any]:
        """Refuse, since a pace is of one training alone."""
        raise NotImplementedError("a schedule that is paced by the clock belongs to one training and has no config")
