"""Beam search, with groups for diverse beam search and with required words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import override

import numpy as np
from numpy.typing import NDArray

from nextword.inference.generation.generated_text import Continuation, EndRule
from nextword.inference.generation.lockstep import Branches, Writer
from nextword.inference.generation.request import length_normalizer
from nextword.inference.generation.words import ForbiddenWords, RequiredWords

Floats = NDArray[np.float64]

Child = tuple[Continuation, int]
"""An incomplete text, and the index of its parent among the previous texts."""


@dataclass(frozen=True)
class SearchTask:
    """The parameters of a search."""

    read: tuple[int, ...]
    rule: EndRule
    forbidden: ForbiddenWords
    required: RequiredWords
    size: int
    exponent: float


class BeamGroup:
    """Keeps the `size` best incomplete texts of each length, and the `size` best complete texts.

    Each step extends all texts by all tokens and sorts them by log-probability. Complete texts among the first `size`
    are saved, and the first `size` incomplete texts continue. With required words, the beam is divided among the
    degrees of progress instead. More probable texts without the words then cannot displace a text that is about to
    contain them (Post and Vilar 2018, after Hokamp and Liu 2017).
    """

    def __init__(self, task: SearchTask) -> None:
        self._task = task
        self.texts = [Continuation()]  # incomplete texts
        self.parents = [0]  # index of the parent of each incomplete text among the previous texts
        self.complete: list[Continuation] = []  # complete texts with all required words, best first
        self.rejected: list[Continuation] = []  # complete texts without all required words, best first

    def advance(self, log_probs: NDArray[np.float32], costs: Floats) -> list[int]:
        """Extend every text by one token.

        Args:
            log_probs: Log-probabilities after each text `(R, V)`.
            costs: Cost of each token `(V,)`, for the choice of texts but not for their scores.

        Returns:
            The last token of each text that was completed or continues.
        """
        scores = np.array([[text.log_prob] for text in self.texts]) + self._allowed(log_probs)  # (R, V), float64
        choose = self._by_progress if self._task.required.num_tokens else self._by_score
        ended, kept = choose(scores, scores - costs)
        for text in ended:
            (self.rejected if self._task.required.missing(text.met) else self.complete).append(text)
        self.complete = self._best(self.complete)
        self.rejected = self._best(self.rejected)
        self.texts, self.parents = [text for text, _ in kept], [parent for _, parent in kept]
        if self._is_decided():
            self.texts, self.parents = [], []
        return [text.ids[-1] for text in (*ended, *(text for text, _ in kept))]

    def _by_score(self, scores: Floats, ranked: Floats) -> tuple[list[Continuation], list[Child]]:
        size = self._task.size
        ended: list[Continuation] = []
        kept: list[Child] = []
        for rank, (row, token_id) in enumerate(best_first(ranked, 2 * size)):
            if len(kept) == size or (rank >= size and self._is_last):
                break
            text = self._extended(row, token_id, float(scores[row, token_id]))
            if text.ending is None:
                kept.append((text, row))
            elif rank < size:
                ended.append(text)
        return ended, kept

    def _by_progress(self, scores: Floats, ranked: Floats) -> tuple[list[Continuation], list[Child]]:
        cells = sorted(self._pool(ranked), key=lambda cell: (-ranked[cell], cell))
        texts = [(self._extended(row, token_id, float(scores[row, token_id])), row) for row, token_id in cells]
        ended = [text for text, _ in texts if text.ending]
        open_texts = [(text, row) for text, row in texts if not text.ending]
        progress = [text.progress for text, _ in open_texts]
        chosen = allocate_beam(progress, self._task.required.num_tokens, self._task.size)
        return ended, [open_texts[index] for index in chosen]

    def _pool(self, ranked: Floats) -> set[tuple[int, int]]:
        """Return the candidates: the best extensions, the best one of each text, and those that make progress."""
        pool = set(islice(best_first(ranked, 2 * self._task.size), 2 * self._task.size))
        for row, text in enumerate(self.texts):
            pool.add((row, int(ranked[row].argmax())))
            for tokens in self._task.required.next_tokens(text.met, self._task.read[-1], text.ids):
                # `<eos>` can be next to a word, but would end the text without the other words.
                choice = sorted(tokens - {self._task.rule.end_id})
                if choice:
                    pool.add((row, choice[int(ranked[row, choice].argmax())]))
        return {cell for cell in pool if ranked[cell] > -np.inf}

    def _extended(self, row: int, token_id: int, log_prob: float) -> Continuation:
        text, task = self.texts[row], self._task
        prompt_end = task.read[-1] if len(task.read) > 1 else None
        before = text.ids[-1] if text.ids else prompt_end
        tail = task.rule.next_tail(text.tail, before, token_id)
        ids = (*text.ids, token_id)
        ending = task.rule.ending(len(ids), token_id, tail)
        met, progress = task.required.progress(text.met, task.read[-1], ids)
        if ending and task.required.num_tokens:
            met = task.required.met_by(task.read[-1], ids[: task.rule.num_shown(prompt_end, ids)])
        return Continuation(ids, log_prob, ending, tail, met, progress)

    def _allowed(self, log_probs: NDArray[np.float32]) -> Floats:
        """Return log-probabilities with `-inf` for forbidden tokens, not normalized again."""
        allowed = log_probs.astype(np.float64)
        for row, text in enumerate(self.texts):
            read = (*self._task.read[1:], *text.ids)
            allowed[row, list(self._task.forbidden.after(read, is_last=self._is_last))] = -np.inf
        return allowed

    def _is_decided(self) -> bool:
        """Return whether no incomplete text can become one of the `size` best; more tokens never raise its score."""
        if not self.texts or len(self.complete) < self._task.size:
            return False
        normalizer = length_normalizer(self._task.rule.num_tokens, self._task.exponent)
        attainable = max(text.log_prob for text in self.texts) / normalizer
        return self.complete[-1].score(self._task.exponent) >= attainable

    def _best(self, texts: list[Continuation]) -> list[Continuation]:
        return sorted(texts, key=lambda text: -text.score(self._task.exponent))[: self._task.size]

    @property
    def _is_last(self) -> bool:
        return len(self.texts[0].ids) + 1 == self._task.rule.num_tokens


def best_first(scores: Floats, at_once: int) -> Iterator[tuple[int, int]]:
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


def allocate_beam(progress: Sequence[int], max_progress: int, size: int) -> list[int]:
    """Return the indices of the texts to keep, `size` at most, divided among the degrees of progress.

    `progress` is that of the texts, best text first. Each degree from 0 to `max_progress` has the same number of
    slots; the highest degrees get the remainder. The best remaining texts fill unused slots.

    Example:
        >>> allocate_beam([0, 0, 0, 1, 2, 0], 2, 4)
        [0, 1, 3, 4]
    """
    slots, remainder = divmod(size, max_progress + 1)
    free = {degree: slots + (degree > max_progress - remainder) for degree in range(max_progress + 1)}
    kept = set()
    for index, degree in enumerate(progress):
        if free[degree]:
            free[degree] -= 1
            kept.add(index)
    others = (index for index in range(len(progress)) if index not in kept)
    return sorted(kept | set(islice(others, size - len(kept))))


class BeamSearch(Writer):
    r"""Searches for the most probable text; a `Writer` with a row for each incomplete text.

    With a beam of all `V ** num_tokens` texts the search is exhaustive; with a beam of 1 it is greedy.

    `diversity` is the cost of a token for each text of the earlier groups that has it, in nats.
    """

    def __init__(self, task: SearchTask, *, num_groups: int = 1, diversity: float = 0.0) -> None:
        self._task = task
        self._groups = [BeamGroup(task) for _ in range(num_groups)]
        self._rows: list[Sequence[int]] = [(0,)] * num_groups
        self._diversity = diversity

    @override
    def receive(self, log_probs: NDArray[np.float32]) -> None:
        counts = np.zeros(log_probs.shape[1])
        for group, rows in zip(self._groups, self._rows, strict=True):
            if group.texts:
                np.add.at(counts, group.advance(log_probs[list(rows)], self._diversity * counts), 1)

    @override
    def next_rows(self) -> Branches | None:
        groups = zip(self._groups, self._rows, strict=True)
        parents = [rows[parent] for group, rows in groups for parent in group.parents]
        ids = [text.ids[-1] for group in self._groups for text in group.texts]
        ends = np.cumsum([len(group.texts) for group in self._groups]).tolist()
        self._rows = [range(end - len(group.texts), end) for group, end in zip(self._groups, ends, strict=True)]
        return Branches(parents, ids) if ids else None

    def hypotheses(self) -> list[Continuation]:
        """Return the distinct complete texts of all groups, best first.

        If no text has all required words, return texts without them.
        """
        complete = [text for group in self._groups for text in group.complete]
        rejected = [text for group in self._groups for text in group.rejected]
        distinct = {text.ids: text for text in complete or rejected}
        return sorted(distinct.values(), key=lambda text: -text.score(self._task.exponent))
