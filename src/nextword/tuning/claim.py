"""A trial in the hands of one process, and how it ended."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from optuna import Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from nextword.training.config import RunConfig

STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
}
"""What Optuna calls the states of a trial that has begun."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        kind: Whether it was completed, was ended by the pruner, or could not be trained.
        perplexity: The best validation perplexity of a complete trial.
        why: What ended another one, for a person.
    """

    kind: Literal["complete", "pruned", "failed"]
    perplexity: float | None = None
    why: str = ""


class Claim:
    """A trial that this process, and no other, works on.

    Attributes:
        number: Its number, counted from 0.
        config: Its settings.
    """

    def __init__(self, trial: Trial, config: RunConfig, reported: Collection[int]) -> None:
        self.number = trial.number
        self.config = config
        self._trial = trial
        self._reported = set(reported)

    def report(self, round_number: int, perplexity: float) -> bool:
        """Report the validation perplexity after a round to the study, and return whether the trial must end here.

        It must also end if another machine, which took its process for dead, has ended it.
        """
        try:
            if round_number not in self._reported:  # a round that is repeated after a kill gives the same value
                self._trial.report(perplexity, round_number)
                self._reported.add(round_number)
            return self._trial.should_prune()
        except UpdateFinishedTrialError:
            return True

    def note(self, name: str, value: str | float) -> None:
        """Keep a fact about the trial, unless it has been ended."""
        with suppress(UpdateFinishedTrialError):
            self._trial.set_user_attr(name, value)
