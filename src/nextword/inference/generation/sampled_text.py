"""Text sampled token by token."""

from collections.abc import Collection, Sequence
from typing import override

import numpy as np
from numpy.typing import NDArray

from nextword.inference.generation.generated_text import Continuation, Ending, EndRule
from nextword.inference.generation.lockstep import Branches, Writer
from nextword.inference.generation.sampling import LogProbs, SamplingOptions, filtered, normalized, sample
from nextword.inference.generation.words import ForbiddenWords
from nextword.inference.highest import highest

_FIRST_COUNT = 256
"""Tokens that are sorted at first to reach `top_p`; then eight times as many each time."""

_BLOCK = 128


def draw(
    log_probs: LogProbs,
    options: SamplingOptions,
    forbidden: Collection[int],
    read: Sequence[int],
    random: np.random.Generator,
) -> int:
    """Sample a token after all filters; a token with probability 0 is never returned."""
    if options.repetition_penalty != 1 or options.typical_p != 1:
        return sample(filtered(log_probs, options, forbidden, read), random)
    allowed = log_probs.copy()
    allowed[list(forbidden)] = -np.inf
    best = int(allowed.argmax())
    if not np.isfinite(allowed[best]):
        normalized(allowed)  # raises
    if options.temperature == 0:
        return best
    relative = allowed.astype(np.float64) - float(allowed[best])
    if options.temperature != 1:
        with np.errstate(over="ignore"):
            relative /= options.temperature
    if options.top_k is None and options.top_p == 1 and options.min_p == 0:
        return drawn_index(np.exp(relative), random.random())
    kept = _kept(relative, options)
    return int(kept[drawn_index(np.exp(relative[kept]), random.random())])


def drawn_index(weights: NDArray[np.float64], number: float) -> int:
    """Return the index at which the cumulated weights pass a number from 0 to 1 times their sum."""
    starts = np.arange(0, len(weights), _BLOCK)
    ends = np.cumsum(np.add.reduceat(weights, starts))
    target = number * ends[-1]
    block = _passed(ends, float(target))
    first = int(starts[block])
    before = float(ends[block - 1]) if block else 0.0
    return first + _passed(np.cumsum(weights[first : first + _BLOCK]), float(target) - before)


def _passed(cumulative: NDArray[np.float64], target: float) -> int:
    """Return the first index whose cumulated weight is above `target`; by rounding, it may be the last one."""
    index = int(np.searchsorted(cumulative, target, side="right"))
    return min(index, int(np.searchsorted(cumulative, cumulative[-1])))


def _kept(relative: NDArray[np.float64], options: SamplingOptions) -> NDArray[np.int64]:
    """Return the ids that remain after top k, top p and min p, ascending."""
    number = len(relative) if options.top_k is None else min(options.top_k, len(relative))
    if options.top_p < 1:
        number = _num_reaching(relative, number, options.top_p)
    kept = highest(relative, number)
    return kept[relative[kept] >= np.log(options.min_p)] if options.min_p > 0 else kept


def _num_reaching(relative: NDArray[np.float64], number: int, top_p: float) -> int:
    """Return how many of the `number` most probable tokens reach `top_p` of the weight of them all."""
    size = len(relative)
    total = float(np.exp(relative).sum()) if number == size else None
    count = min(number, _FIRST_COUNT) if total else number
    while True:
        best = np.sort(np.partition(relative, size - count)[size - count :])[::-1]
        reached = np.cumsum(np.exp(best))
        mass = top_p * (total or reached[-1])
        if reached[-1] >= mass or count == number:
            return min(1 + int(np.searchsorted(reached, mass)), count)
        count = min(8 * count, number)


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


def random_generator(options: SamplingOptions, sample_number: int = 0) -> np.random.Generator:
    """Return the random generator for one of several samples; sample 0 depends only on the seed."""
    key = (sample_number,) if sample_number else ()
    return np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=key))
