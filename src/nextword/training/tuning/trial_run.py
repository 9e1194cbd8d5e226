"""One trial: a training run without final evaluation and without a bundle."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, override

import keras

from nextword.bundle.run_directory import RunDirectory
from nextword.disk.files import write_file
from nextword.disk.sealed_directory import remove_leftovers
from nextword.errors import SettingError, TrainingDivergedError
from nextword.model.ops.precision import resolve_compute_dtype
from nextword.text.batching.windows import make_windows
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.planning.budget import epochs_in
from nextword.training.planning.speed import measure_training
from nextword.training.start import train_model
from nextword.training.step.teacher import with_teacher
from nextword.training.tuning.claim import Outcome
from nextword.training.tuning.study_settings import SweepOptions
from nextword.training.tuning.study_text import StudyText

_SECONDS_MEASURED = 3.0

Report = Callable[[int, float], bool]
"""Receives the number of a round and its validation perplexity, and returns whether the trial must end."""


class PruningCallback(keras.callbacks.Callback):
    """Reports the validation perplexity after each round, and stops the run if `report` returns True.

    It runs before the checkpoint of the round, so every saved round is reported.

    Args:
        report: Receives the perplexity, and returns whether to stop.
        num_rounds: Rounds of the run.

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
    """Trains the trials of a study.

    Attributes:
        text: The text.
        options: The settings of the sweep.
        context: Observer and messages.
    """

    text: StudyText
    options: SweepOptions
    context: RunContext

    def train(self, config: RunConfig, root: Path, report: Report) -> Outcome:
        """Train in the directory `root`, from the last saved round if there is one, and return the outcome.

        Raises:
            TrainingInterrupted: A signal requested a stop; another call resumes.
            NextwordError: There is a problem with the text or the disk, not with the settings.
        """
        keras.utils.clear_session()
        pruning = PruningCallback(report, self.options.rounds)
        try:
            config = self._stored_config(config, RunDirectory(root))
            context = replace(self.context, callbacks=(*self.context.callbacks, pruning))
            progress = train_model(self.text, config, RunDirectory(root), context).progress
        except TrainingDivergedError as error:
            return Outcome("pruned", why=f"diverged: {error}")
        except SettingError as error:
            return Outcome("failed", why=str(error))
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
                raise
            return Outcome("failed", why=f"out of memory: {str(error).splitlines()[0]:.200}")
        if pruning.ended_after is not None:
            why = f"stopped by the pruner after round {pruning.ended_after} of {self.options.rounds}"
            return Outcome("pruned", why=f"{why}, at {progress.records[-1].valid_perplexity:,.2f}")
        return Outcome("complete", progress.best_perplexity)

    def _stored_config(self, config: RunConfig, directory: RunDirectory) -> RunConfig:
        """Return the settings of the trial, and write them before its start."""
        remove_leftovers(directory.root)
        if directory.is_run:
            return RunConfig.of_run(directory)
        config = config.resolved(
            text=self.text.options,
            compute_dtype=resolve_compute_dtype(config.training.compute_dtype),
            text_sha256=self.text.sha256,
        )
        config = self._with_rounds(with_teacher(config, self.text.tokenizer))
        write_file(directory.config_file, config.to_toml().encode())
        return config

    def _with_rounds(self, config: RunConfig) -> RunConfig:
        """Return the settings with the epochs that fill the minutes, and rounds of equal length."""
        options, training = self.options, config.training
        windows = make_windows(self.text.train.ids, config.batching, end_id=self.text.tokenizer.vocabulary.end_id)
        if options.minutes_per_trial is not None:
            speed = measure_training(config, self.text.tokenizer.vocabulary_size, seconds=_SECONDS_MEASURED)
            counts = {"num_rounds": options.rounds, "epoch_steps": windows.steps_per_epoch}
            epochs = epochs_in(options.minutes_per_trial, config, self.text, speed.words_per_second, **counts)
            training = training.replace(epochs=epochs)
        # The pruner compares trials at the same fraction of their training, for any batch size.
        round_steps = max(1, round(training.epochs * windows.steps_per_epoch / options.rounds))
        # Epochs are rounded up to steps. Half a step less protects against a rounding error.
        epochs = (options.rounds * round_steps - 0.5) / windows.steps_per_epoch
        return replace(config, training=training.replace(round_steps=round_steps, epochs=epochs))
