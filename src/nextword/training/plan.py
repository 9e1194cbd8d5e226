"""The plan of a run: the steps of a round, and the total number of steps."""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nextword.engine.mixture.tuning import Effort
from nextword.errors import SettingError
from nextword.settings import Settings, setting
from nextword.text.corpus import Corpus
from nextword.training.options import TrainingOptions
from nextword.training.progress import RoundRecord

_MAX_ROUND_STEPS = 2_000
_MAX_STEPS = 2**31
_MIXTURE_SHARE = 0.1
_LATEST_ROUNDS = 3
# A last round of a few steps is not worth its validation.
_MIN_ROUND_FRACTION = 0.1


@dataclass(frozen=True, kw_only=True)
class TimePlan(Settings):
    """What a run with `minutes` decided from text, machine and clock; saved as `[plan]`.

    A later run with the same table follows its steps instead of the clock, and its result is bit-identical.
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
    needed_seconds: float | None = setting(
        None,
        help="About how many seconds the run takes if its text is too small to need them all. Then it never has more "
        "steps than first planned.",
        at_least=0.0,
        unset="all seconds",
    )
    mixture_seconds: float = setting(0.0, help="How many of the seconds the mixture takes at the end.", at_least=0.0)
    token_seconds: float = setting(0.0, help="About how many seconds the network reads a token in.", at_least=0.0)


@dataclass(frozen=True)
class Plan:
    """The number of steps of a run, in rounds."""

    steps_per_epoch: int  # steps to read the text once
    round_steps: int  # steps in each round but the last, which may have fewer
    planned_steps: tuple[int, ...]  # total steps as planned before each round so far; one entry if epochs decide
    time: TimePlan | None = None  # the time plan if the clock decides; `None` if epochs decide

    @classmethod
    def of(cls, options: TrainingOptions, steps_per_epoch: int, time: TimePlan | None = None) -> Self:
        """Return the plan for `options` over a text of `steps_per_epoch` windows.

        Raises:
            SettingError: `minutes` is set without a time plan, or the schedule does not end at zero.
        """
        if options.minutes is not None:
            require_schedule_ending_at_zero(options)
            if time is None:
                raise SettingError(
                    f"`minutes` needs a time plan, but is {options.minutes:g} without one; "
                    "make one with `nextword.training.planning.budget.plan_time`"
                )
            return cls(steps_per_epoch, time.round_steps, time.planned_steps[:1], time)
        if options.epochs * steps_per_epoch >= _MAX_STEPS:
            raise SettingError(f"`epochs` must come to fewer than 2**31 steps, but is {options.epochs:g}; lower it")
        steps = math.ceil(options.epochs * steps_per_epoch)
        part = math.ceil(steps_per_epoch / math.ceil(steps_per_epoch / _MAX_ROUND_STEPS))
        even_part = math.ceil(steps / max(1, math.ceil(steps / part)))
        round_steps = max(1, min(options.round_steps or even_part, steps))
        return cls(steps_per_epoch, round_steps, (steps,))

    @property
    def total_steps(self) -> int:
        """Total steps; an estimate if the clock decides."""
        return self.planned_steps[-1]

    @property
    def num_rounds(self) -> int:
        """Total rounds."""
        return math.ceil(self.total_steps / self.round_steps)

    def steps_after(self, steps: int) -> int:
        """Return the number of steps in the round that begins after `steps` steps."""
        return min(self.round_steps, self.total_steps - steps)

    def after(self, records: Sequence[RoundRecord]) -> Self:
        """Return the plan for the rounds after `records`."""
        if self.time is None:
            return self
        return replace(self, planned_steps=(*self.planned_steps, _total_steps(self.time, records, self.total_steps)))

    def seconds_left(self, records: Sequence[RoundRecord]) -> float:
        """Return about how long the rounds after `records` take, at the pace of the latest rounds."""
        step_seconds, round_seconds = _pace_of(records)
        steps = self.total_steps - records[-1].step
        return max(0.0, steps * step_seconds + math.ceil(steps / self.round_steps) * round_seconds)


def require_schedule_ending_at_zero(options: TrainingOptions) -> None:
    """Raise `SettingError` if the learning rate of the schedule does not reach zero at the end of the run."""
    if options.schedule != "linear":
        raise SettingError(
            "`schedule` must be linear with `minutes`, because the learning rate must end at zero, but is "
            f"{options.schedule}; leave it out, or give `epochs` instead of `minutes`"
        )


@dataclass(frozen=True)
class MixturePlan:
    """What the mixture of a run is fitted to, and whether its perplexity on the test split is measured."""

    effort: Effort  # how much of the training and the validation split
    measures_test: bool  # whether there is time to read the test split once more
    seconds: float  # about how long both take

    @classmethod
    def of(cls, options: TrainingOptions, text: Corpus, token_seconds: float) -> Self | None:
        """Return the plan for a text: all if epochs decide, else what a tenth of the minutes allows.

        A network that takes `token_seconds` to read a token takes longer to be mixed, too. `None` if no mixture is
        wanted, or there is no time for one.
        """
        most = math.inf if options.minutes is None else _MIXTURE_SHARE * 60.0 * options.minutes
        effort = Effort() if options.minutes is None else Effort.within(most, token_seconds)
        fitting = effort.seconds(text.train.num_tokens, text.valid.num_tokens, token_seconds)
        if not options.mixture or not fitting:
            return None
        measuring = (3e-5 + 1.2 * token_seconds) * text.test.num_tokens  # for the cache, and for whole distributions
        measures_test = fitting + measuring <= most
        return cls(effort, measures_test, fitting + measuring * measures_test)


def _total_steps(time: TimePlan, records: Sequence[RoundRecord], planned: int) -> int:
    r"""Replan the total number of steps after some rounds.

    With $t$ seconds left, $a$ seconds per step and $b$ seconds per round end, add the largest $n$ with
    $n a + \lceil n / R \rceil b \le t$ for rounds of $R$ steps. If all planned steps are done, the learning rate is
    zero and the run ends. Otherwise there is at least one more round, however short.
    """
    if records[-1].step >= planned:
        return records[-1].step
    if len(records) < len(time.planned_steps):
        return time.planned_steps[len(records)]
    step_seconds, round_seconds = _pace_of(records)
    at_the_end = time.mixture_seconds + time.passes_at_end * records[-1].validation_seconds
    left = time.seconds - records[-1].seconds - at_the_end
    whole_round = time.round_steps * step_seconds + round_seconds
    whole_rounds = max(0, math.floor(left / whole_round))
    part = math.floor((left - whole_rounds * whole_round - round_seconds) / step_seconds)
    if part < _MIN_ROUND_FRACTION * time.round_steps:
        part = 0 if whole_rounds else max(1, part)
    steps = records[-1].step + whole_rounds * time.round_steps + part
    return steps if time.needed_seconds is None else min(steps, time.planned_steps[0])


def _pace_of(records: Sequence[RoundRecord]) -> tuple[float, float]:
    """Return the seconds of a step, and the seconds of a round outside its steps, in the latest rounds.

    The first round includes compilation, so it counts only while it is the only one. The median ignores one outlier
    among three later rounds.
    """
    latest = list(itertools.pairwise(records))[-_LATEST_ROUNDS:]
    if not latest:
        return records[0].step_seconds, records[0].validation_seconds
    outside = [here.seconds - before.seconds - (here.step - before.step) * here.step_seconds for before, here in latest]
    return statistics.fmean(here.step_seconds for _, here in latest), statistics.median(outside)
