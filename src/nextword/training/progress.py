"""What a run has done so far: the record of each round, and the counters that decide what comes next."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from nextword.training.options import TrainingOptions


@dataclass(frozen=True)
class RoundRecord:
    """One line of the training log.

    Attributes:
        round: Number of the round, counted from 1.
        step: Steps taken by its end.
        epoch: Times that the text was read by its end.
        learning_rate: At its end, which is that of the step to come.
        train_perplexity: Over the round, with dropout, while the weights were changing.
        train_accuracy: The same for the part of targets that were the first guess.
        valid_perplexity: Of the validation split at the round's end, without dropout.
        valid_accuracy: The same for accuracy.
        words_per_second: Training alone, without validation.
        seconds: Time since the beginning in the start of the weights, training, validation and saving, interruptions
            left out; what this round took to save counts in the next.
        step_seconds: Time of a step, that of the first of the round left out if there are others.
        validation_seconds: Time of the validation.
        averaged_steps: Steps over which the weights were averaged that `valid_perplexity` is of; 0 if it is of the
            weights themselves.
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
class TrainingProgress:
    """The counters that a checkpoint keeps beside the weights.

    Attributes:
        records: One for each round.
        seconds_before: Time that the start of the weights took, before the first round.
        best_round: The round with the lowest validation perplexity, 0 before the first.
        rate_factor: What the plateau schedule multiplies the learning rate by.
        rounds_on_plateau: Rounds since the last improvement or the last cut of the rate.
        averaging_since: The round at whose end `triggered` averaging began, 0 before.
        finished: Whether training is over, by its length or by patience.
    """

    records: tuple[RoundRecord, ...] = ()
    seconds_before: float = 0.0
    best_round: int = 0
    rate_factor: float = 1.0
    rounds_on_plateau: int = 0
    averaging_since: int = 0
    finished: bool = False

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
        return self.records[self.best_round - 1].valid_perplexity if self.best_round else math.inf

    @property
    def latest_is_best(self) -> bool:
        """Whether the last round has the lowest validation perplexity."""
        return self.rounds > 0 and self.best_round == self.rounds

    @property
    def steps(self) -> int:
        """Number of steps done."""
        return self.records[-1].step if self.records else 0

    def after_round(self, record: RoundRecord, options: TrainingOptions, total_steps: int) -> "TrainingProgress":
        """Return the progress with one more round, and with what follows from it."""
        improved = record.valid_perplexity < self.best_perplexity
        best_round = record.round if improved else self.best_round
        on_plateau = 0 if improved else self.rounds_on_plateau + 1
        cut = options.schedule == "plateau" and on_plateau >= options.plateau_rounds
        out_of_patience = options.patience is not None and record.round - best_round >= options.patience
        return replace(
            self,
            records=(*self.records, record),
            best_round=best_round,
            rate_factor=self.rate_factor * (options.decay_factor if cut else 1.0),
            rounds_on_plateau=0 if cut else on_plateau,
            averaging_since=record.round if self._triggers_averaging(record, options) else self.averaging_since,
            finished=record.step >= total_steps or out_of_patience,
        )

    def _triggers_averaging(self, record: RoundRecord, options: TrainingOptions) -> bool:
        """Say whether a round is worse than the best of those that lie `averaging_patience` rounds and more back.

        NT-ASGD's condition (Merity, Keskar and Socher 2018, algorithm 1): the rounds in between do not count, so that
        chance does not set it off. At `averaging_latest_round` it begins without (Melis et al. 2020).
        """
        if options.averaging != "triggered" or self.averaging_since:
            return False
        if options.averaging_latest_round is not None and record.round >= options.averaging_latest_round:
            return True
        long_ago = self.records[: max(0, self.rounds - options.averaging_patience)]
        return any(record.valid_perplexity > earlier.valid_perplexity for earlier in long_ago)

    def to_table(self) -> dict[str, Any]:
        """Return the progress as a JSON table."""
        return asdict(self) | {"records": [asdict(record) for record in self.records]}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "TrainingProgress":
        """Return the progress that `to_table` wrote."""
        return cls(**{**table, "records": tuple(RoundRecord(**record) for record in table["records"])})
