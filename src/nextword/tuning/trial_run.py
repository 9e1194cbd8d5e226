"""One trial: a training run like any other, without evaluation and without a model at its end."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, override

import keras

from nextword.batching.window import Windows
from nextword.batching.windows import make_windows
from nextword.errors import SettingError, TrainingDivergedError
from nextword.ops.precision import resolve_compute_dtype
from nextword.storage.sealed_directory import remove_leftovers
from nextword.storage.single_file import write_file
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.run_directory import RunDirectory
from nextword.training.speed import measure_training
from nextword.training.start import train_model
from nextword.tuning.claim import Outcome
from nextword.tuning.study_settings import SweepOptions
from nextword.tuning.study_text import StudyText

_SECONDS_MEASURED = 3.0
_VALIDATION_COST = 0.5
"""Of a word that is validated, in words that are trained."""
_FEWEST_EPOCHS = 0.001

Report = Callable[[int, float], bool]
"""Takes the number of a round and its validation perplexity; tells whether the trial shall end."""


def epochs_in(minutes: float, words_per_second: float, windows: Windows, validated_words: int) -> float:
    """Return the epochs that training with validation does in some minutes, compiling aside.

    Args:
        minutes: The time.
        words_per_second: The speed of training.
        windows: The training windows.
        validated_words: Words that are validated in all rounds together.
    """
    words = minutes * 60 * words_per_second - validated_words * _VALIDATION_COST
    return max(_FEWEST_EPOCHS, words / (windows.steps_per_epoch * windows.batch_size * windows.num_steps))


class PruningCallback(keras.callbacks.Callback):
    """Reports the validation perplexity after each round, and ends the run if it is told to.

    It comes before the checkpoint of the round: a round that is safe was reported.

    Args:
        report: Receives the perplexity, and tells whether to end.
        num_rounds: Rounds of the run; the last ends it in any case.

    Attributes:
        ended_after: The round after which the run was ended, `None` if it was not.
    """

    def __init__(self, report: Report, num_rounds: int) -> None:
        super().__init__()
        self.ended_after: int | None = None
        self._report = report
        self._num_rounds = num_rounds

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report round `epoch`, as Keras calls it."""
        perplexity = float((logs or {})["val_perplexity"])
        if math.isfinite(perplexity) and self._report(epoch + 1, perplexity) and epoch + 1 < self._num_rounds:
            self.ended_after = epoch + 1
            self.model.stop_training = True


@dataclass(frozen=True)
class TrialRun:
    """How the trials of a study are trained.

    Attributes:
        text: The text.
        options: How many rounds there are.
        context: Observer and messages.
    """

    text: StudyText
    options: SweepOptions
    context: RunContext

    def train(self, config: RunConfig, root: Path, report: Report) -> Outcome:
        """Train in `root`, from the last safe round if one is there, and return how it ended.

        Raises:
            TrainingInterrupted: A signal asked to stop; called again it goes on.
            NextwordError: The text or the disk is at fault, and not the settings.
        """
        keras.utils.clear_session()
        pruning = PruningCallback(report, self.options.rounds)
        try:
            config = self._written(config, RunDirectory(root))
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
            why = f"ended after round {pruning.ended_after} of {self.options.rounds} by the pruner"
            return Outcome("pruned", why=f"{why}, at {progress.records[-1].valid_perplexity:,.2f}")
        return Outcome("complete", progress.best_perplexity)

    def _written(self, config: RunConfig, directory: RunDirectory) -> RunConfig:
        """Return the settings that the trial began with, written down before it begins."""
        remove_leftovers(directory.root)
        if directory.is_run:
            return directory.read_config()
        config = config.resolved(
            text=self.text.options,
            compute_dtype=resolve_compute_dtype(config.training.compute_dtype),
            text_sha256=self.text.sha256,
        )
        config = self._paced(config)
        write_file(directory.config_file, config.to_toml().encode())
        return config

    def _paced(self, config: RunConfig) -> RunConfig:
        """Return the settings with the epochs that fill the minutes, and rounds that divide them evenly."""
        options, training = self.options, config.training
        windows = make_windows(self.text.train.ids, config.batching, end_id=self.text.tokenizer.vocabulary.end_id)
        if options.minutes_per_trial is not None:
            validated = options.rounds * self.text.valid.num_tokens
            speed = measure_training(config, self.text.tokenizer.vocabulary_size, seconds=_SECONDS_MEASURED)
            epochs = epochs_in(options.minutes_per_trial, speed.words_per_second, windows, validated)
            training = training.replace(epochs=epochs)
        # Rounds are parts of a trial, however large its batch: the pruner compares trials at the same part.
        round_steps = max(1, round(training.epochs * windows.steps_per_epoch / options.rounds))
        # Epochs are rounded up to steps, which half a step less leaves as they are and a rounding error would not.
        epochs = (options.rounds * round_steps - 0.5) / windows.steps_per_epoch
        return replace(config, training=training.replace(round_steps=round_steps, epochs=epochs))
