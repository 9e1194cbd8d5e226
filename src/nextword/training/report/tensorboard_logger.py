"""Logs a training run for TensorBoard."""

import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, override

from nextword.errors import MissingExtraError
from nextword.training.report.run_logger import Row, RunLogger

_PREFIX = "events.out.tfevents."
_HEADER, _CHECKSUM = struct.Struct("<QI"), 4


class TensorBoardLogger(RunLogger):
    """A Keras callback that writes the figures of a run into a folder for TensorBoard.

    The folder holds one run. A resumed run continues in it. TensorBoard also shows the settings, under HPARAMS.

    Args:
        directory: The folder; created if it is missing.

    Raises:
        MissingExtraError: tensorboardX is not installed.

    Example:
        >>> import nextword
        >>> nextword.train("austen", minutes=1, callbacks=[TensorBoardLogger("logs/first")])  # doctest: +SKIP
    """

    continuation: ClassVar[str] = "in a new file, and TensorBoard drops the steps after it"

    def __init__(self, directory: str | Path) -> None:
        super().__init__()
        try:
            import tensorboardX
        except ImportError as error:
            raise MissingExtraError.of("logs for TensorBoard need tensorboardX", None, "tensorboard") from error
        self.directory = Path(directory)
        self._package: Any = tensorboardX
        self._file: Any = None
        self._session_end: Any = None

    def __str__(self) -> str:
        return f"`{self.directory}`"

    @override
    def open(self, run: Path, settings: Mapping[str, str | float]) -> int:
        last_step = max((step for step, _ in read_scalars(self.directory)), default=-1)
        self._begin_file()
        figures = {"valid/perplexity": 0.0, "valid/accuracy": 0.0}
        experiment, session, self._session_end = self._package.summary.hparams(dict(settings), figures)
        if settings and last_step < 0:
            self._add(summary=experiment)
            self._add(summary=session)
        return last_step

    @override
    def forget_after(self, step: int) -> int:
        from tensorboardX.proto.event_pb2 import SessionLog

        # At a restart, TensorBoard drops what it has read from this step on; the first one in a folder is none.
        for _ in ("first", "restart"):
            self._add(step + 1, session_log=SessionLog(status=SessionLog.START))
        self._file.flush()
        return step

    @override
    def write(self, rows: Sequence[Row]) -> None:
        from tensorboardX.proto.summary_pb2 import Summary

        try:
            if self._file is None:  # the last file has some of these rows, and perhaps a part of a record
                self._begin_file()
                self.forget_after(rows[0][0] - 1)
            for step, figures in rows:  # one record for all figures of a step, so that a crash cannot part them
                values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
                self._add(step, summary=Summary(value=values))
            self._file.flush()
        except OSError:
            self._give_up_file()
            raise

    @override
    def close(self, *, finished: bool) -> None:
        try:
            if finished:
                self._add(summary=self._session_end)
        finally:
            self._file.close()

    def _begin_file(self) -> None:
        """Begin an event file; its name comes after those of all others of this second."""
        self.directory.mkdir(parents=True, exist_ok=True)
        number = len(list(self.directory.glob(f"{_PREFIX}*")))
        path = self.directory / f"{_PREFIX}{int(time.time()):010d}.{socket.gethostname()}.{number:010d}"
        # Not a `SummaryWriter`: its thread hides a full disk, and then waits for ever.
        self._file = self._package.record_writer.RecordWriter(str(path))
        self._add(file_version="brain.Event:2")

    def _give_up_file(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._file = None

    def _add(self, step: int = 0, **content: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._file.write(Event(wall_time=time.time(), step=step, **content).SerializeToString())


def read_scalars(directory: Path) -> list[tuple[int, dict[str, float]]]:
    """Return the scalars in the event files of a folder, as TensorBoard shows them, in order.

    They are a step and its figures for each record. A record that a crash cut off is left out, and so is one that a
    later file replaces. Checksums are not verified.
    """
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    found: list[tuple[int, dict[str, float]]] = []
    for path in sorted(directory.glob(f"{_PREFIX}*")):
        for record in _records(path.read_bytes()):
            event = Event.FromString(record)
            if event.session_log.status == SessionLog.START:
                found = [row for row in found if row[0] < event.step]
            figures = {each.tag: each.simple_value for each in event.summary.value if each.HasField("simple_value")}
            if figures:
                found.append((event.step, figures))
    return found


def _records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a TFRecord file: each is preceded by its length and followed by a checksum."""
    place = 0
    while place + _HEADER.size <= len(content):
        length, _ = _HEADER.unpack_from(content, place)
        begin, place = place + _HEADER.size, place + _HEADER.size + length + _CHECKSUM
        if place <= len(content):
            yield content[begin : begin + length]
