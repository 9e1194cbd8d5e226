"""The context of a run: who receives its progress and its messages, and where its text is looked for."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nextword.errors import TrainingWarning
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress


class TrainingObserver(Protocol):
    """Receives progress events during training: a progress bar, a log, a test. Observers see; they do not steer."""

    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Training begins, or resumes after `progress`."""

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """Some steps were taken, `step` in all; called about twice a second."""

    def on_validation(self) -> None:
        """A round's steps are done, and its validation begins."""

    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        """A round ended and its checkpoint is safe; `plan` is for the rounds to come."""


class SilentObserver:
    """An observer that does nothing."""

    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Do nothing."""

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """Do nothing."""

    def on_validation(self) -> None:
        """Do nothing."""

    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        """Do nothing."""


def warn_user(message: str) -> None:
    """Pass a message on as a `TrainingWarning` of Python's `warnings`."""
    warnings.warn(message, TrainingWarning, stacklevel=3)


@dataclass(frozen=True)
class RunContext:
    """Context of a run: observer, messages, callbacks, data and cache folders.

    Attributes:
        observer: Receives the progress.
        say: Receives, in sentences, what is being done.
        warn: Receives, in sentences, what went wrong and was worked around; Python's `warnings` unless set.
        callbacks: Keras callbacks of the user's own.
        data_dir: A folder of samples.
        cache_dir: Where derived files are kept.
    """

    observer: TrainingObserver = field(default_factory=SilentObserver)
    say: Callable[[str], object] = lambda _message: None
    warn: Callable[[str], object] = warn_user
    callbacks: Sequence[Any] = ()
    data_dir: Path | None = None
    cache_dir: Path | None = None
