"""What the loggers of a run have in common: which figures they send, and when."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, override

import keras

from nextword.bundle.run_directory import LOG_FILE
from nextword.errors import CheckpointError, SettingError, StorageError
from nextword.training.config import RunConfig
from nextword.training.context import Observers, RunContext, TrainingObserver, warn_user
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.report.history import read_log

Row = tuple[int, Mapping[str, float]]
"""A step, and its figures by name."""

_NOT_LOGGED = frozenset(("origin", "plan"))
_MAX_SECONDS = 5.0  # how long failed writes may hold up a training run before the next one waits for the end of the run


class RunLogger(keras.callbacks.Callback, TrainingObserver, ABC):
    """Base class of callbacks that send the figures of a run to another program.

    In `nextword.train` and `nextword train`, the figures of a round are sent after its checkpoint is saved: training
    loss and perplexity, learning rate and words per second within the round; validation figures and accuracy at its
    end. A run that is resumed sends what is missing there, so no step is lost or repeated. If it resumes from an older
    checkpoint because the newest one is damaged, the log forgets the steps after it.

    If the other program cannot be reached, the run does not begin. If that happens later, a warning says so once,
    training continues, and what is missing is sent after a later round or at the end. Failures hold up the training for
    seconds in all.

    In Keras's own `fit`, a step is an epoch, and the figures are those of Keras.
    """

    continuation: ClassVar[str]
    """Where the log of a run continues after it forgot some steps."""

    def __init__(self, *problems: type[Exception]) -> None:
        super().__init__()
        self.problems: tuple[type[Exception], ...] = (OSError, *problems)
        self._warn: Callable[[str], object] = warn_user
        self._sent, self._run_steps = -1, 0
        self._missing: list[Row] = []
        self._fails, self._seconds = False, 0.0

    @abstractmethod
    def open(self, run: Path, settings: Mapping[str, str | float]) -> int:
        """Begin or continue the log of a run, and return the last step in it; -1 if it is new."""

    @abstractmethod
    def forget_after(self, step: int) -> int:
        """Forget the figures of all steps after `step`, and return the last step in the log; -1 if it is new."""

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Write the figures of some steps, in order. After a failure, the same rows come again, perhaps with others."""

    @abstractmethod
    def close(self, *, finished: bool) -> None:
        """End the log; `finished` is false if the run was interrupted. It is not called after a failed `write`."""

    @contextmanager
    def logging(self, run: Path, config: RunConfig, warn: Callable[[str], object]) -> Iterator[None]:
        """Keep the log open within the block."""
        self._warn, self._run_steps, finished = warn, _steps_in(run), False
        self._begin(run, settings_of(config))
        try:
            yield
            finished = True
        finally:
            self._end(finished=finished)

    @override
    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        """Send what the log of a resumed run lacks.

        Raises:
            SettingError: The log is that of another run.
            StorageError: The log cannot be continued.
        """
        if self._sent > progress.steps:
            self._go_back(progress.steps)
        self._send(rows_of(progress))

    @override
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        self._send(rows_of(progress))

    @override
    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin a log of Keras's own `fit`."""
        self._begin(Path(), {})
        self._sent = -1  # epochs are counted from 1 again

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._send([*self._missing, (epoch + 1, {name: float(value) for name, value in (logs or {}).items()})])

    @override
    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._end(finished=True)

    def _begin(self, run: Path, settings: Mapping[str, str | float]) -> None:
        self._missing, self._fails, self._seconds = [], False, 0.0
        try:
            self._sent = self.open(run, settings)
        except self.problems as error:
            raise StorageError(f"{self} must take a log, but does not ({error}); give another place") from error

    def _go_back(self, steps: int) -> None:
        """Forget the steps that the run lost with its newest checkpoint; `log.jsonl` still has them."""
        if self._sent > self._run_steps:
            raise SettingError(
                f"a log must be that of this run, which has {max(steps, self._run_steps):,} steps, but has "
                f"{self._sent:,}; give another place than {self}"
            )
        self._warn(
            f"{self} has {self._sent:,} steps, but the newest valid checkpoint has {steps:,}; "
            f"the log continues after step {steps:,} {self.continuation}"
        )
        try:
            self._sent = self.forget_after(steps)
        except self.problems as error:
            raise StorageError(f"{self} must take a log, but does not ({error}); give another place") from error

    def _send(self, rows: Sequence[Row], *, last: bool = False) -> None:
        """Write the rows that the log lacks, unless failures have taken too long and this is not the last time."""
        self._missing = [row for row in rows if row[0] > self._sent]
        if not self._missing or (self._seconds >= _MAX_SECONDS and not last):
            return
        began = time.monotonic()
        try:
            self.write(self._missing)
        except self.problems as error:
            self._seconds += time.monotonic() - began
            if not self._fails:
                self._warn(f"nothing could be written to {self} ({error}); a later round, or the end, tries again")
            self._fails = True
        else:
            self._sent, self._missing, self._fails = self._missing[-1][0], [], False

    def _end(self, *, finished: bool) -> None:
        self._send(self._missing, last=True)
        if self._missing:
            steps = f"{len(self._missing):,} {'row' if len(self._missing) == 1 else 'rows'}"
            self._warn(
                f"the log in {self} lacks {steps}, from step {self._missing[0][0]:,} on; a resumed run sends them"
            )
            return
        try:
            self.close(finished=finished)
        except self.problems as error:
            self._warn(f"the log in {self} could not be ended ({error})")


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
    """Return the figures of a run by step, in order."""
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
    tables = {group: table for group, table in config.to_tables().items() if group not in _NOT_LOGGED}
    named = {f"{group}.{name}": value for group, table in tables.items() for name, value in table.items()}
    named["preset"] = config.origin.get("preset", "")
    return {name: value if isinstance(value, int | float) else str(value) for name, value in named.items()}


def _of_perplexity(split: str, perplexity: float) -> dict[str, float]:
    return {f"{split}/loss": math.log(perplexity), f"{split}/perplexity": perplexity}


def _steps_in(run: Path) -> int:
    """Return the steps that a run has or had, by the log in its directory; 0 if it has no log that can be read."""
    try:
        records = read_log(run / LOG_FILE)
    except CheckpointError:
        return 0
    return records[-1].step if records else 0
