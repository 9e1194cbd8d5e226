"""Ctrl-C and SIGTERM stop a run between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from nextword.errors import TrainingInterrupted

__all__ = ["Interruption", "TrainingInterrupted"]


class Interruption:
    """Records that a signal came; the run checks it between steps.

    The current step ends first: JAX has donated its buffers, and an exception inside the step would lose them. A second
    signal acts at once.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def raise_if_requested(self) -> None:
        """Raise `TrainingInterrupted` if a signal came."""
        if self.signal_number is not None:
            raise TrainingInterrupted(self.signal_number)

    def raise_between_rounds(self) -> None:
        """Raise `TrainingInterrupted` if a signal came; called at the beginning of a round."""
        self.raise_if_requested()

    @contextmanager
    def listening(self, signals: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)) -> Iterator[None]:
        """Listen for `signals` within the block; in another thread than the main one, none arrive."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
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
