r"""Beam search, plain and diverse.

A group of `K / G` texts goes through the vocabulary as one beam would. The groups take turns in every step, and a
token that was chosen by an earlier group in this step costs a later one

$$\lambda \cdot \#\{\text{texts of earlier groups that chose it in this step}\}$$

in its choice (Hamming diversity). The cost is never part of a text's log-probability, nor of its score.

Source:
    Vijayakumar, Cogswell, Selvaraju, Sun, Lee, Crandall and Batra (2018), "Diverse Beam Search for Improved Description
    of Complex Scenes", algorithm 1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextword.generation.beam_group import BeamGroup, Task
from nextword.generation.hypothesis import Hypothesis
from nextword.generation.lockstep import Branches


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
        parents = [rows[parent] for group, rows in self._rows_before() for parent in group.parents]
        ids = [text.ids[-1] for group in self._groups for text in group.texts]
        ends = np.cumsum([len(group.texts) for group in self._groups]).tolist()
        self._rows = [range(end - len(group.texts), end) for group, end in zip(self._groups, ends, strict=True)]
        return Branches(parents, ids) if ids else None

    def found(self) -> list[Hypothesis]:
        """Return the complete texts of all groups that differ, the best first.

        Where none of them holds all that is required, they are those that do not.
        """
        complete = [text for group in self._groups for text in group.complete]
        rejected = [text for group in self._groups for text in group.rejected]
        distinct = {text.ids: text for text in complete or rejected}
        return sorted(distinct.values(), key=lambda text: -text.score(self._task.exponent))

    def _rows_before(self) -> list[tuple[BeamGroup, Sequence[int]]]:
        return list(zip(self._groups, self._rows, strict=True))
