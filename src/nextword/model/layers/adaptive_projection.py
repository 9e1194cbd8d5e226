"""The adaptive softmax: a projection in clusters, with narrower weights for rarer words."""

import itertools
from typing import Any

import keras
from keras import ops

from nextword.model.layers.output_projection import Projection, TokenBatch
from nextword.model.ops.cross_entropy import TokenLosses, linear_cross_entropy
from nextword.model.ops.ranks import ranks_of

_CHUNK_LOG_PROBS = 12 * 2**20  # most log-probabilities in memory while ranks are computed: 48 MiB in float32


@keras.saving.register_keras_serializable("nextword")
class AdaptiveProjection(Projection):
    r"""A softmax over frequent words and clusters of rarer words, and a softmax within each cluster.

    Ids are sorted by frequency, so a cluster is a range of ids. The head holds the ids below the first cutoff $c_0$.
    Tail $i$ holds the ids from $c_i$ up to the next cutoff, and the last tail those up to `V`. The head's kernel $W$
    has one additional column for each tail. $P_i$ projects the hidden state to the smaller width of a tail:

    $$\log p(v) = \log \mathrm{softmax}(h W + b)_v \quad (v < c_0)$$
    $$\log p(v) = \log \mathrm{softmax}(h W + b)_{c_0 + i} + \log \mathrm{softmax}(h P_i W_i + b_i)_{v - c_i}$$

    This is an exact distribution in training and prediction. It saves work because most targets are frequent and rare
    words have fewer weights.

    Args:
        vocabulary_size: `V`.
        cutoffs: $c_0, c_1, \dots$, ascending, at least 1 and below `V`.
        tail_widths: Columns of $P_0, P_1, \dots$
        options: Arguments of `nextword.model.layers.initialization.InitializedLayer`.

    Call arguments:
        hidden: `(..., H)`.
        embeddings: Unused: an adaptive softmax cannot be tied.

    Returns:
        The log-probabilities `(..., V)`, which can be used as logits.

    Source:
        Grave et al. (2017), "Efficient softmax approximation for GPUs".
    """

    def __init__(
        self, vocabulary_size: int, *, cutoffs: tuple[int, ...], tail_widths: tuple[int, ...], **options: Any
    ) -> None:
        super().__init__(vocabulary_size, **options)
        self.cutoffs = tuple(cutoffs)
        self.tail_widths = tuple(tail_widths)

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Create kernel `(H, c_0 + number of tails)` and bias of the head, and $P_i$, $W_i$ and $b_i$ of each tail."""
        hidden_size, num_classes = hidden_shape[-1], self.cutoffs[0] + len(self.cutoffs)
        self.head_kernel = self._kernel("head_kernel", (hidden_size, num_classes))
        self.head_bias = self._bias("head_bias", num_classes)
        self.tails: list[Any] = []
        ends = (*self.cutoffs, self.vocabulary_size)
        for index, (width, (start, end)) in enumerate(zip(self.tail_widths, itertools.pairwise(ends), strict=True)):
            projection = self._kernel(f"tail_{index}_projection", (hidden_size, width))
            kernel = self._kernel(f"tail_{index}_kernel", (width, end - start))
            self.tails.append((projection, kernel, self._bias(f"tail_{index}_bias", end - start)))

    def call(self, hidden: Any, embeddings: Any = None) -> Any:
        """Return the log-probabilities of all tokens."""
        del embeddings
        head = ops.log_softmax(ops.matmul(hidden, self.head_kernel) + self.head_bias)
        first = self.cutoffs[0]
        parts = [head[..., :first]]
        for column, (projection, kernel, bias) in enumerate(self.tails, start=first):
            logits = ops.matmul(ops.matmul(hidden, projection), kernel) + bias
            parts.append(head[..., column : column + 1] + ops.log_softmax(logits))
        return ops.concatenate(parts, axis=-1)

    def losses_of(self, batch: TokenBatch) -> TokenLosses:
        """Return the loss, computed from the head and the tail of each target.

        In training, a hit is therefore a target with the highest probability in the head, or in its tail if that tail
        has the highest probability in the head. Outside of training, hits and ranks come from all log-probabilities.
        If a gradient is computed, losses of rows with weight 0 may lack the term of their tail.
        """
        targets = ops.cast(batch.targets, "int32")
        clusters = ops.searchsorted(ops.array(self.cutoffs, "int32"), targets, side="right")  # 0 is the head
        order = ops.argsort(clusters)
        rows = (ops.take(array, order, axis=0) for array in (batch.hidden, targets, batch.weights, clusters))
        total, losses, hits = self._sorted_losses(*rows, compute_dtype=self._precision_for(batch))
        inverse = ops.argsort(order)
        losses, hits = ops.take(losses, inverse, axis=0), ops.take(hits, inverse, axis=0)
        if batch.training and not batch.ranks:
            return TokenLosses(total, losses, hits)
        hits, ranks = self._hits_and_ranks(batch.hidden, targets)
        return TokenLosses(total, losses, hits, ranks if batch.ranks else None)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "cutoffs": list(self.cutoffs), "tail_widths": list(self.tail_widths)}

    def _sorted_losses(
        self, hidden: Any, targets: Any, weights: Any, clusters: Any, *, compute_dtype: str
    ) -> tuple[Any, Any, Any]:
        """Return total, losses and hits of rows sorted by the cluster of their targets."""
        classes = ops.where(clusters > 0, self.cutoffs[0] + clusters - 1, targets)
        total, losses, hits, _ = linear_cross_entropy(
            hidden, classes, weights, kernel=self.head_kernel, bias=self.head_bias, compute_dtype=compute_dtype
        )
        for cluster, (start, tail) in enumerate(zip(self.cutoffs, self.tails, strict=True), start=1):
            projection, kernel, bias = tail
            inside = clusters == cluster
            found = linear_cross_entropy(
                ops.matmul(hidden, projection),
                ops.clip(targets - start, 0, kernel.shape[1] - 1),
                ops.where(inside, weights, 0.0),
                kernel=kernel,
                bias=bias,
                compute_dtype=compute_dtype,
                skip_empty_chunks=True,
            )
            total = total + found.total
            losses = losses + ops.where(inside, found.negative_log_likelihood, 0.0)
            hits = ops.logical_and(hits, ops.logical_or(ops.logical_not(inside), found.hit))
        return total, losses, hits

    def _hits_and_ranks(self, hidden: Any, targets: Any) -> tuple[Any, Any]:
        """Return hits and ranks of the targets in the whole vocabulary, computed in chunks of rows."""

        def score(chunk: tuple[Any, Any]) -> tuple[Any, Any]:
            hidden, targets = chunk
            targets = targets[:, None]
            log_probs = self(hidden)
            target_log_probs = ops.take_along_axis(log_probs, targets, axis=-1)
            return ops.all(log_probs <= target_log_probs, axis=-1), ranks_of(log_probs, target_log_probs, targets)

        num_rows = targets.shape[0]
        num_chunks = max(1, -(-num_rows * self.vocabulary_size // _CHUNK_LOG_PROBS))
        chunk_rows = -(-num_rows // num_chunks)
        padding = num_chunks * chunk_rows - num_rows
        hidden = ops.reshape(ops.pad(hidden, ((0, padding), (0, 0))), (num_chunks, chunk_rows, -1))
        targets = ops.reshape(ops.pad(targets, ((0, padding),)), (num_chunks, chunk_rows))
        hits, ranks = ops.map(score, (hidden, targets))
        return ops.reshape(hits, (-1,))[:num_rows], ops.reshape(ranks, (-1,))[:num_rows]
