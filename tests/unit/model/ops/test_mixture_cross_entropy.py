"""Loss, hits, ranks and gradients of a mixture, in the fast path and in the reference."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.ops import mixture_cross_entropy_jax
from nextword.model.ops.cross_entropy import TokenLosses, linear_cross_entropy_reference
from nextword.model.ops.mixture_cross_entropy import (
    mixture_cross_entropy,
    mixture_cross_entropy_reference,
    mixture_log_probs,
)
from support.arrays import slopes

Floats = NDArray[np.float64]
Losses = Callable[..., TokenLosses]

N, K, E, V = 6, 3, 4, 7
TARGETS = np.array([0, 6, 3, 3, 1, 5], np.int32)
WEIGHTS = np.array([1, 0.5, 2, 0, 1, 1], np.float32)

both_paths = pytest.mark.parametrize(
    "losses_of", [mixture_cross_entropy, mixture_cross_entropy_reference], ids=["fast", "reference"]
)


def drawn() -> dict[str, Any]:
    random = np.random.default_rng(0)
    shapes = {"latents": (N, K, E), "log_priors": (N, K), "kernel": (E, V), "bias": (V,)}
    arrays = {name: random.normal(size=shape) for name, shape in shapes.items()}
    arrays["log_priors"] = log_softmax(arrays["log_priors"])
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def log_softmax(logits: Floats) -> Floats:
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def probs_from_formula(latents: Any, log_priors: Any, kernel: Any, bias: Any) -> Floats:
    """Return the probabilities of the mixture in float64."""
    latents, log_priors, kernel, bias = (np.asarray(part, np.float64) for part in (latents, log_priors, kernel, bias))
    of_softmaxes = np.exp([log_softmax(latents[:, k] @ kernel + bias) for k in range(latents.shape[1])])  # (K, N, V)
    return np.asarray((np.exp(log_priors).T[..., None] * of_softmaxes).sum(axis=0))


@both_paths
def test_the_loss_matches_the_weighted_mean_of_softmaxes(losses_of: Losses) -> None:
    arrays = drawn()
    probs = probs_from_formula(**arrays)
    np.testing.assert_allclose(probs.sum(axis=-1), 1, rtol=1e-6)
    found = losses_of(arrays["latents"], arrays["log_priors"], TARGETS, WEIGHTS, ranks=True, **projection_of(arrays))
    own = probs[np.arange(N), TARGETS]
    np.testing.assert_allclose(found.negative_log_likelihood, -np.log(own), atol=1e-5)
    np.testing.assert_allclose(found.total, -(WEIGHTS * np.log(own)).sum(), rtol=1e-5)
    np.testing.assert_array_equal(found.rank, 1 + (probs > own[:, None]).sum(axis=-1))
    np.testing.assert_array_equal(found.hit, found.rank == 1)
    np.testing.assert_allclose(np.exp(mixture_log_probs(**arrays)), probs, atol=1e-6)


def projection_of(arrays: dict[str, Any]) -> dict[str, Any]:
    return {"kernel": arrays["kernel"], "bias": arrays["bias"]}


@both_paths
@pytest.mark.parametrize("tied", [True, False])
def test_the_gradients_match_differences_of_the_formula(losses_of: Losses, tied: bool) -> None:
    arrays = drawn()
    if tied:
        arrays["kernel"] = arrays["kernel"].T

    def total(arrays: dict[str, Any]) -> Any:
        return losses_of(
            arrays["latents"], arrays["log_priors"], TARGETS, WEIGHTS, tied=tied, **projection_of(arrays)
        ).total

    def exact(arrays: dict[str, Floats]) -> float:
        kernel = arrays["kernel"].T if tied else arrays["kernel"]
        probs = probs_from_formula(arrays["latents"], arrays["log_priors"], kernel, arrays["bias"])
        return float(-(WEIGHTS * np.log(probs[np.arange(N), TARGETS])).sum())

    gradients = jax.jit(jax.grad(total))(arrays)
    doubles = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    for name in arrays:
        np.testing.assert_allclose(gradients[name], slopes(exact, doubles, name), atol=2e-5, err_msg=name)


@both_paths
def test_a_mixture_of_one_is_a_softmax(losses_of: Losses) -> None:
    arrays = drawn()
    hidden, no_choice = arrays["latents"][:, :1], np.zeros((N, 1), np.float32)
    found = losses_of(hidden, no_choice, TARGETS, WEIGHTS, ranks=True, **projection_of(arrays))
    expected = linear_cross_entropy_reference(hidden[:, 0], TARGETS, WEIGHTS, ranks=True, **projection_of(arrays))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@both_paths
def test_ties_rank_in_order_of_id_and_are_all_hits(losses_of: Losses) -> None:
    arrays = {name: np.zeros_like(array) for name, array in drawn().items()}
    log_priors = np.log(np.full((V, K), 1 / K, np.float32))
    latents, ids, ones = np.ones((V, K, E), np.float32), np.arange(V, dtype=np.int32), np.ones(V, np.float32)
    found = losses_of(latents, log_priors, ids, ones, ranks=True, **projection_of(arrays))
    assert (found.rank.tolist(), found.hit.tolist()) == ([*range(1, V + 1)], [True] * V)
    assert losses_of(latents, log_priors, ids, ones, **projection_of(arrays)).rank is None


@both_paths
def test_softmaxes_may_exclude_different_words(losses_of: Losses) -> None:
    """Two softmaxes assign all probability to different words, with logits beyond the range of exp."""
    latents = np.array([[[3e3, 0, 0], [0, 3e3, 0]]], np.float32)
    log_priors, identity = np.log(np.array([[0.25, 0.75]], np.float32)), np.eye(3, dtype=np.float32)
    losses = []
    for target in range(3):
        ids = np.array([target], np.int32)
        found = losses_of(latents, log_priors, ids, np.ones(1, np.float32), kernel=identity, bias=np.zeros(3, "f"))
        losses.append(float(found.negative_log_likelihood[0]))
    np.testing.assert_allclose(losses, [np.log(4), np.log(4 / 3), 3e3], rtol=1e-5)


@both_paths
def test_no_gradient_flows_from_the_losses_of_the_tokens(losses_of: Losses) -> None:
    arrays = drawn()

    def sum_of_losses(latents: Any) -> Any:
        found = losses_of(latents, arrays["log_priors"], TARGETS, WEIGHTS, **projection_of(arrays))
        return found.negative_log_likelihood.sum()

    assert not np.any(jax.jit(jax.grad(sum_of_losses))(arrays["latents"]))


def test_other_backends_use_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: "another")
    monkeypatch.delattr(mixture_cross_entropy_jax, "mixture_cross_entropy")
    arrays = {name: np.zeros_like(array) for name, array in drawn().items()}
    log_priors = np.log(np.full((N, K), 1 / K, np.float32))
    found = mixture_cross_entropy(arrays["latents"], log_priors, TARGETS, WEIGHTS, **projection_of(arrays))
    np.testing.assert_allclose(found.total, WEIGHTS.sum() * np.log(V), rtol=1e-6)
