"""The distribution of dropout, and the independence of the masks of the fast path."""

import itertools

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from nextword.model.ops.dropout import dropout, dropout_by_key, random_bits, rows_of_shard

SIZE = 2**18
RATE = 0.3
# A deviation this large has a probability of one in ten million. The seeds are fixed, so the tests are deterministic.
FAR = 5.3


def mask(seed: int, step: int, shape: tuple[int, ...] = (SIZE,)) -> NDArray[np.float64]:
    """Return a mask of `RATE`, normalized to mean 0 and variance 1 for uniform bits."""
    bits = np.asarray(random_bits(jnp.array([seed, step], jnp.uint32), shape))
    kept = (bits < (1.0 - RATE) * 2**32).astype(np.float64)
    variance = RATE * (1.0 - RATE)
    return np.asarray((kept - (1.0 - RATE)) / variance**0.5)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_has_its_rate_and_keeps_the_mean(rate: float) -> None:
    inputs = np.random.default_rng(0).normal(3.0, 1.0, (200, 300)).astype(np.float32)
    dropped = np.asarray(dropout(inputs, rate, seed=keras.random.SeedGenerator(4)))
    kept = dropped != 0.0
    np.testing.assert_allclose(dropped[kept], inputs[kept] / (1.0 - rate), rtol=1e-6)
    assert kept.mean() == pytest.approx(1.0 - rate, abs=0.01)
    assert dropped.mean() == pytest.approx(3.0, rel=0.03)


@pytest.mark.parametrize("noise_shape", [(None, 1, None), (4, 1, 30)])
def test_axes_of_size_one_share_a_mask(noise_shape: tuple[int | None, ...]) -> None:
    dropped = np.asarray(
        dropout(np.ones((4, 6, 30), np.float32), 0.5, seed=keras.random.SeedGenerator(1), noise_shape=noise_shape)
    )
    assert (dropped == dropped[:, :1]).all()
    assert 0.2 < (dropped[:, 0] == 0.0).mean() < 0.8


def test_masks_depend_on_the_seed_and_change_with_every_call() -> None:
    one, other = keras.random.SeedGenerator(1), keras.random.SeedGenerator(1)
    ones = ops.ones((50, 50))
    masks = [np.asarray(dropout(ones, 0.5, seed=seed)) for seed in (one, other, one, keras.random.SeedGenerator(2))]
    np.testing.assert_array_equal(masks[0], masks[1])
    for first, second in itertools.combinations((masks[0], masks[2], masks[3]), 2):
        assert 0.4 < (first == second).mean() < 0.6


def test_only_kept_elements_have_gradients() -> None:
    def total(inputs: jax.Array) -> jax.Array:
        return dropout_by_key(inputs, jnp.array([3, 4], jnp.uint32), 0.25, (40, 50)).sum()

    gradient = np.asarray(jax.grad(total)(jnp.ones((40, 50))))
    assert set(np.unique(gradient)) == {np.float32(0.0), np.float32(1.0 / 0.75)}
    assert (gradient == 0.0).mean() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("rate", [0.0, 1e-12])
def test_a_tiny_rate_drops_nothing(rate: float) -> None:
    ones = np.ones(10_000, np.float32)
    np.testing.assert_allclose(dropout(ones, rate, seed=keras.random.SeedGenerator(1)), ones)


def test_a_rate_of_one_drops_everything() -> None:
    assert not np.asarray(dropout(np.ones((3, 4), np.float32), 1.0, seed=keras.random.SeedGenerator(1))).any()


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31, 2**32 - 1])
@pytest.mark.parametrize("step", [0, 1, 10_000])
def test_the_elements_of_a_mask_are_independent(seed: int, step: int) -> None:
    drawn = mask(seed, step)
    assert abs(drawn.sum()) / SIZE**0.5 < FAR
    for lag in (1, 2, 3, 7, 16, 35, 64, 320, 640, 1024, 2560):
        assert abs((drawn[:-lag] * drawn[lag:]).sum()) / (SIZE - lag) ** 0.5 < FAR, lag
    square = drawn.reshape(512, 512)
    for axis in (0, 1):  # sums of rows and columns have the variance of independent elements
        spread = (square.sum(axis) ** 2 / 512).sum()
        assert abs(spread - 512) / (2 * 512) ** 0.5 < FAR
    power = np.abs(np.fft.rfft(drawn)[1:]) ** 2 / SIZE
    assert power.max() < np.log(SIZE) + 12.0  # no period: exponentially distributed with mean 1


@pytest.mark.parametrize("seed", [0, 5, 2**31])
def test_the_masks_of_steps_and_of_layers_are_independent(seed: int) -> None:
    drawn = [
        mask(*key) for key in [(seed, 0), (seed, 1), (seed, 2), (seed, 3), (seed + 1, 0), (seed + 1, 1), (seed + 2, 3)]
    ]
    for one, other in itertools.combinations(drawn, 2):
        assert abs((one * other).sum()) / SIZE**0.5 < FAR
        assert abs((one[1:] * other[:-1]).sum()) / SIZE**0.5 < FAR


def test_the_bits_are_uniform() -> None:
    bits = np.asarray(random_bits(jnp.array([1, 2], jnp.uint32), (2**20,)))
    for shift in (0, 8, 16, 24):
        counts = np.bincount((bits >> shift) & 0xFF, minlength=256)
        chi_square = ((counts - 2**12) ** 2 / 2**12).sum()
        assert abs(chi_square - 255) / (2 * 255) ** 0.5 < FAR, shift


def test_a_mask_depends_on_indices_and_not_on_the_memory_layout() -> None:
    key = jnp.array([9, 9], jnp.uint32)
    flat, square = (np.asarray(random_bits(key, shape)) for shape in ((12,), (3, 4)))
    np.testing.assert_array_equal(flat, square.ravel())


def test_parts_of_a_batch_have_the_masks_of_the_whole() -> None:
    inputs = ops.ones((6, 3, 8))
    for noise_shape in (None, (None, 1, None)):
        whole = dropout(inputs, 0.5, seed=keras.random.SeedGenerator(1), noise_shape=noise_shape)
        parts = []
        for shard in range(3):
            with rows_of_shard(jnp.int32(shard)):
                seed = keras.random.SeedGenerator(1)
                parts.append(dropout(inputs[:2], 0.5, seed=seed, noise_shape=noise_shape))
        assert np.array_equal(np.concatenate([np.asarray(part) for part in parts]), np.asarray(whole))


def test_a_mask_without_rows_is_that_of_every_part() -> None:
    whole = dropout(ops.ones((50,)), 0.5, seed=keras.random.SeedGenerator(1), has_rows=False)
    with rows_of_shard(jnp.int32(1)):
        part = dropout(ops.ones((50,)), 0.5, seed=keras.random.SeedGenerator(1), has_rows=False)
    assert np.array_equal(np.asarray(part), np.asarray(whole))
