"""The mixture of softmaxes matches its formula in float64 NumPy."""

from typing import Any

import numpy as np
import pytest

from nextword.model.layers.mixture_projection import MixtureProjection
from nextword.model.layers.output_projection import TokenBatch

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
