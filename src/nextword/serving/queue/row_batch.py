"""The states of the texts that are in work, and the steps of the engine for them."""

from collections.abc import Sequence
from typing import Protocol, override

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.engine.mixture.cache import CachePart
from nextword.engine.mixture.mixture_engine import MixtureEngine

LogProbs = NDArray[np.float32]

_PROBE_STEPS = 3
_LARGEST_PADDING = 4


class RowBatch(Protocol):
    """The states of texts, a row for each, in the order of their joining."""

    def change(self, rows: Sequence[int], joining: Sequence[State]) -> None:
        """Keep some rows, and add a row for each state of one text."""

    def step(self, ids: Sequence[int]) -> Sequence[LogProbs]:
        """Read a token of each text, and return the log-probabilities `(V,)` of the next for each."""


class SharedSteps(RowBatch):
    """Rows that share the steps of an engine.

    A step has at least `smallest` rows; the last one is repeated to fill it.
    """

    def __init__(self, engine: Engine, *, smallest: int = 1) -> None:
        self._engine = engine
        self._smallest = smallest
        self._state: State = None
        self._num_rows = 0

    @override
    def change(self, rows: Sequence[int], joining: Sequence[State]) -> None:
        states = list(joining)
        if len(rows) == self._num_rows and rows:
            states.insert(0, self._state)
        elif rows:
            states.insert(0, self._engine.select(self._state, np.array(rows, np.intp)))
        self._num_rows = len(rows) + len(joining)
        self._state = None if not states else states[0] if len(states) == 1 else self._engine.join(states)

    @override
    def step(self, ids: Sequence[int]) -> Sequence[LogProbs]:
        num_rows, state = len(ids), self._state
        tokens = np.array(ids, np.int32)
        if num_rows < self._smallest:
            rows = np.minimum(np.arange(self._smallest), num_rows - 1)
            tokens, state = tokens[rows], self._engine.select(state, rows)
        log_probs, state = self._engine.step(tokens, state)
        if num_rows < self._smallest:
            log_probs, state = log_probs[:num_rows], self._engine.select(state, np.arange(num_rows))
        self._state = state
        return list(log_probs)


class SeparateSteps(RowBatch):
    """Rows that are stepped one by one, for an engine in which texts of a batch change each other's results."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._states: list[State] = []

    @override
    def change(self, rows: Sequence[int], joining: Sequence[State]) -> None:
        self._states = [*(self._states[row] for row in rows), *joining]

    @override
    def step(self, ids: Sequence[int]) -> Sequence[LogProbs]:
        results = [
            self._engine.step(np.array([token_id], np.int32), state)
            for token_id, state in zip(ids, self._states, strict=True)
        ]
        self._states = [state for _, state in results]
        return [log_probs[0] for log_probs, _ in results]


def row_batch(engine: Engine, max_rows: int) -> RowBatch:
    """Return a batch in which no text changes the results of another, not even in the last bit.

    Texts share steps if the results of this engine, on this machine, are the same in batches of all sizes. If they are
    only the same from a few rows on, smaller batches are filled up. Otherwise the texts are stepped one by one, as are
    those of an engine that compiles each shape.
    """
    smallest = None if engine.compiles_each_shape else smallest_exact_batch(engine, max_rows)
    return SeparateSteps(engine) if smallest is None else SharedSteps(engine, smallest=smallest)


def smallest_exact_batch(engine: Engine, max_rows: int) -> int | None:
    """Return the batch size from which on all results are the same to the last bit, 4 at most; `None` if there is none.

    It tries the engine on random tokens.
    """
    ids = _random_ids(engine, max_rows, _PROBE_STEPS)
    whole = _stepped(engine, ids)
    sizes = sorted({size for size in (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 32, 64, max_rows - 1) if 0 < size < max_rows})
    smallest = max_rows
    for size in reversed(sizes):
        if not np.array_equal(_stepped(engine, ids[:size]), whole[:, :size]):
            break
        smallest = size
    return smallest if smallest <= _LARGEST_PADDING or max_rows == 1 else None


def reads_exact_windows(engine: Engine, num_steps: int, max_rows: int) -> bool:
    """Return whether windows of 1 to `max_rows` texts give the results of steps to the last bit.

    It tries the engine on random tokens. Those of a cache are not tried: the products of a window are rounded
    otherwise, which shows only when the cache holds much.
    """
    parts = engine.parts if isinstance(engine, MixtureEngine) else ()
    if engine.compiles_each_shape or any(isinstance(part, CachePart) for part in parts):
        return False
    ids = _random_ids(engine, max_rows, num_steps + 1)
    expected = _stepped(engine, ids)
    for size in range(1, max_rows + 1):
        window, state = engine.predict_window(ids[:size, :-1], engine.start(size))
        following, _ = engine.step(ids[:size, -1], state)
        results = np.concatenate((window.log_probs.swapaxes(0, 1), following[None]))
        if not np.array_equal(results, expected[:, :size]):
            return False
    return True


def _random_ids(engine: Engine, num_rows: int, num_steps: int) -> NDArray[np.int32]:
    return np.random.default_rng(0).integers(engine.vocabulary_size, size=(num_rows, num_steps), dtype=np.int32)


def _stepped(engine: Engine, ids: NDArray[np.int32]) -> LogProbs:
    """Return the log-probabilities after each of the tokens `(B, T)`, as `(T, B, V)`."""
    state, results = engine.start(len(ids)), []
    for column in ids.T:
        log_probs, state = engine.step(column, state)
        results.append(log_probs)
    return np.stack(results)
