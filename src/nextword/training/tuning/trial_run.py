"""One trial: a training run without final evaluation and without a bundle, on a text whose test split stays closed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, override

import keras

from nextword.errors import SettingError, TrainingDivergedError
from nextword.system.cache import cache_root
from nextword.text.corpus import TrainingText, tokenizer_for
from nextword.text.encoding.token_store import TokenStore
from nextword.text.options import TextOptions
from nextword.text.sources.find import resolve_source
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.planning.preparation import WindowsOf
from nextword.training.planning.speed import MIN_EPOCHS, RunCosts, measure_training
from nextword.training.start import Run
from nextword.training.step.distillation import Teacher
from nextword.training.tuning.database import Outcome
from nextword.training.tuning.study_settings import SweepOptions


@dataclass(frozen=True)
class StudyText(TrainingText):
    """The training and the validation split of a text.

    The test split is never opened, and a folder need not contain it. Settings chosen by a split are fitted to it, so it
    can no longer measure how good they are.
    """

    @classmethod
    def load(
        cls, text: str | Path, options: TextOptions, *, data_dir: Path | None = None, cache_dir: Path | None = None
    ) -> Self:
        """Read the two splits, from the cache if possible."""
        cache = cache_root(cache_dir)
        source = resolve_source(text, options, needed=("train", "valid"), data_dir=data_dir, cache_dir=cache_dir)
        options = options.resolved(pretokenized=source.pretokenized)
        tokenizer, _ = tokenizer_for(source.parts["train"], options, cache=cache)
        train, valid = (
            TokenStore.of(source.parts[split], tokenizer, cache=cache, on_bad_bytes=options.on_bad_bytes)
            for split in ("train", "valid")
        )
        options = options.replace(tokenizer=tokenizer.kind, line_ends=tokenizer.line_ends)
        return cls(source.name, str(text), options, tokenizer, train, valid)


_SECONDS_MEASURED = 3.0

Report = Callable[[int, float], bool]
"""Receives the number of a round and its validation perplexity, and returns whether the trial must end."""


class PruningCallback(keras.callbacks.Callback):
    """Reports the validation perplexity after each round, and stops the run if `report` returns True.

    It runs before the checkpoint of the round, so every saved round is reported.

    Attributes:
        ended_after: The round after which the run was stopped; `None` if it was not.
    """

    def __init__(self, report: Report, num_rounds: int) -> None:
        super().__init__()
        self.ended_after: int | None = None
        self._report = report
        self._num_rounds = num_rounds

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        perplexity = float((logs or {})["val_perplexity"])
        if math.isfinite(perplexity) and self._report(epoch + 1, perplexity) and epoch + 1 < self._num_rounds:
            self.ended_after = epoch + 1
            self.model.stop_training = True


@dataclass(frozen=True)
class TrialRun:
    """Trains the trials of a study."""

    text: StudyText
    options: SweepOptions  # the settings of the sweep
    context: RunContext  # observer and messages

    def train(self, config: RunConfig, root: Path, report: Report) -> Outcome:
        """Train in the directory `root`, from the last saved round if there is one, and return the outcome.

        Raises:
            TrainingInterrupted: A signal requested a stop; another call resumes.
            NextwordError: There is a problem with the text or the disk, not with the settings.
        """
        keras.utils.clear_session()
        pruning = PruningCallback(report, self.options.rounds)
        try:
            context = replace(self.context, callbacks=(*self.context.callbacks, pruning))
            progress = Run.trial(config, self.text, root, context, self._fit).train()
        except TrainingDivergedError as error:
            return Outcome("pruned", why=f"diverged: {error}")
        except SettingError as error:
            return Outcome("failed", why=str(error))
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
                raise
            return Outcome("failed", why=f"out of memory: {str(error).partition(chr(10))[0]:.200}")
        if pruning.ended_after is not None:
            why = f"stopped by the pruner after round {pruning.ended_after} of {self.options.rounds}"
            return Outcome("pruned", why=f"{why}, at {progress.records[-1].valid_perplexity:,.2f}")
        return Outcome("complete", progress.best_perplexity)

    def _fit(self, config: RunConfig, windows_of: WindowsOf, teacher: Teacher | None) -> RunConfig:
        """Return the settings with the epochs that fill the minutes, and rounds of equal length."""
        options, training, epoch_steps = self.options, config.training, windows_of(config.batching).steps_per_epoch
        if options.minutes_per_trial is not None:
            size = self.text.tokenizer.vocabulary_size
            speed = measure_training(config, size, seconds=_SECONDS_MEASURED, teacher=teacher).words_per_second
            steps = RunCosts.of(config, self.text, speed).steps_in(60.0 * options.minutes_per_trial, options.rounds)
            training = training.replace(epochs=max(MIN_EPOCHS, steps / epoch_steps))
        # The pruner compares trials at the same fraction of their training, for any batch size.
        round_steps = max(1, round(training.epochs * epoch_steps / options.rounds))
        # Epochs are rounded up to steps. Half a step less protects against a rounding error.
        epochs = (options.rounds * round_steps - 0.5) / epoch_steps
        return replace(config, training=training.replace(round_steps=round_steps, epochs=epochs))
