"""Draws the candidates of a sampled softmax."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.model.ops.cross_entropy import Candidates

_EXCLUDED = -1e9  # added to the logit of a duplicate candidate: finite, but its exponential is 0


class AliasTable(NamedTuple):
    r"""A distribution over $0 \dots N - 1$ as $N$ equally likely places, each with at most two outcomes.

    A uniformly drawn place $i$ gives $i$ with probability $q_i$, and otherwise its alias $a_i$:

    $$p_i = \frac{1}{N} \Bigl(q_i + \sum_{j: a_j = i} (1 - q_j)\Bigr).$$

    In float32, the error of $p_i$ is about a millionth of $\max(p_i, 1 / N)$. The error of a search in the cumulative
    distribution is up to $2^{-23}$, an eighth of the probability of the rarest of 260,000 words.

    Source:
        Walker (1977), "An Efficient Method for Generating Discrete Random Variables with General Distributions";
        Vose (1991), "A Linear Algorithm for Generating Random Numbers with a Given Distribution".
    """

    thresholds: NDArray[np.float32]  # $q$, `(N,)`, float32
    aliases: NDArray[np.int32]  # $a$, `(N,)`, int32

    @classmethod
    def of(cls, probabilities: NDArray[np.floating[Any]]) -> "AliasTable":
        """Return the table of probabilities `(N,)` that sum to one."""
        shares = (np.asarray(probabilities, np.float64) * len(probabilities)).tolist()
        thresholds, aliases = [1.0] * len(shares), list(range(len(shares)))
        scarce = [place for place, share in enumerate(shares) if share < 1.0]
        ample = [place for place, share in enumerate(shares) if share >= 1.0]
        while scarce and ample:
            place, giver = scarce.pop(), ample[-1]
            thresholds[place], aliases[place] = shares[place], giver
            shares[giver] -= 1.0 - shares[place]
            if shares[giver] < 1.0:
                scarce.append(ample.pop())
        return cls(np.array(thresholds, np.float32), np.array(aliases, np.int32))

    def draw(self, num_draws: int, seed: keras.random.SeedGenerator) -> Any:
        """Return `num_draws` outcomes, drawn with replacement, int32 `(num_draws,)`."""
        places = keras.random.randint((num_draws,), 0, len(self.aliases), dtype="int32", seed=seed)
        uniform = keras.random.uniform((num_draws,), seed=seed)
        return ops.where(uniform < ops.take(self.thresholds, places), places, ops.take(self.aliases, places))


class CandidateSampler(keras.layers.Layer):
    r"""Draws the candidates of `nextword.model.ops.cross_entropy` for an unbiased estimate of the partition function.

    Half of the `num_samples` candidates are always the most frequent tokens, which have most of the probability. The
    other half is drawn from the other tokens, with replacement, in proportion to $\max(\text{count}, 1)^{0.75}$. Each
    target of the step is a candidate too, once. Samples equal to a target are ignored, because they estimate the rest
    of the vocabulary.

    Call arguments:
        targets: `(N,)`, int32.

    Raises:
        SettingError: `num_samples` is not below `V`.
    """

    def __init__(self, counts: NDArray[np.integer[Any]], num_samples: int, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 2 <= num_samples < len(counts):
            raise SettingError(
                f"`sampled_softmax` must be at least 2 and below the vocabulary size {len(counts)}, but is "
                f"{num_samples}; leave it out to use the full softmax"
            )
        by_frequency = np.argsort(-counts, kind="stable").astype(np.int32)
        self._head, self._tail = np.split(by_frequency, [num_samples // 2])
        self._place_in_head = np.full(len(counts), -1, np.int32)
        self._place_in_head[self._head] = np.arange(len(self._head))
        proposal = np.maximum(counts[self._tail], 1) ** 0.75
        self._num_samples = num_samples - len(self._head)
        self._table = AliasTable.of(proposal / proposal.sum())
        self._log_expected = np.log(self._num_samples * proposal / proposal.sum()).astype(np.float32)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, targets: Any) -> Candidates:
        """Return the candidates of a step, and the places of its targets among them."""
        num_targets = targets.shape[0]
        rows = ops.arange(num_targets, dtype="int32")
        # The last row of each target represents all its rows; negative if a token is no target.
        last_row = ops.segment_max(rows, targets, num_segments=len(self._place_in_head))
        place_in_head = ops.take(self._place_in_head, targets)
        is_first_place = ops.logical_and(ops.take(last_row, targets) == rows, place_in_head < 0)

        drawn = self._table.draw(self._num_samples, self.seed_generator)
        samples = ops.take(self._tail, drawn)
        is_target = ops.take(last_row, samples) >= 0
        return Candidates(
            ids=ops.concatenate((self._head, targets, samples)),
            log_weights=ops.concatenate(
                (
                    ops.zeros((len(self._head),)),
                    ops.where(is_first_place, 0.0, _EXCLUDED),
                    ops.where(is_target, _EXCLUDED, -ops.take(self._log_expected, drawn)),
                )
            ),
            places=ops.where(place_in_head >= 0, place_in_head, len(self._head) + ops.take(last_row, targets)),
        )
