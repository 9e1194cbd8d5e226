"""The adaptive softmax: the projection to the vocabulary in clusters, rarer words in narrower ones."""

import itertools
from typing import Any

import keras
from keras import ops

from nextword.models.layers.initialization import Initialization
from nextword.ops.cross_entropy import TokenLosses, linear_cross_entropy, linear_cross_entropy_reference

_CHUNK_LOG_PROBS = 12 * 2**20
"""Log-probabilities that are held at once where ranks are asked for: 48 MiB in float32."""


def tail_cross_entropy(
    hidden: Any,
    targets: Any,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    compute_dtype: str = "float32",
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> TokenLosses:
    """Return the loss of `nextword.ops.cross_entropy.linear_cross_entropy`, made for rows most of which weigh nothing.

    On the fast path, chunks of rows without any weight cost nothing where a gradient is taken; so the rows that have
    weight should lie together. Losses and hits of rows without weight are not to be relied on.
    """
    if keras.backend.backend() != "jax":
        return linear_cross_entropy_reference(
            hidden, targets, weights, kernel=kernel, bias=bias, label_smoothing=label_smoothing, z_loss=z_loss
        )
    from nextword.ops import cross_entropy_jax as fast

    hidden, kernel, bias, targets, weights = map(ops.convert_to_tensor, (hidden, kernel, bias, targets, weights))
    options = fast.LossOptions(False, compute_dtype, 1.0 - label_smoothing, z_loss, skip_empty_chunks=True)
    total, *of_tokens = fast.linear_cross_entropy(hidden, kernel, bias, targets, weights, options)
    if label_smoothing:
        mean_logits = hidden @ ops.mean(kernel, axis=1) + ops.mean(bias)
        total -= label_smoothing * ops.sum(mean_logits * weights)
    return TokenLosses(total, *of_tokens)


@keras.saving.register_keras_serializable("nextword")
class AdaptiveProjection(keras.layers.Layer):
    r"""A softmax over the frequent words and the clusters of rarer ones, and one within each cluster.

    Ids are sorted by frequency, so that a cluster is a range of them. The head holds the ids below the first cutoff
    $c_0$, tail $i$ those from $c_i$ up to the next cutoff, the last up to `V`. The head's kernel $W$ has a further
    column for each tail; a tail first projects the hidden state to its own, smaller width by $P_i$:

    $$\log p(v) = \log \mathrm{softmax}(h W + b)_v \quad (v < c_0)$$
    $$\log p(v) = \log \mathrm{softmax}(h W + b)_{c_0 + i} + \log \mathrm{softmax}(h P_i W_i + b_i)_{v - c_i}$$

    This is a distribution like any other, exact in training and prediction. What it saves is work: most targets are
    frequent, and the weights of the rare ones are few.

    Args:
        vocabulary_size: `V`.
        cutoffs: $c_0, c_1, \dots$, ascending, at least 1 and below `V`.
        tail_widths: Columns of $P_0, P_1, \dots$
        initialization: How the kernels begin.
        compute_dtype: Precision of the matrix products in training, `float32` or `bfloat16`; prediction is float32.

    Call arguments:
        hidden: `(..., H)`.
        embeddings: None; there is no tied adaptive softmax.

    Returns:
        The log-probabilities `(..., V)`, which are logits as well.

    Source:
        Grave et al. (2017), "Efficient softmax approximation for GPUs".
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        cutoffs: tuple[int, ...],
        tail_widths: tuple[int, ...],
        initialization: Initialization | None = None,
        compute_dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.cutoffs = tuple(cutoffs)
        self.tail_widths = tuple(tail_widths)
        self.initialization = initialization or Initialization()
        self.product_dtype = compute_dtype

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
        for place, (projection, kernel, bias) in enumerate(self.tails, start=first):
            logits = ops.matmul(ops.matmul(hidden, projection), kernel) + bias
            parts.append(head[..., place : place + 1] + ops.log_softmax(logits))
        return ops.concatenate(parts, axis=-1)

    def losses_of(
        self,
        hidden: Any,
        targets: Any,
        weights: Any,
        *,
        embeddings: Any = None,
        training: bool = False,
        ranks: bool = False,
        num_steps: int = 1,
        **loss: float,
    ) -> TokenLosses:
        """Return the loss of `targets` `(N,)` with `weights` `(N,)` from `hidden` `(N, H)`.

        Only the head and the target's own tail are computed. In training a hit is therefore a target that is the most
        probable of its tail, and its tail of the head, or the most probable of the head where it stands there; outside
        of training all log-probabilities are computed as well, and hits and ranks are those of the whole vocabulary.
        Where a gradient is taken, the losses of rows without weight may lack the part of their tail.

        `loss` are `label_smoothing` and `z_loss` of `nextword.ops.cross_entropy.linear_cross_entropy`; head and tails
        are smoothed and kept near one each for itself. The rows are windows of `num_steps` steps laid end to end, which
        makes no difference here.
        """
        del embeddings, num_steps
        targets = ops.cast(targets, "int32")
        clusters = ops.searchsorted(ops.array(self.cutoffs, "int32"), targets, side="right")  # 0 is the head
        order = ops.argsort(clusters)
        rows = (ops.take(array, order, axis=0) for array in (hidden, targets, weights, clusters))
        total, losses, hits = self._sorted_losses(*rows, dtype=self.product_dtype if training else "float32", loss=loss)
        former = ops.argsort(order)
        losses, hits = ops.take(losses, former, axis=0), ops.take(hits, former, axis=0)
        if training and not ranks:
            return TokenLosses(total, losses, hits)
        hits, places = self._places(hidden, targets)
        return TokenLosses(total, losses, hits, places if ranks else None)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "cutoffs": list(self.cutoffs),
            "tail_widths": list(self.tail_widths),
            "initialization": self.initialization.to_table(),
            "compute_dtype": self.product_dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AdaptiveProjection":
        """Rebuild the layer from `get_config`."""
        return cls(**{**config, "initialization": Initialization.from_table(config["initialization"])})

    def _sorted_losses(
        self, hidden: Any, targets: Any, weights: Any, clusters: Any, *, dtype: str, loss: dict[str, Any]
    ) -> tuple[Any, Any, Any]:
        """Return total, losses and hits of rows that are sorted by the cluster of their targets."""
        classes = ops.where(clusters > 0, self.cutoffs[0] + clusters - 1, targets)
        total, losses, hits, _ = linear_cross_entropy(
            hidden, classes, weights, kernel=self.head_kernel, bias=self.head_bias, compute_dtype=dtype, **loss
        )
        for cluster, (start, tail) in enumerate(zip(self.cutoffs, self.tails, strict=True), start=1):
            projection, kernel, bias = tail
            inside = clusters == cluster
            found = tail_cross_entropy(
                ops.matmul(hidden, projection),
                ops.clip(targets - start, 0, kernel.shape[1] - 1),
                ops.where(inside, weights, 0.0),
                kernel=kernel,
                bias=bias,
                compute_dtype=dtype,
                **loss,
            )
            total = total + found.total
            losses = losses + ops.where(inside, found.negative_log_likelihood, 0.0)
            hits = ops.logical_and(hits, ops.logical_or(ops.logical_not(inside), found.hit))
        return total, losses, hits

    def _places(self, hidden: Any, targets: Any) -> tuple[Any, Any]:
        """Return whether no token is more probable than the target, and the target's rank, in chunks of rows."""
        tokens = ops.arange(self.vocabulary_size, dtype="int32")

        def place(chunk: tuple[Any, Any]) -> tuple[Any, Any]:
            hidden, targets = chunk
            targets = targets[:, None]
            log_probs = self(hidden)
            own = ops.take_along_axis(log_probs, targets, axis=-1)
            ahead = ops.logical_or(log_probs > own, ops.logical_and(log_probs == own, tokens < targets))
            hits = ops.all(log_probs <= own, axis=-1)
            return hits, 1 + ops.sum(ops.cast(ahead, "int32"), axis=-1)

        num_rows = targets.shape[0]
        num_chunks = max(1, -(-num_rows * self.vocabulary_size // _CHUNK_LOG_PROBS))
        chunk_rows = -(-num_rows // num_chunks)
        padding = num_chunks * chunk_rows - num_rows
        hidden = ops.reshape(ops.pad(hidden, ((0, padding), (0, 0))), (num_chunks, chunk_rows, -1))
        targets = ops.reshape(ops.pad(targets, ((0, padding),)), (num_chunks, chunk_rows))
        hits, ranks = ops.map(place, (hidden, targets))
        return ops.reshape(hits, (-1,))[:num_rows], ops.reshape(ranks, (-1,))[:num_rows]

    def _kernel(self, name: str, shape: tuple[int | None, ...]) -> Any:
        initializer = self.initialization.kernel(f"{self.name}/{name}")
        return self.add_weight(shape=shape, initializer=initializer, name=name)

    def _bias(self, name: str, size: int) -> Any:
        return self.add_weight(shape=(size,), initializer="zeros", name=name)
