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
from typing import NamedTuple, Protocol, override

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, Rows
from nextword.inference.generation.generated_text import Continuation, Ending, EndRule, length_normalizer
from nextword.inference.generation.sampling import SamplingOptions, draw
from nextword.inference.generation.words import ForbiddenWords


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


class SampledText(Writer):
    """Samples each token from the engine's distribution after the filters of the options; a `Writer` of one row."""

    def __init__(
        self,
        prompt_ids: Sequence[int],
        options: SamplingOptions,
        rule: EndRule,
        forbidden: ForbiddenWords,
        random: np.random.Generator,
    ) -> None:
        self._options = options
        self._rule = rule
        self._forbidden = forbidden
        self._random = random
        self._read = list(prompt_ids)
        self._tail = ""
        self.ids: list[int] = []
        self.log_prob = 0.0  # log-probability of the tokens by the engine, before all filters
        self.ending: Ending | None = None  # reason for the end; `None` while the text is incomplete

    @override
    def receive(self, log_probs: NDArray[np.float32]) -> None:
        count = len(self.ids) + 1
        forbidden = self._forbidden.after(self._read, is_last=count == self._rule.num_tokens)
        recent = self._read[-self._options.repetition_window :]
        token_id = draw(log_probs[0], self._options, forbidden, recent, self._random)
        self._tail = self._rule.next_tail(self._tail, self._read[-1] if self._read else None, token_id)
        self.ending = self._rule.ending(count, token_id, self._tail)
        self.log_prob += float(log_probs[0, token_id])
        self.ids.append(token_id)
        self._read.append(token_id)

    @override
    def next_rows(self) -> Branches | None:
        return None if self.ending else Branches((0,), (self.ids[-1],))

    def hypotheses(self) -> list[Continuation]:
        """Return the text."""
        return [Continuation(tuple(self.ids), self.log_prob, self.ending, self._tail)]


class BeamSearch(Writer):
    """Searches for the most probable text; a `Writer` with a row for each incomplete text.

    Each step extends all texts by all tokens and sorts them by log-probability. Complete texts among the first `size`
    are saved, and the first `size` incomplete texts continue. With a beam of all `V ** num_tokens` texts the search is
    exhaustive; with a beam of 1 it is greedy.

    Args:
        prompt_ids: The tokens before the text.
        rule: What ends a text.
        forbidden: What no text may have.
        size: The number of texts to keep.
        exponent: The exponent of `length_normalizer`.
    """

    def __init__(
        self, prompt_ids: Sequence[int], rule: EndRule, forbidden: ForbiddenWords, *, size: int, exponent: float
    ) -> None:
        self._prompt = tuple(prompt_ids)
        self._rule = rule
        self._forbidden = forbidden
        self._size = size
        self._exponent = exponent
        self._texts = [Continuation()]  # incomplete texts
        self._parents = [0]  # index of the parent of each incomplete text among the previous texts
        self._complete: list[Continuation] = []  # best first

    @override
    def receive(self, log_probs: NDArray[np.float32]) -> None:
        scores = np.array([[text.log_prob] for text in self._texts]) + self._allowed(log_probs)  # (R, V), float64
        parents: list[int] = []
        texts: list[Continuation] = []
        for rank, (row, token_id) in enumerate(best_first(scores, 2 * self._size)):
            if len(texts) == self._size or (rank >= self._size and self._is_last):
                break
            text = self._extended(self._texts[row], token_id, float(scores[row, token_id]))
            if text.ending is None:
                texts.append(text)
                parents.append(row)
            elif rank < self._size:
                self._complete.append(text)
        self._complete = sorted(self._complete, key=lambda text: -text.score(self._exponent))[: self._size]
        self._texts, self._parents = ([], []) if self._is_decided(texts) else (texts, parents)

    @override
    def next_rows(self) -> Branches | None:
        return Branches(self._parents, [text.ids[-1] for text in self._texts]) if self._texts else None

    def hypotheses(self) -> list[Continuation]:
        """Return the complete texts, best first."""
        return self._complete

    def _extended(self, text: Continuation, token_id: int, log_prob: float) -> Continuation:
        before = (*self._prompt[-1:], *text.ids[-1:])
        tail = self._rule.next_tail(text.tail, before[-1] if before else None, token_id)
        ids = (*text.ids, token_id)
        return Continuation(ids, log_prob, self._rule.ending(len(ids), token_id, tail), tail)

    def _allowed(self, log_probs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return log-probabilities with `-inf` for forbidden tokens, not normalized again."""
        allowed = log_probs.astype(np.float64)
        for row, text in enumerate(self._texts):
            allowed[row, list(self._forbidden.after((*self._prompt, *text.ids), is_last=self._is_last))] = -np.inf
        return allowed

    def _is_decided(self, texts: Sequence[Continuation]) -> bool:
        """Return whether no incomplete text can become one of the `size` best; more tokens never raise its score."""
        if not texts or len(self._complete) < self._size:
            return False
        attainable = max(text.log_prob for text in texts) / length_normalizer(self._rule.num_tokens, self._exponent)
        return self._complete[-1].score(self._exponent) >= attainable

    @property
    def _is_last(self) -> bool:
        return len(self._texts[0].ids) + 1 == self._rule.num_tokens


def best_first(scores: NDArray[np.float64], at_once: int) -> Iterator[tuple[int, int]]:
    """Yield row and column of the elements of a matrix in descending order, without `-inf`; ties go in index order.

    It sorts only the first `at_once` elements, and four times as many each time these are used up.
    """
    flat = scores.ravel()
    possible, yielded, count = int(np.count_nonzero(flat > -np.inf)), 0, at_once
    while yielded < possible:
        count = min(count, possible)
        threshold = np.partition(flat, flat.size - count)[flat.size - count]
        candidates = np.flatnonzero(flat >= threshold)
        order = candidates[np.argsort(-flat[candidates], kind="stable")]
        for index in order[yielded:]:
            yield divmod(int(index), scores.shape[1])
        yielded, count = len(order), 4 * count
