"""What the loggers of a run have in common: which figures they send, and when."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, override

import keras

from nextword.errors import SettingError, StorageError
from nextword.training.config import RunConfig
from nextword.training.context import Observers, RunContext, SilentObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress

Row = tuple[int, Mapping[str, float]]
"""A step, and its figures by name."""

_UNTOLD = frozenset(("origin", "plan"))


class RunLogger(keras.callbacks.Callback, SilentObserver):
    """Base class of callbacks that send the figures of a run to another program.

    In `nextword.train` and `nextword train`, the figures of a round are sent after its checkpoint is saved: training
    loss and perplexity, learning rate and words per second within the round; validation figures and accuracy at its
    end. A run that is resumed sends what is missing there, so no step is lost or repeated. If the other program cannot
    be reached, the run does not begin. If that happens later, a warning says so, training continues, and the next round
    tries again.

    In Keras's own `fit`, a step is an epoch, and the figures are those of Keras.

    Args:
        problems: Errors that must not end a training run, besides `OSError`.
    """

    def __init__(self, *problems: type[Exception]) -> None:
        super().__init__()
        self.problems: tuple[type[Exception], ...] = (OSError, *problems)
        self._sent = -1
        self._warn: Callable[[str], object] = lambda _message: None

    def open(self, run: Path, settings: Mapping[str, str | float]) -> int:
        """Begin or continue the log of a run, and return the last step in it; -1 if it is new.

        Args:
            run: The run directory.
            settings: Settings by name, such as `training.learning_rate`.
        """
        raise NotImplementedError

    def write(self, rows: Sequence[Row]) -> None:
        """Write the figures of some steps, in order."""
        raise NotImplementedError

    def close(self, *, finished: bool) -> None:
        """End the log; `finished` is false if the run was interrupted."""
        raise NotImplementedError

    @contextmanager
    def logging(self, run: Path, config: RunConfig, warn: Callable[[str], object]) -> Iterator[None]:
        """Keep the log open within the block.

        Raises:
            StorageError: The log cannot be begun.
        """
        self._warn, finished = warn, False
        try:
            self._sent = self.open(run, settings_of(config))
        except self.problems as error:
            raise StorageError(f"{self} must take a log, but does not ({error}); give another place") from error
        try:
            yield
            finished = True
        finally:
            try:
                self.close(finished=finished)
            except self.problems as error:
                warn(f"nothing could be written to {self} ({error})")

    @override
    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Send what the log of a resumed run lacks.

        Raises:
            SettingError: The log is that of another run.
        """
        if self._sent > progress.steps:
            raise SettingError(
                f"a log must be that of this run, which has {progress.steps:,} steps, but has {self._sent:,}; "
                f"give another place than {self}"
            )
        self._send(progress)

    @override
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        """Send the figures of the round."""
        self._send(progress)

    def _send(self, progress: TrainingProgress) -> None:
        rows = [row for row in rows_of(progress) if row[0] > self._sent]
        try:
            if rows:
                self.write(rows)
                self._sent = rows[-1][0]
        except self.problems as error:
            self._warn(f"nothing could be written to {self} ({error}); the next round tries again")

    @override
    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin a log of Keras's own `fit`."""
        self.open(Path(), {})

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the figures of an epoch of Keras's own `fit`."""
        self.write([(epoch + 1, {name: float(value) for name, value in (logs or {}).items()})])

    @override
    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End a log of Keras's own `fit`."""
        self.close(finished=True)


@contextmanager
def logged(context: RunContext, run: Path, config: RunConfig) -> Iterator[RunContext]:
    """Keep the logs of a run open within the block, and return the context in which its loggers observe it."""
    loggers = [each for each in context.callbacks if isinstance(each, RunLogger)]
    others = tuple(each for each in context.callbacks if not isinstance(each, RunLogger))
    with ExitStack() as logs:
        for logger in loggers:
            logs.enter_context(logger.logging(run, config, context.warn))
        observer = Observers((context.observer, *loggers)) if loggers else context.observer
        yield replace(context, observer=observer, callbacks=others)


def rows_of(progress: TrainingProgress) -> list[Row]:
    """Return the figures of a run by step, in order.

    Example:
        >>> record = RoundRecord(1, 100, 0.5, 1e-3, 220.0, 0.15, 180.0, 0.17, 9_000.0, 12.0)
        >>> [(step, sorted(figures)[:2]) for step, figures in rows_of(TrainingProgress((record,)))]
        [(100, ['epoch', 'train/accuracy'])]
    """
    rows: dict[int, dict[str, float]] = {}
    for point in progress.points:
        rows[point.step] = {
            **_of_perplexity("train", point.train_perplexity),
            "learning_rate": point.learning_rate,
            "words_per_second": point.words_per_second,
        }
    for record in progress.records:
        rows.setdefault(record.step, {}).update(
            {
                "epoch": record.epoch,
                "train/accuracy": record.train_accuracy,
                "valid/accuracy": record.valid_accuracy,
                **_of_perplexity("valid", record.valid_perplexity),
            }
        )
    return sorted(rows.items())


def settings_of(config: RunConfig) -> dict[str, str | float]:
    """Return the settings of a run by name: numbers as they are, all others as text."""
    tables = {group: table for group, table in config.to_tables().items() if group not in _UNTOLD}
    named = {f"{group}.{name}": value for group, table in tables.items() for name, value in table.items()}
    named["preset"] = config.origin.get("preset", "")
    return {name: value if isinstance(value, int | float) else str(value) for name, value in named.items()}


def _of_perplexity(split: str, perplexity: float) -> dict[str, float]:
    return {f"{split}/loss": math.log(perplexity), f"{split}/perplexity": perplexity}
