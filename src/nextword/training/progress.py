"""The progress of a run: a record of each round, and the counters of the schedules."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from nextword.training.options import TrainingOptions

AVERAGING_PATIENCE = 5
"""Rounds without improvement before `triggered` averaging begins, as in AWD-LSTM."""


@dataclass(frozen=True)
class RoundRecord:
    """One line of the training log.

    Attributes:
        round: Number of the round, from 1.
        step: Total steps at its end.
        epoch: Total epochs at its end.
        learning_rate: Learning rate of the next step.
        train_perplexity: Training perplexity over the round, with dropout, while the weights change.
        train_accuracy: Fraction of the targets that had the highest probability, measured the same way.
        valid_perplexity: Perplexity of the validation split at the end of the round, without dropout.
        valid_accuracy: Accuracy on the validation split.
        words_per_second: Training throughput, without validation.
        seconds: Total time of initialization, training, validation and saving, without interruptions. The time to save
            this round counts in the next one.
        step_seconds: Mean time of a step; the first step of the round is excluded if there are others.
        validation_seconds: Time of the validation.
        averaged_steps: Steps in the weight average that `valid_perplexity` belongs to; 0 for the weights themselves.

    Example:
        >>> record = RoundRecord(1, 100, 0.5, 1e-3, 220.0, 0.15, 180.0, 0.17, 9_000.0, 12.0)
        >>> record.round, record.valid_perplexity
        (1, 180.0)
    """

    round: int
    step: int
    epoch: float
    learning_rate: float
    train_perplexity: float
    train_accuracy: float
    valid_perplexity: float
    valid_accuracy: float
    words_per_second: float
    seconds: float
    step_seconds: float = 0.0
    validation_seconds: float = 0.0
    averaged_steps: int = 0


@dataclass(frozen=True)
class TrainingPoint:
    """The training loss over an interval of steps within a round.

    Attributes:
        step: Total steps at the end of the interval.
        epoch: Total epochs at its end.
        train_perplexity: Training perplexity over its steps, with dropout, while the weights change.
        learning_rate: Learning rate of the next step.
        words_per_second: Training throughput over its steps; the first step of a round is excluded if there are others.

    Example:
        >>> TrainingPoint(20, 0.1, train_perplexity=900.0, learning_rate=1e-3, words_per_second=9_000.0).step
        20
    """

    step: int
    epoch: float
    train_perplexity: float
    learning_rate: float
    words_per_second: float


@dataclass(frozen=True)
class TrainingProgress:
    """The counters that a checkpoint stores beside the weights."""

    records: tuple[RoundRecord, ...] = ()  # one for each round
    seconds_before: float = 0.0  # time of the weight initialization, before the first round
    start_perplexity: float | None = None  # validation perplexity of a base, which counts as round 0
    best_round: int = 0  # the round with the lowest validation perplexity; 0 before the first
    averaging_since: int = 0  # the round at whose end `triggered` averaging began; 0 before
    finished: bool = False  # whether the planned length or the patience is reached
    points: tuple[TrainingPoint, ...] = ()  # the training loss within the rounds

    @property
    def rounds(self) -> int:
        """Number of rounds done."""
        return len(self.records)

    @property
    def seconds(self) -> float:
        """Time of the run so far."""
        return self.records[-1].seconds if self.records else self.seconds_before

    @property
    def best_perplexity(self) -> float:
        """The lowest validation perplexity so far."""
        if self.best_round:
            return self.records[self.best_round - 1].valid_perplexity
        return math.inf if self.start_perplexity is None else self.start_perplexity

    @property
    def best_epoch(self) -> float:
        """Epochs read by the end of the best round."""
        return self.records[self.best_round - 1].epoch if self.best_round else 0.0

    @property
    def has_weights(self) -> bool:
        """Whether there are weights worth keeping, from a round or from a base."""
        return self.rounds > 0 or self.start_perplexity is not None

    @property
    def latest_is_best(self) -> bool:
        """Whether the last round, or the start before the first, has the lowest validation perplexity."""
        return self.has_weights and self.best_round == self.rounds

    @property
    def steps(self) -> int:
        """Number of steps done."""
        return self.records[-1].step if self.records else 0

    def after_round(
        self, record: RoundRecord, options: TrainingOptions, total_steps: int, points: Sequence[TrainingPoint] = ()
    ) -> "TrainingProgress":
        """Return the progress with one more round, the points within it and updated counters."""
        improved = record.valid_perplexity < self.best_perplexity
        best_round = record.round if improved else self.best_round
        out_of_patience = options.patience is not None and record.round - best_round >= options.patience
        return replace(
            self,
            records=(*self.records, record),
            best_round=best_round,
            averaging_since=record.round if self._triggers_averaging(record, options) else self.averaging_since,
            finished=record.step >= total_steps or out_of_patience,
            points=(*self.points, *points),
        )

    def _triggers_averaging(self, record: RoundRecord, options: TrainingOptions) -> bool:
        """Return whether `triggered` averaging begins with a round.

        It begins if the round is worse than the best round at least `AVERAGING_PATIENCE` rounds ago (NT-ASGD; Merity,
        Keskar and Socher 2018, algorithm 1). Later rounds are ignored, because they may be good or bad by
        chance.
        """
        if options.averaging != "triggered" or self.averaging_since:
            return False
        long_ago = self.records[: max(0, self.rounds - AVERAGING_PATIENCE)]
        return any(record.valid_perplexity > earlier.valid_perplexity for earlier in long_ago)

    def to_table(self) -> dict[str, Any]:
        """Return the progress as a JSON table."""
        table = asdict(replace(self, records=(), points=()))
        records, points = ([asdict(row) for row in rows] for rows in (self.records, self.points))
        return table | {"records": records, "points": points}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "TrainingProgress":
        """Return the progress that `to_table` wrote, also before it wrote points."""
        records = tuple(RoundRecord(**record) for record in table["records"])
        points = tuple(TrainingPoint(**point) for point in table.get("points", ()))
        return cls(**{**table, "records": records, "points": points})
