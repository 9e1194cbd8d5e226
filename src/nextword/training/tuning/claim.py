"""A trial that one process works on, and its outcome."""

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
"""Optuna's states of a trial that has begun."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a trial.

    Attributes:
        kind: "complete", "pruned" (ended early), or "failed" (could not be trained).
        perplexity: The best validation perplexity of a complete trial.
        why: The reason for any other outcome, to show to the user.
    """

    kind: Literal["complete", "pruned", "failed"]
    perplexity: float | None = None
    why: str = ""


class Claim:
    """A trial that only this process works on.

    Attributes:
        number: Number of the trial, from 0.
        config: Its settings.
    """

    def __init__(self, trial: Trial, config: RunConfig, reported: Collection[int]) -> None:
        self.number = trial.number
        self.config = config
        self._trial = trial
        self._reported = set(reported)

    def report(self, round_number: int, perplexity: float) -> bool:
        """Report the validation perplexity after a round to the study, and return whether the trial must end now.

        It must also end if another machine ended it because its heartbeat was missing.
        """
        try:
            if round_number not in self._reported:  # a round repeated after a kill gives the same value
                self._trial.report(perplexity, round_number)
                self._reported.add(round_number)
            return self._trial.should_prune()
        except UpdateFinishedTrialError:
            return True

    def note(self, name: str, value: str | float) -> None:
        """Store an attribute of the trial, unless the trial has ended."""
        with suppress(UpdateFinishedTrialError):
            self._trial.set_user_attr(name, value)
