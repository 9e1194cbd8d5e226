"""The sampled softmax, for training with a large vocabulary."""

from typing import Any, NamedTuple

from keras import ops

from nextword.model.ops.cross_entropy import TokenLosses, linear_cross_entropy


class Candidates(NamedTuple):
    """The `C` tokens in the softmax of a training step.

    Attributes:
        ids: Ids of the candidates `(C,)`, int32; an id may occur more than once.
        log_weights: Terms added to the logits `(C,)`: minus the logarithm of the expected count of each candidate. It
            is 0 for a token that is always a candidate, and close to minus infinity for a duplicate.
        places: Index of each target among the candidates `(N,)`, int32.
    """

    ids: Any
    log_weights: Any
    places: Any


def sampled_cross_entropy(
    hidden: Any,
    candidates: Candidates,
    weights: Any,
    *,
    kernel: Any,
    bias: Any,
    tied: bool = False,
    compute_dtype: str = "float32",
    z_loss: float = 0.0,
) -> TokenLosses:
    r"""Return the loss of the targets, `candidates.places`, with a softmax over the candidates.

    $z_{nv}$ are the logits of `nextword.model.ops.cross_entropy.linear_cross_entropy`, and $m_v$ is the expected count
    of token $v$ among the candidates $C$. The estimate of the softmax's denominator is unbiased:

    $$\sum_v \exp z_{nv} \approx \sum_{v \in C} \exp(z_{nv} - \log m_v)$$

    Losses and hits are those among the candidates. All other arguments are those of `linear_cross_entropy`.

    Source:
        Bengio and Senecal (2008); Jean et al. (2015), section 3.
    """
    return linear_cross_entropy(
        hidden,
        candidates.places,
        weights,
        kernel=ops.take(kernel, candidates.ids, axis=0 if tied else 1),
        bias=ops.take(bias, candidates.ids) + candidates.log_weights,
        tied=tied,
        compute_dtype=compute_dtype,
        z_loss=z_loss,
    )
