"""Texts of different lengths, and searches of different widths, written side by side by one engine.

```
step           1      2      3      4      5
prompt "a b"   <eos>  a      b      x      y          writes after its third step
prompt "a"     <eos>  a      x      y                 after its second; its rows leave when it is complete
search         <eos>  a      x,y    xx,yx  xy,xz      one row until its prompt is read, then as many as it branches into
```

No text waits for another, none is padded, and no state is computed twice: `Engine.select` takes the rows that go on.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, Rows


class Branches(NamedTuple):
    """How the rows of a text go on.

    Attributes:
        parents: For each of the rows to come, the present row that it goes on from.
        ids: The token that each of them reads.
    """

    parents: Sequence[int]
    ids: Sequence[int]


class Writer(Protocol):
    """Decides how a text goes on; it begins with one row, the prompt."""

    def take(self, log_probs: NDArray[np.float32]) -> None:
        """Learn what the engine expects after each of the rows `(R, V)`."""

    def go_on(self) -> Branches | None:
        """Return how the rows go on, `None` once the text is complete."""


class _Slot:
    """A writer at work: what is left of its prompt, and where its rows stand in the batch."""

    def __init__(self, writer: Writer, prompt: Sequence[int], first_row: int) -> None:
        self._writer = writer
        self._unread = deque(prompt)
        self._first_row = first_row

    def go_on(self) -> Branches | None:
        """Return how the rows go on, their parents counted in the whole batch."""
        branches = Branches((0,), (self._unread.popleft(),)) if self._unread else self._writer.go_on()
        if branches is None:
            return None
        return Branches([self._first_row + parent for parent in branches.parents], branches.ids)

    def take(self, log_probs: NDArray[np.float32], first_row: int) -> None:
        self._first_row = first_row
        if not self._unread:
            self._writer.take(log_probs)


def lockstep(engine: Engine, prompts: Sequence[Sequence[int]], writers: Sequence[Writer]) -> Iterator[None]:
    """Have each writer go on from its prompt, yielding after every step of the engine, until all are complete.

    What a writer hears does not depend on the others, but for the last bits of an engine whose arithmetic depends on
    the size of the batch.
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
        going = [(slot, branches) for slot in slots if (branches := slot.go_on()) is not None]
        if not going:
            return
        slots = [slot for slot, _ in going]
        parents = _padded([parent for _, branches in going for parent in branches.parents])
        ids = _padded([token_id for _, branches in going for token_id in branches.ids])
        if not np.array_equal(parents, np.arange(num_rows)):
            state, num_rows = engine.select(state, parents), len(parents)
        log_probs, state = engine.step(ids.astype(np.int32), state)
        first = 0
        for slot, branches in going:
            slot.take(log_probs[first : first + len(branches.ids)], first)
            first += len(branches.ids)
        yield


def _batch_size(num_rows: int) -> int:
    """Return the next power of two: an engine may have to compile again for each size of batch that it meets."""
    return 1 << (num_rows - 1).bit_length()


def _padded(values: list[int]) -> Rows:
    """Return values with the last of them repeated up to the size of a batch."""
    return np.pad(np.array(values, np.intp), (0, _batch_size(len(values)) - len(values)), mode="edge")
