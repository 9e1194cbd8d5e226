"""The softmax over some of the vocabulary, for training over large ones."""

from typing import Any, NamedTuple

from keras import ops

from nextword.ops.cross_entropy import TokenLosses, linear_cross_entropy


class Candidates(NamedTuple):
    """The tokens that a training step's softmax runs over, `C` of them.

    Attributes:
        ids: Their ids `(C,)`, int32; one may occur more than once.
        log_weights: What is added to their logits `(C,)`: the negative logarithm of how often each is expected among
            the candidates, hence 0 for those that are always there, and next to minus infinity for those that another
            place stands for.
        places: The place of each target among them `(N,)`, int32.
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
    r"""Return the loss of the candidates' `places`, by a softmax over the candidates alone.

    With the logits $z_{nv}$ of `nextword.ops.cross_entropy.linear_cross_entropy` and the number of times $m_v$ that
    token $v$ is expected among the candidates $C$, the softmax's denominator is estimated without bias:

    $$\sum_v \exp z_{nv} \approx \sum_{v \in C} \exp(z_{nv} - \log m_v)$$

    Losses and hits are those among the candidates. The arguments are otherwise those of `linear_cross_entropy`.

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
