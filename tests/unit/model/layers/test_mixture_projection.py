"""The mixture of softmaxes matches its formula in float64 NumPy."""

from typing import Any

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.layers.mixture_projection import MixtureProjection
from nextword.model.layers.projection import TokenBatch
from nextword.model.ops.cross_entropy import TokenLosses
from support.compiled_memory import temporary_bytes

Floats = NDArray[np.float64]

V, H, K, E = 9, 5, 3, 4
TARGETS = np.array([0, 8, 3, 7, 2, 4], np.int32)
WEIGHTS = np.array([1, 0.5, 2, 0, 1, 1], np.float32)

both_kinds = pytest.mark.parametrize("tied", [False, True], ids=["free", "tied"])


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def layer_of(*, vocabulary_size: int = V, mixture_size: int = K, **options: Any) -> MixtureProjection:
    """Return a layer with large weights and non-zero biases, whose predictions are far from uniform."""
    layer = MixtureProjection(vocabulary_size, mixture_size=mixture_size, latent_size=E, name="projection", **options)
    layer.build((None, None, H))
    for seed, weight in enumerate(layer.weights):
        weight.assign(numbers(*weight.shape, seed=seed))
    return layer


def softmax(logits: Floats) -> Floats:
    return np.asarray(np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True))


def probs_from_formula(layer: MixtureProjection, hidden: Any, embeddings: Any = None) -> Floats:
    weights = {weight.name: np.asarray(weight.value, np.float64) for weight in layer.weights}
    kernel = weights["kernel"] if embeddings is None else np.asarray(embeddings, np.float64).T
    priors, probs = softmax(hidden @ weights["prior_kernel"]), np.zeros(kernel.shape[-1])
    for k in range(layer.mixture_size):
        own = slice(k * E, (k + 1) * E)
        latent = np.tanh(hidden @ weights["latent_kernel"][:, own] + weights["latent_bias"][own])
        probs = probs + priors[..., k, None] * softmax(latent @ kernel + weights["bias"])
    return probs


