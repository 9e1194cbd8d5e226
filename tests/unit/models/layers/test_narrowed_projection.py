from typing import Any

import numpy as np
import pytest

from nextword.models.layers.narrowed_projection import NarrowedProjection
from nextword.models.layers.output_projection import OutputProjection
from nextword.models.layers.projection import TokenBatch
from nextword.ops.sampled_softmax import Candidates

V, H, E = 9, 6, 4
TARGETS = np.array([0, 8, 3, 7, 2, 4], np.int32)
WEIGHTS = np.array([1, 0.5, 2, 0, 1, 1], np.float32)

both_kinds = pytest.mark.parametrize("tied", [False, True], ids=["free", "tied"])


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def layer_of(**options: Any) -> NarrowedProjection:
    layer = NarrowedProjection(V, latent_size=E, name="projection", **options)
    layer.build((None, None, H))
    for seed, weight in enumerate(layer.weights):
        weight.assign(numbers(*weight.shape, seed=seed))
    return layer


def plain_part_of(layer: NarrowedProjection) -> OutputProjection:
    """Return the projection that reads what was narrowed."""
    plain = OutputProjection(V, tied=layer.tied)
    plain.build((None, None, E))
    plain.bias.assign(layer.bias.value)
    if not layer.tied:
        plain.kernel.assign(layer.kernel.value)
    return plain


@both_kinds
def test_it_is_a_plain_projection_of_what_was_narrowed(tied: bool) -> None:
    layer, embeddings = layer_of(tied=tied), numbers(V, E) if tied else None
    shapes = {weight.name: weight.shape for weight in layer.weights}
    assert shapes == {"narrowing_kernel": (H, E), "bias": (V,), **({} if tied else {"kernel": (E, V)})}
    hidden, plain = numbers(2, 3, H), plain_part_of(layer)
    narrowed = hidden @ np.asarray(layer.narrowing_kernel.value)
    np.testing.assert_allclose(layer(hidden, embeddings), plain(narrowed, embeddings), atol=1e-5)
    for options in ({}, {"ranks": True}, {"training": True, "label_smoothing": 0.1, "z_loss": 0.01}):
        batch = TokenBatch(hidden.reshape(6, H), TARGETS, WEIGHTS, embeddings=embeddings, **options)
        found, expected = layer.losses_of(batch), plain.losses_of(batch._replace(hidden=narrowed.reshape(6, E)))
        for ours, theirs in zip(found, expected, strict=True):
            if theirs is not None:
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_the_softmax_may_be_sampled() -> None:
    layer, hidden = layer_of(), numbers(6, H)
    everything = Candidates(np.arange(V, dtype=np.int32), log_weights=np.zeros(V, np.float32), places=TARGETS)
    sampled = layer.losses_of(TokenBatch(hidden, TARGETS, WEIGHTS, training=True, candidates=everything))
    np.testing.assert_allclose(sampled.total, layer.losses_of(TokenBatch(hidden, TARGETS, WEIGHTS)).total, rtol=1e-5)


@pytest.mark.parametrize("locked", [True, False])
def test_a_locked_mask_is_shared_by_the_steps_of_a_window_and_by_no_other_window(locked: bool) -> None:
    layer = layer_of(latent_dropout_rate=0.5, locked_dropout=locked)
    same = np.tile(numbers(1, H), (8, 1))
    targets, weights = np.zeros(8, np.int32), np.ones(8, np.float32)
    np.testing.assert_array_equal(layer(same), layer_of()(same))
    losses = layer.losses_of(TokenBatch(same, targets, weights, training=True, num_steps=4)).negative_log_likelihood
    windows = np.asarray(losses).reshape(2, 4)
    assert [len(set(window.tolist())) == 1 for window in windows.round(4)] == [locked, locked]
    assert windows[0, 0] != windows[1, 0]
