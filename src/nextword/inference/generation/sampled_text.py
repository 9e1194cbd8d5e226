"""Text sampled token by token."""

from collections.abc import Sequence
from typing import override

import numpy as np
from numpy.typing import NDArray

from nextword.inference.generation.drawing import draw
from nextword.inference.generation.generated_text import Continuation, Ending, EndRule
from nextword.inference.generation.lockstep import Branches, Writer
from nextword.inference.generation.sampling import SamplingOptions
from nextword.inference.generation.words import ForbiddenWords


class SampledText(Writer):
    """Samples each token from the engine's distribution after the filters of the options; a `Writer` of one row.

    Args:
        prompt_ids: Tokens of the prompt.
        options: Sampling options; their seed is not used.
        rule: Rule that ends the text.
        forbidden: Forbidden words.
        random: Random generator; each token uses one number.

    Attributes:
        ids: Sampled tokens.
        log_prob: Log-probability of the tokens by the engine, before all filters.
        ending: Reason for the end; `None` while the text is incomplete.
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


def random_generator(options: SamplingOptions, sample_number: int = 0) -> np.random.Generator:
    """Return the random generator for one of several samples; sample 0 depends only on the seed."""
    key = (sample_number,) if sample_number else ()
    return np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=key))