@both_kinds
@pytest.mark.parametrize(("vocabulary_size", "mixture_size"), [(2, 6), (12, 2)])
def test_the_probabilities_match_the_formula_and_sum_to_one(
    tied: bool, vocabulary_size: int, mixture_size: int
) -> None:
    layer = layer_of(vocabulary_size=vocabulary_size, mixture_size=mixture_size, tied=tied)
    hidden, embeddings = numbers(2, 3, H), numbers(vocabulary_size, E) if tied else None
    probs = np.exp(np.asarray(layer(hidden, embeddings), np.float64))
    assert probs.shape == (2, 3, vocabulary_size)
    np.testing.assert_allclose(probs.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(probs, probs_from_formula(layer, hidden, embeddings), atol=1e-5)


def test_a_mixture_of_one_is_a_softmax_of_its_latent_vector() -> None:
    layer, hidden = layer_of(mixture_size=1), numbers(2, 3, H)
    prior_kernel, latent_kernel, latent_bias, kernel, bias = (np.asarray(weight.value) for weight in layer.weights)
    assert prior_kernel.shape == (H, 1)
    logits = np.tanh(hidden @ latent_kernel + latent_bias) @ kernel + bias
    np.testing.assert_allclose(layer(hidden), np.log(softmax(logits)), atol=1e-5)


@both_kinds
def test_the_weights_match_the_published_model(tied: bool) -> None:
    shapes = {weight.name: weight.shape for weight in layer_of(tied=tied).weights}
    own_kernel = {} if tied else {"kernel": (E, V)}
    expected = {"prior_kernel": (H, K), "latent_kernel": (H, K * E), "latent_bias": (K * E,), "bias": (V,)}
    assert shapes == {**expected, **own_kernel}


@both_kinds
@pytest.mark.parametrize("training", [False, True])
def test_the_losses_match_the_log_probabilities(tied: bool, training: bool) -> None:
    layer, hidden, embeddings = layer_of(tied=tied), numbers(len(TARGETS), H), numbers(V, E) if tied else None
    log_probs = np.asarray(layer(hidden, embeddings), np.float64)
    own = log_probs[np.arange(len(TARGETS)), TARGETS]
    losses = layer.losses_of(TokenBatch(hidden, TARGETS, WEIGHTS, embeddings=embeddings, training=training))
    np.testing.assert_allclose(losses.negative_log_likelihood, -own, atol=1e-5)
    np.testing.assert_allclose(losses.total, -(WEIGHTS * own).sum(), rtol=1e-5)
    np.testing.assert_array_equal(losses.hit, own == log_probs.max(axis=-1))
    assert losses.rank is None
    ranked = layer.losses_of(TokenBatch(hidden, TARGETS, WEIGHTS, embeddings=embeddings, ranks=True))
    np.testing.assert_array_equal(ranked.rank, 1 + (log_probs > own[:, None]).sum(axis=-1))


def gradients_of(layer: MixtureProjection, hidden: Any, **options: Any) -> tuple[TokenLosses, dict[str, Any]]:
    """Return the losses in training, and the gradients of their total for the weights and the hidden states."""

    def total(arrays: dict[str, Any]) -> tuple[Any, TokenLosses]:
        mapping = [(weight, arrays[weight.name]) for weight in layer.weights]
        with keras.StatelessScope(state_mapping=mapping):
            losses = layer.losses_of(TokenBatch(arrays["hidden"], TARGETS, WEIGHTS, training=True, **options))
        return losses.total, losses

    arrays = {"hidden": hidden, **{weight.name: weight.value for weight in layer.weights}}
    (_, losses), gradients = jax.jit(jax.value_and_grad(total, has_aux=True))(arrays)
    return losses, gradients


def test_a_step_along_each_gradient_changes_the_loss_as_predicted() -> None:
    layer, hidden, step = layer_of(), numbers(len(TARGETS), H), 1e-4
    _, gradients = gradients_of(layer, hidden)
    for seed, variable in enumerate(layer.weights):
        start, way = np.asarray(variable.value, np.float64), numbers(*variable.shape, seed=9 + seed)
        ends = []
        for sign in (1, -1):
            variable.assign((start + sign * step * way).astype(np.float32))
            own = probs_from_formula(layer, hidden)[np.arange(len(TARGETS)), TARGETS]
            ends.append(-(WEIGHTS * np.log(own)).sum())
        variable.assign(start.astype(np.float32))
        expected = float((np.asarray(gradients[variable.name]) * way).sum())
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(expected, rel=1e-2, abs=1e-2), variable.name
    assert not gradients["hidden"][WEIGHTS == 0].any()


def test_the_lower_precision_is_only_for_training_and_is_close() -> None:
    exact, coarse, hidden = layer_of(), layer_of(compute_dtype="bfloat16"), numbers(len(TARGETS), H)
    np.testing.assert_array_equal(coarse(hidden), exact(hidden))
    batch = TokenBatch(hidden, TARGETS, WEIGHTS)
    expected = exact.losses_of(batch).negative_log_likelihood
    np.testing.assert_array_equal(coarse.losses_of(batch).negative_log_likelihood, expected)
    losses, gradients = gradients_of(coarse, hidden)
    assert not np.array_equal(losses.negative_log_likelihood, expected)
    np.testing.assert_allclose(losses.negative_log_likelihood, expected, atol=0.1)
    for name, gradient in gradients_of(exact, hidden)[1].items():
        assert gradients[name].dtype == np.float32
        np.testing.assert_allclose(gradients[name], gradient, atol=0.2, err_msg=name)


def test_dropout_acts_on_the_latent_vectors_only_in_training() -> None:
    layer, hidden = layer_of(latent_dropout_rate=0.5), numbers(2, 3, H)
    without = layer_of()
    np.testing.assert_array_equal(layer(hidden), without(hidden))
    np.testing.assert_array_equal(layer(hidden, training=False), without(hidden))
    first, second = layer(hidden, training=True), layer(hidden, training=True)
    assert not np.allclose(first, without(hidden), atol=1e-3)
    assert not np.allclose(first, second, atol=1e-3)
    rows = (hidden.reshape(6, H), TARGETS, WEIGHTS)
    plain = without.losses_of(TokenBatch(*rows)).total
    np.testing.assert_array_equal(layer.losses_of(TokenBatch(*rows)).total, plain)
    assert abs(layer.losses_of(TokenBatch(*rows, training=True, num_steps=3)).total - plain) > 1e-3


@pytest.mark.parametrize("locked", [True, False])
def test_only_the_steps_of_a_window_share_a_locked_mask(locked: bool) -> None:
    layer = layer_of(latent_dropout_rate=0.5, locked_dropout=locked)
    same = np.tile(numbers(1, H), (6, 1))  # the loss of a row then depends only on its mask
    targets, weights = np.zeros(6, np.int32), np.ones(6, np.float32)
    losses = layer.losses_of(TokenBatch(same, targets, weights, training=True, num_steps=3)).negative_log_likelihood
    windows = np.asarray(losses).reshape(2, 3)
    shared = [len(set(window.tolist())) == 1 for window in windows.round(4)]
    assert shared == [locked, locked]
    assert windows[0, 0] != windows[1, 0]
    called = np.asarray(layer(same.reshape(2, 3, H), training=True))
    assert (called[:, 0] == called[:, 1]).all() == locked


def test_memory_does_not_grow_with_rows_times_vocabulary() -> None:
    vocabulary_size = 8192
    layer = layer_of(vocabulary_size=vocabulary_size, mixture_size=8)

    def memory(num_rows: int) -> int:
        def total(hidden: Any, targets: Any, weights: Any) -> Any:
            return layer.losses_of(TokenBatch(hidden, targets, weights, training=True)).total

        kinds = ((num_rows, H), np.float32), ((num_rows,), np.int32), ((num_rows,), np.float32)
        return temporary_bytes(jax.jit(jax.grad(total)), *kinds)

    few, many = 1024, 4096
    assert memory(few) > 0
    assert memory(many) - memory(few) < (many - few) * 8 * vocabulary_size * 4 / 10
