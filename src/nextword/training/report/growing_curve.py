"""The perplexity of a run as it grows, with the axes that show it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from nextword.display.ticks import log_bounds
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress

Place = tuple[float, float]
"""An epoch and a perplexity."""

_AHEAD = 2.0
"""The axis of epochs reaches this many times as far as the curve, but not beyond the run."""


@dataclass
class GrowingCurve:
    """The training and the validation perplexity of a run so far.

    Attributes:
        train: Epoch and training perplexity of each interval of steps.
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
        """Add the loss of a interval of steps."""
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
        return log_bounds([perplexity for _, perplexity in (*self.train, *self.valid)])
