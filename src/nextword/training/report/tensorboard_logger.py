"""Logs a training run for TensorBoard."""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, override

import keras

from nextword.errors import MissingExtraError, StorageError
from nextword.training.context import warn_user


class TensorBoardLogger(keras.callbacks.Callback):
    """A Keras callback that writes the metrics of each epoch into a folder for TensorBoard.

    To `nextword.train`, an epoch is a round. A resumed run continues the log in a new file. If the disk refuses a
    write, a warning says so once, and training continues without the log.

    Args:
        directory: The folder of the run; created if it is missing.

    Raises:
        MissingExtraError: tensorboardX is not installed.

    Example:
        >>> import nextword
        >>> nextword.train("austen", minutes=1, callbacks=[TensorBoardLogger("logs/first")])  # doctest: +SKIP
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__()
        try:
            import tensorboardX
        except ImportError as error:
            raise MissingExtraError.of("logs for TensorBoard need tensorboardX", None, "all") from error
        self.directory = Path(directory)
        self._package: Any = tensorboardX
        self._file: Any = None

    @override
    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        path = self.directory / f"events.out.tfevents.{time.time_ns():020d}.nextword"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            # Not a `SummaryWriter`: its thread hides a full disk, and then waits for ever.
            self._file = self._package.record_writer.RecordWriter(str(path))
            self._add(0, file_version="brain.Event:2")
        except OSError as error:
            raise StorageError(f"`{self.directory}` must take a log, but does not ({error}); give another") from error

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        named = {name.replace("val_", "valid/"): value for name, value in (logs or {}).items()}
        named = {name if "/" in name else f"train/{name}": value for name, value in named.items()}
        named["learning_rate"] = self.model.optimizer.learning_rate
        values = [{"tag": name, "simple_value": float(value)} for name, value in named.items()]
        try:
            self._add(epoch + 1, summary={"value": values})
        except OSError as error:
            with suppress(OSError):
                self._file.close()
            self._file = None
            warn_user(f"`{self.directory}` takes no more of the log ({error}); training continues without it")

    @override
    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._file is not None:
            self._file.close()

    def _add(self, step: int, **content: Any) -> None:
        if self._file is not None:
            event = self._package.proto.event_pb2.Event(wall_time=time.time(), step=step, **content)
            self._file.write(event.SerializeToString())
            self._file.flush()
