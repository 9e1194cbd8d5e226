"""The perplexity of a run as it grows, with the axes that show it."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress

Place = tuple[float, float]
"""An epoch and a perplexity."""

_LEAST_RANGE = 1.2
_FAR_APART = 10.0
_FEWEST_TICKS = 2
_AHEAD = 2.0
"""The axis of epochs reaches this many times as far as the curve, but not beyond the run."""


@dataclass
class GrowingCurve:
    """The training and the validation perplexity of a run so far.

    Attributes:
        train: Epoch and training perplexity of each stretch of steps.
        valid: Epoch and validation perplexity of each round.
        epochs: Planned epochs of the run; 0 if they are not known.
    """

    train: list[Place] = field(default_factory=list)
    valid: list[Place] = field(default_factory=list)
    epochs: float = 0.0

    @classmethod
    def of(cls, records: Sequence[RoundRecord], points: Sequence[TrainingPoint]) -> Self:
        """Return the curve of rounds and of the points within them; older runs have no points."""
        train = [(each.epoch, each.train_perplexity) for each in points or records]
        return cls(train, [(record.epoch, record.valid_perplexity) for record in records])

    def start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Begin with what a resumed run has."""
        begun = self.of(progress.records, progress.points)
        self.train, self.valid = begun.train, begun.valid
        self.epochs = plan.total_steps / plan.steps_per_epoch

    def add_point(self, point: TrainingPoint) -> None:
        """Add the loss of a stretch of steps."""
        self.train.append((point.epoch, point.train_perplexity))

    def add_round(self, record: RoundRecord, plan: Plan) -> None:
        """Add the validation of a round; the plan may have changed with it."""
        self.valid.append((record.epoch, record.valid_perplexity))
        self.epochs = plan.total_steps / plan.steps_per_epoch

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not self.train and not self.valid

    @property
    def last_epoch(self) -> float:
        """The epoch where the axis ends."""
        reached = max(epoch for epoch, _ in (*self.train, *self.valid))
        return min(_AHEAD * reached, max(self.epochs, reached))

    @property
    def perplexities(self) -> tuple[float, float]:
        """The lowest and the highest perplexity of the axis, which is logarithmic."""
        found = [perplexity for _, perplexity in (*self.train, *self.valid)]
        low, high = min(found), max(found)
        missing = max(1.0, math.sqrt(_LEAST_RANGE * low / high))
        return low / missing, high * missing


def ticks_between(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two others, in order, thinned to at most `most`; more digits if they are close.

    Example:
        >>> ticks_between(80, 1_200, 5), ticks_between(410, 490, 5)
        ([100, 200, 500, 1000], [420, 440, 460, 480])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1, 2, 5) if high / low > _FAR_APART else (1, 1.5, 2, 3, 4, 5, 7)
    rounded = [digit * 10**power for power in range(first, last + 1) for digit in digits]
    ticks = [tick for tick in rounded if low <= tick <= high]
    if len(ticks) < _FEWEST_TICKS:
        step = _round_step((high - low) / most)
        ticks = [
            step * number
            for number in range(math.ceil(low / step * (1 - 1e-9)), math.floor(high / step * (1 + 1e-9)) + 1)
        ]
    return ticks[:: max(1, math.ceil(len(ticks) / most))]


def even_ticks(last: float, most: int) -> list[float]:
    """Return 0 and even multiples of a round number up to `last`, at most `most` in all.

    Example:
        >>> even_ticks(2.3, 4)
        [0, 1, 2]
    """
    step = _round_step(last / (most - 1))
    return [step * number for number in range(math.floor(last / step * (1 + 1e-9)) + 1)]


def _round_step(least: float) -> float:
    """Return the smallest round number of at least `least`."""
    power = math.floor(math.log10(least))
    steps: list[float] = [digit * 10**exponent for exponent in (power, power + 1) for digit in (1, 2, 5)]
    return steps[bisect_left(steps, least * (1 - 1e-9))]
