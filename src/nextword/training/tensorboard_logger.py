"""Logs a training run for TensorBoard."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, override

from nextword.errors import MissingExtraError
from nextword.training.run_logger import Row, RunLogger

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

    def __init__(self, directory: str | Path) -> None:
        super().__init__()
        try:
            import tensorboardX
        except ImportError as error:
            raise MissingExtraError.of("logs for TensorBoard need tensorboardX", None, "tensorboard") from error
        self.directory = Path(directory)
        self._package: Any = tensorboardX
        self._writer: Any = None
        self._session_end: Any = None

    def __str__(self) -> str:
        return f"`{self.directory}`"

    @override
    def open(self, run: Path, settings: Mapping[str, str | float]) -> int:
        last_step = max((step for step, _ in read_scalars(self.directory)), default=-1)
        # The name of the file has the second of its beginning; a file of the same second would be replaced.
        suffix = f".{last_step + 1:010d}"
        self._writer = self._package.SummaryWriter(str(self.directory), filename_suffix=suffix)
        figures = {"valid/perplexity": 0.0, "valid/accuracy": 0.0}
        experiment, session, self._session_end = self._package.summary.hparams(dict(settings), figures)
        if settings and last_step < 0:
            self._writer.file_writer.add_summary(experiment)
            self._writer.file_writer.add_summary(session)
        return last_step

    @override
    def write(self, rows: Sequence[Row]) -> None:
        from tensorboardX.proto.summary_pb2 import Summary

        for step, figures in rows:  # one record for all figures of a step, so that a crash cannot part them
            values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
            self._writer.file_writer.add_summary(Summary(value=values), step)
        self._writer.flush()

    @override
    def close(self, *, finished: bool) -> None:
        if finished:
            self._writer.file_writer.add_summary(self._session_end)
        self._writer.close()


def read_scalars(directory: Path) -> list[tuple[int, dict[str, float]]]:
    """Return the scalars in the event files of a folder: a step and its figures for each record, in order.

    A record that a crash cut off is left out. Checksums are not verified.
    """
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(directory.glob("events.out.tfevents.*")):
        for record in _records(path.read_bytes()):
            event = Event.FromString(record)
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
