"""Turns at work: a request that computes for long lets the others go first, so that none holds a thread."""

import threading
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import override

import numpy as np
from numpy.typing import NDArray

from nextword.engine.distribution_engine import OuterEngine
from nextword.engine.engine import Engine, State, TokenScores, WindowPrediction
from nextword.text.batching.window import TokenIds


class Turns:
    """Lets a few threads work at once, first come, first served.

    A thread that has read `tokens` tokens in its turn goes to the end of the queue if others wait.

    Args:
        num_threads: Threads that work at once.
        tokens: Tokens of a turn.

    Attributes:
        num_passed: How often a thread let others go first.
    """

    def __init__(self, num_threads: int, tokens: int) -> None:
        self._num_free = num_threads
        self._tokens = tokens
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._own = threading.local()
        self.num_passed = 0

    @contextmanager
    def taken(self, is_left: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Wait for a turn, and work in the block.

        Args:
            is_left: Whether nobody waits for the result any more; then the block ends at its next count.

        Raises:
            CancelledError: Nobody does.
        """
        self._begin()
        self._own.is_left = is_left
        try:
            self.count(0)
            yield
        finally:
            del self._own.read
            self._end()

    def count(self, num_tokens: int) -> None:
        """Count tokens that this thread is about to read; at the end of its turn it waits for the next one.

        Raises:
            CancelledError: Nobody waits for the result any more.
        """
        read = getattr(self._own, "read", None)
        if read is None:  # a thread that takes no turns, such as that of the scheduler
            return
        if self._own.is_left():
            raise CancelledError
        if read >= self._tokens and self._waiting:
            self.num_passed += 1
            self._end()
            self._begin()
        self._own.read += num_tokens

    def _begin(self) -> None:
        with self._lock:
            granted = None if self._num_free else threading.Event()
            if granted is None:
                self._num_free -= 1
            else:
                self._waiting.append(granted)
        if granted is not None:
            granted.wait()
        self._own.read = 0

    def _end(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._num_free += 1


class TurnsEngine(OuterEngine):
    """An engine whose callers take turns.

    Args:
        engine: The engine.
        turns: The turns.
    """

    def __init__(self, engine: Engine, turns: Turns) -> None:
        super().__init__(engine)
        self._turns = turns

    @override
    def step(self, ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        self._turns.count(len(ids))
        return self._engine.step(ids, state)

    @override
    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        self._turns.count(inputs.size)
        return self._engine.predict_window(inputs, state)

    @override
    def score_window(
        self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool = True
    ) -> tuple[TokenScores, State]:
        self._turns.count(inputs.size)
        return self._engine.score_window(inputs, targets, state, ranks=ranks)
