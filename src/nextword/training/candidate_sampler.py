"""Which tokens a step of training with a sampled softmax runs over."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.ops.sampled_softmax import Candidates
from nextword.training.alias_table import AliasTable
from nextword.training.options import TrainingOptions

_ABSENT = -1e9
"""Added to the logit of a place that another stands for; its exponential is 0, and it can be computed with."""


class CandidateSampler(keras.layers.Layer):
    r"""Draws the candidates of `nextword.ops.sampled_softmax`, so that the partition sum is estimated without bias.

    Of `num_samples` candidates half are always the same, the most frequent tokens, which hold most of the
    probability. The other half are drawn from the rest, with replacement, in proportion to
    $\max(\text{count}, 1)^{0.75}$. The targets of the step are candidates too, each once, and samples that fall on one
    of them count for nothing: the rest of the vocabulary is what is estimated.

    Args:
        counts: How often each token occurs in the training text `(V,)`.
        num_samples: Candidates beside the targets, at least 2 and below `V`.
        seed: Seed of the samples.

    Call arguments:
        targets: `(N,)`, int32.

    Returns:
        `Candidates`, `num_samples + N` of them.

    Raises:
        SettingError: `num_samples` is not below `V`.
    """

    def __init__(self, counts: NDArray[np.integer[Any]], num_samples: int, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 2 <= num_samples < len(counts):
            raise SettingError(
                f"`sampled_softmax` must be at least 2 and below the vocabulary of {len(counts)}, but is "
                f"{num_samples}; leave it out to use the whole softmax"
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
        """Return the candidates of a step, and where its targets stand among them."""
        num_targets = targets.shape[0]
        rows = ops.arange(num_targets, dtype="int32")
        # The last row of each target stands for all its rows; -1 or less where a token is no target.
        last_row = ops.segment_max(rows, targets, num_segments=len(self._place_in_head))
        place_in_head = ops.take(self._place_in_head, targets)
        stands = ops.logical_and(ops.take(last_row, targets) == rows, place_in_head < 0)

        drawn = self._table.draw(self._num_samples, self.seed_generator)
        samples = ops.take(self._tail, drawn)
        is_target = ops.take(last_row, samples) >= 0
        return Candidates(
            ids=ops.concatenate((self._head, targets, samples)),
            log_weights=ops.concatenate(
                (
                    ops.zeros((len(self._head),)),
                    ops.where(stands, 0.0, _ABSENT),
                    ops.where(is_target, _ABSENT, -ops.take(self._log_expected, drawn)),
                )
            ),
            places=ops.where(place_in_head >= 0, place_in_head, len(self._head) + ops.take(last_row, targets)),
        )


def make_sampler(
    options: TrainingOptions, vocabulary_size: int, token_counts: NDArray[np.integer[Any]] | None = None
) -> CandidateSampler | None:
    """Return the sampler that `sampled_softmax` asks for, `None` where it does not; without counts all are alike."""
    if options.sampled_softmax is None:
        return None
    counts = np.ones(vocabulary_size, np.int64) if token_counts is None else token_counts
    return CandidateSampler(counts, options.sampled_softmax, seed=options.seed, name="sampler")
