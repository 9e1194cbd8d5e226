"""Ctrl-C and SIGTERM: stop between two steps, and say so."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from nextword.errors import TrainingInterrupted

__all__ = ["Interruption", "TrainingInterrupted"]


class Interruption:
    """Remembers that a signal came; the run asks between steps.

    The step in flight is finished, since JAX has given its buffers away and an exception inside it would leave none.
    A second signal acts at once, as if none were listened to.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def raise_if_asked(self) -> None:
        """Raise `TrainingInterrupted` if a signal came."""
        if self.signal_number is not None:
            raise TrainingInterrupted(self.signal_number)

    @contextmanager
    def listening(self, signals: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)) -> Iterator[None]:
        """Listen for `signals` within the block."""
        former: dict[int, Any] = {}

        def remember(signal_number: int, _frame: FrameType | None) -> None:
            self.signal_number = signal_number
            for number, handler in former.items():
                signal.signal(number, handler)

        for number in signals:
            former[number] = signal.signal(number, remember)
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
