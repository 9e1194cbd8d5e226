"""Loss, hits, ranks and gradients of the fast path and of the reference."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nextword.model.ops import cross_entropy_jax
from nextword.model.ops.cross_entropy import TokenLosses, linear_cross_entropy, linear_cross_entropy_reference

Losses = Callable[..., TokenLosses]

both_paths = pytest.mark.parametrize(
    "losses_of", [linear_cross_entropy, linear_cross_entropy_reference], ids=["fast", "reference"]
)


def losses_of_logits(
    losses_of: Losses, logits: Any, targets: list[int], weights: list[float], ranks: bool = False
) -> TokenLosses:
    """Return the losses of given logits, with an identity matrix as the kernel."""
    logits = jnp.asarray(logits, jnp.float32)
    identity, zeros = np.eye(logits.shape[1], dtype=np.float32), np.zeros(logits.shape[1], np.float32)
    ids, counts = np.asarray(targets, np.int32), np.asarray(weights, np.float32)
    losses: TokenLosses = compiled(losses_of, ranks)(logits, ids, counts, kernel=identity, bias=zeros)
    return losses


@cache
def compiled(losses_of: Losses, ranks: bool) -> Callable[..., Any]:
    function: Callable[..., Any] = jax.jit(partial(losses_of, ranks=ranks))
    return function


@both_paths
def test_the_total_is_weighted_and_the_losses_are_not(losses_of: Losses) -> None:
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    losses = losses_of_logits(losses_of, logits, [1, 2, 0], [2.0, 0.5, 0.0])
    np.testing.assert_allclose(losses.negative_log_likelihood, -np.log([0.25, 0.7, 0.6]), rtol=1e-6)
    np.testing.assert_allclose(losses.total, -2 * np.log(0.25) - 0.5 * np.log(0.7), rtol=1e-6)


@both_paths
def test_ties_rank_in_order_of_id(losses_of: Losses) -> None:
    logits = np.random.default_rng(0).integers(-1, 2, size=(40, 7))  # three values for seven tokens give many ties
    order = np.argsort(-logits, axis=-1, kind="stable")
    for target in range(7):
        losses = losses_of_logits(losses_of, logits, [target] * 40, [1.0] * 40, ranks=True)
        ranks = np.asarray(losses.rank)
        assert ranks.dtype == np.int32
        np.testing.assert_array_equal(ranks, 1 + np.argmax(order == target, axis=-1))
        np.testing.assert_array_equal(ranks == 1, np.argmax(logits, axis=-1) == target)


@both_paths
def test_a_target_with_the_highest_logit_is_a_hit(losses_of: Losses) -> None:
    logits = np.random.default_rng(0).integers(-1, 2, size=(40, 7))
    for target in range(7):
        losses = losses_of_logits(losses_of, logits, [target] * 40, [1.0] * 40)
        assert losses.rank is None
        np.testing.assert_array_equal(losses.hit, logits[:, target] == logits.max(axis=-1))


@both_paths
def test_large_logits_do_not_overflow(losses_of: Losses) -> None:
    losses = losses_of_logits(losses_of, [[3e4, 0.0, -3e4]] * 3, [0, 1, 2], [1, 1, 1], ranks=True)
    assert np.asarray(losses.negative_log_likelihood).tolist() == [0.0, 3e4, 6e4]
    assert np.asarray(losses.rank).tolist() == [1, 2, 3]


@both_paths
def test_no_gradient_flows_from_the_losses_of_the_tokens(losses_of: Losses) -> None:
    def sum_of_losses(logits: Any) -> Any:
        return losses_of_logits(losses_of, logits, [0, 0], [1, 1]).negative_log_likelihood.sum()

    assert not np.any(jax.jit(jax.grad(sum_of_losses))(np.ones((2, 3), np.float32)))


def test_other_backends_use_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: "another")
    monkeypatch.delattr(cross_entropy_jax, "linear_cross_entropy")
    hidden, ids, ones = np.ones((2, 3), np.float32), np.zeros(2, np.int32), np.ones(2, np.float32)
    losses = linear_cross_entropy(hidden, ids, ones, kernel=np.ones((3, 2), np.float32), bias=ones)
    np.testing.assert_allclose(losses.total, 2 * np.log(2), rtol=1e-6)
