"""Somebody who watches a training: a progress bar, a log, a test."""

from typing import Protocol

from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.round_plan import RoundPlan


class TrainingObserver(Protocol):
    """What a trainer reports, and when. Observers see; they do not steer."""

    def on_start(self, plan: RoundPlan, progress: TrainingProgress) -> None:
        """Training begins, or goes on where `progress` stands."""

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """Some steps were taken, `step` in all; called about once a second."""

    def on_validation(self) -> None:
        """A round's steps are done, and its validation begins."""

    def on_round(self, record: RoundRecord, progress: TrainingProgress) -> None:
        """A round ended and its checkpoint is safe."""


class SilentObserver:
    """An observer that says nothing."""

    def on_start(self, plan: RoundPlan, progress: TrainingProgress) -> None:
        """Say nothing."""

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        """Say nothing."""

    def on_validation(self) -> None:
        """Say nothing."""

    def on_round(self, record: RoundRecord, progress: TrainingProgress) -> None:
        """Say nothing."""
