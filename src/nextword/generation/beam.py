"""The texts of one beam, or of one group of a diverse one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from nextword.generation.ending import EndRule
from nextword.generation.generated_text import Hypothesis
from nextword.generation.lockstep import Branches
from nextword.generation.request import length_normalizer
from nextword.generation.words import ForbiddenWords, RequiredWords

Floats = NDArray[np.float64]

Child = tuple[Hypothesis, int]
"""A text that goes on, and the place among the texts before of the one that it continues."""


@dataclass(frozen=True)
class Task:
    """What a search is for.

    Attributes:
        read: `<eos>` and the prompt.
        rule: When a text is complete.
        forbidden: What no text holds.
        required: What every text must hold.
        size: How many texts a group keeps.
        exponent: That of the length normalization.
    """

    read: tuple[int, ...]
    rule: EndRule
    forbidden: ForbiddenWords
    required: RequiredWords
    size: int
    exponent: float


class BeamGroup:
    """Keeps the `size` best texts of each length, and the `size` best complete ones.

    At each step all texts are continued by all tokens. In order of log-probability, those that are complete are set
    aside if they are among the first `size`, and the first `size` of the others go on. If words are required, the
    places are shared out among the degrees of progress instead, so that a text which is about to hold them is never
    crowded out by more probable ones that are not (Post and Vilar 2018, after Hokamp and Liu 2017).

    Attributes:
        texts: Those that go on.
        parents: For each of them, the place among the texts before of the one that it continues.
        complete: Complete texts that hold all that is required, the best first.
        rejected: Complete texts that do not.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self.texts = [Hypothesis()]
        self.parents = [0]
        self.complete: list[Hypothesis] = []
        self.rejected: list[Hypothesis] = []

    def advance(self, log_probs: NDArray[np.float32], costs: Floats) -> list[int]:
        """Continue every text by one token.

        Args:
            log_probs: What follows each text `(R, V)`.
            costs: What each token costs in the choice, and in it alone `(V,)`.

        Returns:
            The tokens that were chosen, one for each text that goes on or was completed.
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

    def _by_score(self, scores: Floats, ranked: Floats) -> tuple[list[Hypothesis], list[Child]]:
        size = self._task.size
        ended: list[Hypothesis] = []
        kept: list[Child] = []
        for rank, (row, token_id) in enumerate(best_first(ranked, 2 * size)):
            if len(kept) == size or (rank >= size and self._is_last):
                break
            text = self._continued(row, token_id, float(scores[row, token_id]))
            if text.ending is None:
                kept.append((text, row))
            elif rank < size:
                ended.append(text)
        return ended, kept

    def _by_progress(self, scores: Floats, ranked: Floats) -> tuple[list[Hypothesis], list[Child]]:
        places = sorted(self._pool(ranked), key=lambda place: (-ranked[place], place))
        texts = [(self._continued(row, token_id, float(scores[row, token_id])), row) for row, token_id in places]
        ended = [text for text, _ in texts if text.ending]
        going = [(text, row) for text, row in texts if not text.ending]
        chosen = allocate_beam([text.progress for text, _ in going], self._task.required.num_tokens, self._task.size)
        return ended, [going[index] for index in chosen]

    def _pool(self, ranked: Floats) -> set[tuple[int, int]]:
        """Return the continuations to choose from: the best, the best of each text, and those that make progress."""
        pool = set(islice(best_first(ranked, 2 * self._task.size), 2 * self._task.size))
        for row, text in enumerate(self.texts):
            pool.add((row, int(ranked[row].argmax())))
            for tokens in self._task.required.next_tokens(text.met, self._task.read[-1], text.ids):
                # `<eos>` may stand beside a word, but to end the text there would be to give the others up.
                choice = sorted(tokens - {self._task.rule.end_id})
                if choice:
                    pool.add((row, choice[int(ranked[row, choice].argmax())]))
        return {place for place in pool if ranked[place] > -np.inf}

    def _continued(self, row: int, token_id: int, log_prob: float) -> Hypothesis:
        text, task = self.texts[row], self._task
        before_all = task.read[-1] if len(task.read) > 1 else None
        before = text.ids[-1] if text.ids else before_all
        tail = task.rule.tail_with(text.tail, before, token_id)
        ids = (*text.ids, token_id)
        ending = task.rule.ending(len(ids), token_id, tail)
        met, progress = task.required.progress(text.met, task.read[-1], ids)
        if ending and task.required.num_tokens:
            met = task.required.held_by(task.read[-1], ids[: task.rule.num_shown(before_all, ids)])
        return Hypothesis(ids, log_prob, ending, tail, met, progress)

    def _allowed(self, log_probs: NDArray[np.float32]) -> Floats:
        """Return log-probabilities with those of forbidden tokens at `-inf`; they are not made to sum to one again."""
        allowed = log_probs.astype(np.float64)
        for row, text in enumerate(self.texts):
            read = (*self._task.read[1:], *text.ids)
            allowed[row, list(self._task.forbidden.after(read, is_last=self._is_last))] = -np.inf
        return allowed

    def _is_decided(self) -> bool:
        """Whether no text that goes on can become one of the `size` best, since none gains by what is to come."""
        if not self.texts or len(self.complete) < self._task.size:
            return False
        most = length_normalizer(self._task.rule.num_tokens, self._task.exponent)
        attainable = max(text.log_prob for text in self.texts) / most
        return self.complete[-1].score(self._task.exponent) >= attainable

    def _best(self, texts: list[Hypothesis]) -> list[Hypothesis]:
        return sorted(texts, key=lambda text: -text.score(self._task.exponent))[: self._task.size]

    @property
    def _is_last(self) -> bool:
        return len(self.texts[0].ids) + 1 == self._task.rule.num_tokens


def best_first(scores: Floats, at_once: int) -> Iterator[tuple[int, int]]:
    """Yield the places of a matrix in order of their scores, equals by row and column, leaving out `-inf`.

    No more of it is sorted, four times `at_once` for each time that what was sorted is used up, than is asked for.
    """
    flat = scores.ravel()
    possible, given, count = int(np.count_nonzero(flat > -np.inf)), 0, at_once
    while given < possible:
        count = min(count, possible)
        least = np.partition(flat, flat.size - count)[flat.size - count]
        among = np.flatnonzero(flat >= least)
        order = among[np.argsort(-flat[among], kind="stable")]
        for place in order[given:]:
            yield divmod(int(place), scores.shape[1])
        given, count = len(order), 4 * count


def allocate_beam(progress: Sequence[int], most: int, size: int) -> list[int]:
    """Return which of texts, the best first, are kept: `size` at most, shared out among the degrees of progress.

    Each degree from 0 to `most` has the same number of places, one more for the highest if they do not come out
    even; places that a degree does not fill go to the best of what is left.

    Example:
        >>> allocate_beam([0, 0, 0, 1, 2, 0], 2, 4)
        [0, 1, 3, 4]
    """
    places, more = divmod(size, most + 1)
    left = {degree: places + (degree > most - more) for degree in range(most + 1)}
    kept = set()
    for index, degree in enumerate(progress):
        if left[degree]:
            left[degree] -= 1
            kept.add(index)
    others = (index for index in range(len(progress)) if index not in kept)
    return sorted(kept | set(islice(others, size - len(kept))))


class BeamSearch:
    r"""Searches for the most probable text; a `Writer` of as many rows as there are texts on the way.

    With a beam of all `V ** num_tokens` texts the search is exhaustive; with a beam of 1 it is greedy.

    Args:
        task: What is searched for.
        num_groups: `G`.
        diversity: $\lambda$.
    """

    def __init__(self, task: Task, *, num_groups: int = 1, diversity: float = 0.0) -> None:
        self._task = task
        self._groups = [BeamGroup(task) for _ in range(num_groups)]
        self._rows: list[Sequence[int]] = [(0,)] * num_groups
        self._diversity = diversity

    def take(self, log_probs: NDArray[np.float32]) -> None:
        """Continue every text by one token; see `Writer.take`."""
        counts = np.zeros(log_probs.shape[1])
        for group, rows in zip(self._groups, self._rows, strict=True):
            if group.texts:
                np.add.at(counts, group.advance(log_probs[list(rows)], self._diversity * counts), 1)

    def go_on(self) -> Branches | None:
        """Return the last tokens of all texts that are not complete; see `Writer.go_on`."""
        groups = zip(self._groups, self._rows, strict=True)
        parents = [rows[parent] for group, rows in groups for parent in group.parents]
        ids = [text.ids[-1] for group in self._groups for text in group.texts]
        ends = np.cumsum([len(group.texts) for group in self._groups]).tolist()
        self._rows = [range(end - len(group.texts), end) for group, end in zip(self._groups, ends, strict=True)]
        return Branches(parents, ids) if ids else None

    def found(self) -> list[Hypothesis]:
        """Return the complete texts of all groups that differ, the best first.

        If none of them holds all that is required, they are those that do not.
        """
        complete = [text for group in self._groups for text in group.complete]
        rejected = [text for group in self._groups for text in group.rejected]
        distinct = {text.ids: text for text in complete or rejected}
        return sorted(distinct.values(), key=lambda text: -text.score(self._task.exponent))
