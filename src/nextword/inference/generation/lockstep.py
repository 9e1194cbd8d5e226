"""Generates texts of different lengths and searches of different widths in one batch.

```
step           1      2      3      4      5
prompt "a b"   <eos>  a      b      x      y          generates from its third step on
prompt "a"     <eos>  a      x      y                 from its second step on; a complete text leaves the batch
search         <eos>  a      x,y    xx,yx  xy,xz      one row for its prompt, then one row for each branch
```

No text waits for another, none is padded, and no state is computed twice: `Engine.select` keeps the rows that continue.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, Rows


class Branches(NamedTuple):
    """The next rows of a text."""

    parents: Sequence[int]  # index of the current row that each next row continues
    ids: Sequence[int]  # token that each next row reads


class Writer(Protocol):
    """Chooses the tokens of a text; it begins with one row, the prompt."""

    def receive(self, log_probs: NDArray[np.float32]) -> None:
        """Receive the log-probabilities after each row `(R, V)`."""

    def next_rows(self) -> Branches | None:
        """Return the next rows; `None` if the text is complete."""


class _Slot:
    """A writer with the unread part of its prompt and the position of its rows in the batch."""

    def __init__(self, writer: Writer, prompt: Sequence[int], first_row: int) -> None:
        self._writer = writer
        self._unread = deque(prompt)
        self._first_row = first_row

    def next_rows(self) -> Branches | None:
        branches = Branches((0,), (self._unread.popleft(),)) if self._unread else self._writer.next_rows()
        if branches is None:
            return None
        return Branches([self._first_row + parent for parent in branches.parents], branches.ids)

    def receive(self, log_probs: NDArray[np.float32], first_row: int) -> None:
        self._first_row = first_row
        if not self._unread:
            self._writer.receive(log_probs)


def lockstep(engine: Engine, prompts: Sequence[Sequence[int]], writers: Sequence[Writer]) -> Iterator[None]:
    """Run all writers from their prompts until they are complete; yield after every step of the engine.

    The log-probabilities for a writer do not depend on the other writers, except for the last bits if the engine's
    arithmetic depends on the batch size.
    """
    slots = [
        _Slot(writer, (engine.end_id, *prompt), row)
        for row, (writer, prompt) in enumerate(zip(writers, prompts, strict=True))
    ]
    if not slots:
        return
    num_rows = _batch_size(len(slots))
    state = engine.start(num_rows)
    while True:
        active = [(slot, branches) for slot in slots if (branches := slot.next_rows()) is not None]
        if not active:
            return
        slots = [slot for slot, _ in active]
        parents = _padded([parent for _, branches in active for parent in branches.parents])
        ids = _padded([token_id for _, branches in active for token_id in branches.ids])
        if not np.array_equal(parents, np.arange(num_rows)):
            state, num_rows = engine.select(state, parents), len(parents)
        log_probs, state = engine.step(ids.astype(np.int32), state)
        first = 0
        for slot, branches in active:
            slot.receive(log_probs[first : first + len(branches.ids)], first)
            first += len(branches.ids)
        yield


def _batch_size(num_rows: int) -> int:
    """Round up to a power of two, because an engine may compile again for every batch size."""
    return 1 << (num_rows - 1).bit_length()


def _padded(values: list[int]) -> Rows:
    """Repeat the last value to fill the batch."""
    return np.pad(np.array(values, np.intp), (0, _batch_size(len(values)) - len(values)), mode="edge")
