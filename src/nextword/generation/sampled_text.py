"""A text that is drawn token by token."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextword.generation.ending import Ending, EndRule
from nextword.generation.generated_text import Hypothesis
from nextword.generation.lockstep import Branches
from nextword.generation.sampling import SamplingOptions, filtered, sample
from nextword.generation.words import ForbiddenWords


class SampledText:
    """Draws each token from what the options leave of the engine's distribution; a `Writer` of one row.

    Args:
        prompt_ids: What the text goes on from.
        options: How tokens are drawn; their seed is not looked at.
        rule: When the text is complete.
        forbidden: What is never written.
        random: Where chance comes from; one number a token.

    Attributes:
        ids: The tokens so far.
        log_prob: The logarithm of their probability by the engine itself, whatever the options make of it.
        ending: Why the text is complete, `None` until it is.
    """

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
        self.log_prob = 0.0
        self.ending: Ending | None = None

    def take(self, log_probs: NDArray[np.float32]) -> None:
        """Draw the next token; see `Writer.take`."""
        count = len(self.ids) + 1
        forbidden = self._forbidden.after(self._read, is_last=count == self._rule.num_tokens)
        recent = self._read[-self._options.repetition_window :]
        token_id = sample(filtered(log_probs[0], self._options, forbidden, recent), self._random)
        self._tail = self._rule.tail_with(self._tail, self._read[-1] if self._read else None, token_id)
        self.ending = self._rule.ending(count, token_id, self._tail)
        self.log_prob += float(log_probs[0, token_id])
        self.ids.append(token_id)
        self._read.append(token_id)

    def go_on(self) -> Branches | None:
        """Return the token that was drawn last; see `Writer.go_on`."""
        return None if self.ending else Branches((0,), (self.ids[-1],))

    def found(self) -> list[Hypothesis]:
        """Return the text."""
        return [Hypothesis(tuple(self.ids), self.log_prob, self.ending, self._tail)]


def random_of(options: SamplingOptions, sample_number: int = 0) -> np.random.Generator:
    """Return the source of chance for one of several samples; the first has that of the seed alone."""
    key = (sample_number,) if sample_number else ()
    return np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=key))
