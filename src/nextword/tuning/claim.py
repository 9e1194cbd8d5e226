"""A trial in the hands of one process, and how it ended."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from optuna import Trial
from optuna.exceptions import UpdateFinishedTrialError

from nextword.training.config import RunConfig
from nextword.training.run_directory import RunLock
from nextword.tuning.heartbeat import Heartbeat


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        kind: Whether it came to its end, was ended by the pruner, or could not be trained.
        perplexity: The best validation perplexity, of a trial that came to its end.
        why: What ended it else, for a person.
    """

    kind: Literal["complete", "pruned", "failed"]
    perplexity: float | None = None
    why: str = ""


class Claim:
    """A trial that this process, and no other, is at work on as long as the claim is entered.

    Attributes:
        number: Its number, counted from 0.
        config: Its settings.
    """

    def __init__(
        self, trial: Trial, config: RunConfig, reported: Collection[int], lock: RunLock, heartbeat: Heartbeat
    ) -> None:
        self.number = trial.number
        self.config = config
        self._trial = trial
        self._reported = set(reported)
        self._lock = lock
        self._heartbeat = heartbeat

    def __enter__(self) -> Self:
        self._heartbeat.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heartbeat.__exit__(kind, error, trace)
        self._lock.__exit__(kind, error, trace)

    def report(self, round_number: int, perplexity: float) -> bool:
        """Tell the study the validation perplexity after a round, and return whether the trial shall end here.

        It shall too where another machine, which took it for abandoned, has ended it.
        """
        try:
            if round_number not in self._reported:  # a round that is done again after a kill gives the same value
                self._trial.report(perplexity, round_number)
                self._reported.add(round_number)
            return self._trial.should_prune()
        except UpdateFinishedTrialError:
            return True

    def note(self, name: str, value: str | float) -> None:
        """Keep a fact about the trial, where it has not been ended."""
        with suppress(UpdateFinishedTrialError):
            self._trial.set_user_attr(name, value)
