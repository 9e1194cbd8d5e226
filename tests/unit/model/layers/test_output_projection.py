from typing import Any

import numpy as np
import pytest

from nextword.model.layers.adaptive_projection import AdaptiveProjection
from nextword.model.layers.mixture_projection import MixtureProjection
from nextword.model.layers.output_projection import OutputProjection, Projection, TokenBatch
from nextword.model.ops.cross_entropy import Candidates


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def projection(*, tied: bool = False, compute_dtype: str = "float32") -> OutputProjection:
    layer = OutputProjection(7, tied=tied, compute_dtype=compute_dtype, name="projection")
    layer.build((None, None, 5))
    layer.bias.assign(numbers(7))
    return layer


def test_the_logits_are_the_linear_map() -> None:
    layer, hidden = projection(), numbers(2, 3, 5)
    np.testing.assert_allclose(layer(hidden), hidden @ np.asarray(layer.kernel.value) + numbers(7), atol=1e-6)


def test_a_tied_layer_has_only_a_bias_and_transposes_the_embedding() -> None:
    layer, hidden, embeddings = projection(tied=True), numbers(2, 3, 5), numbers(7, 5)
    assert [weight.shape for weight in layer.weights] == [(7,)]
    np.testing.assert_allclose(layer(hidden, embeddings), hidden @ embeddings.T + numbers(7), atol=1e-6)


PROJECTIONS: dict[str, Any] = {
    "full": lambda **options: OutputProjection(7, **options),
    "narrowed": lambda **options: OutputProjection(7, latent_size=4, **options),
    "adaptive": lambda **options: AdaptiveProjection(7, cutoffs=(3,), tail_widths=(2,), **options),
    "mixture": lambda **options: MixtureProjection(7, mixture_size=2, latent_size=4, **options),
}


def built(name: str, **options: Any) -> Projection:
    """Return a projection with large weights."""
    layer: Projection = PROJECTIONS[name](name="projection", **options)
    layer.build((None, None, 5))
    for seed, weight in enumerate(layer.weights):
        weight.assign(numbers(*weight.shape, seed=seed))
    return layer


@pytest.mark.parametrize("name", PROJECTIONS)
def test_the_lower_precision_is_only_for_training_and_is_close(name: str) -> None:
    exact, coarse, hidden = built(name), built(name, compute_dtype="bfloat16"), numbers(4, 5)
    batch = TokenBatch(hidden, np.arange(4, dtype=np.int32), np.ones(4, np.float32))
    expected = np.asarray(exact.losses_of(batch).negative_log_likelihood)
    np.testing.assert_array_equal(coarse(hidden), exact(hidden))
    np.testing.assert_array_equal(coarse.losses_of(batch).negative_log_likelihood, expected)
    training = coarse.losses_of(batch._replace(training=True)).negative_log_likelihood
    assert not np.array_equal(training, expected)
    np.testing.assert_allclose(training, expected, atol=0.1)


@pytest.mark.parametrize("name", ["narrowed", "mixture"])
@pytest.mark.parametrize("locked", [True, False])
def test_only_the_steps_of_a_window_share_a_locked_mask(name: str, locked: bool) -> None:
    layer = built(name, latent_dropout_rate=0.5, locked_dropout=locked)
    same = np.tile(numbers(1, 5), (8, 1))  # the loss of a row then depends only on its mask
    batch = TokenBatch(same, np.zeros(8, np.int32), np.ones(8, np.float32), training=True, num_steps=4)
    np.testing.assert_array_equal(layer(same), built(name)(same))
    windows = np.asarray(layer.losses_of(batch).negative_log_likelihood).reshape(2, 4)
    assert [len(set(window.tolist())) == 1 for window in windows.round(4)] == [locked, locked]
    assert windows[0, 0] != windows[1, 0]
    called = np.asarray(layer(same.reshape(2, 4, 5), training=True))
    assert (called[:, 0] == called[:, 1]).all() == locked


# Unsupported terms of the loss.


def batch_of(**terms: Any) -> TokenBatch:
    return TokenBatch(numbers(2, 5), np.zeros(2, np.int32), np.ones(2, np.float32), **terms)


# A projection of latent vectors that are narrower than the hidden states.

V, H, E = 9, 6, 4
TARGETS = np.array([0, 8, 3, 7, 2, 4], np.int32)
WEIGHTS = np.array([1, 0.5, 2, 0, 1, 1], np.float32)

both_kinds = pytest.mark.parametrize("tied", [False, True], ids=["free", "tied"])


def narrowed_projection(**options: Any) -> OutputProjection:
    layer = OutputProjection(V, latent_size=E, name="projection", **options)
    layer.build((None, None, H))
    for seed, weight in enumerate(layer.weights):
        weight.assign(numbers(*weight.shape, seed=seed))
    return layer


def plain_part_of(layer: OutputProjection) -> OutputProjection:
    """Return the projection that reads the latent vectors."""
    plain = OutputProjection(V, tied=layer.tied)
    plain.build((None, None, E))
    plain.bias.assign(layer.bias.value)
    if not layer.tied:
        plain.kernel.assign(layer.kernel.value)
    return plain


@both_kinds
def test_a_narrowed_projection_is_a_plain_projection_of_latent_vectors(tied: bool) -> None:
    layer, embeddings = narrowed_projection(tied=tied), numbers(V, E) if tied else None
    shapes = {weight.name: weight.shape for weight in layer.weights}
    assert shapes == {"narrowing_kernel": (H, E), "bias": (V,), **({} if tied else {"kernel": (E, V)})}
    hidden, plain = numbers(2, 3, H), plain_part_of(layer)
    narrowed = hidden @ np.asarray(layer.narrowing_kernel.value)
    np.testing.assert_allclose(layer(hidden, embeddings), plain(narrowed, embeddings), atol=1e-5)
    for ranks in (False, True):
        batch = TokenBatch(hidden.reshape(6, H), TARGETS, WEIGHTS, embeddings=embeddings, ranks=ranks)
        found, expected = layer.losses_of(batch), plain.losses_of(batch._replace(hidden=narrowed.reshape(6, E)))
        for ours, theirs in zip(found, expected, strict=True):
            if theirs is not None:
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_narrowed_softmax_can_be_sampled() -> None:
    layer, hidden = narrowed_projection(), numbers(6, H)
    everything = Candidates(np.arange(V, dtype=np.int32), log_weights=np.zeros(V, np.float32), places=TARGETS)
    sampled = layer.losses_of(TokenBatch(hidden, TARGETS, WEIGHTS, training=True, candidates=everything))
    np.testing.assert_allclose(sampled.total, layer.losses_of(TokenBatch(hidden, TARGETS, WEIGHTS)).total, rtol=1e-5)


def test_a_projection_must_say_how_it_computes_its_loss() -> None:
    with pytest.raises(TypeError, match="abstract method 'losses_of'"):
        Projection(7)
