"""Dropout masks by a hash of their places, which XLA computes where they are used."""

import math

import jax
import jax.numpy as jnp

_MULTIPLIER, _INCREMENT = 1_664_525, 1_013_904_223


def dropout_by_key(inputs: jax.Array, key: jax.Array, rate: float, mask_shape: tuple[int, ...]) -> jax.Array:
    """Return `inputs` with a part `rate` of them at zero and the rest scaled up, by the mask of `key` `(2,)`."""
    threshold = min(2**32 - 1, round((1.0 - rate) * 2**32))
    keep = random_bits(key, mask_shape) < jnp.uint32(threshold)
    scale = 1.0 / (1.0 - rate) if rate < 1.0 else 0.0
    return inputs * jnp.where(keep, scale, 0.0).astype(inputs.dtype)


def random_bits(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Return 32 random bits for each place of `shape`, the same for the same `key` `(2,)`.

    A hash of place and key. JAX's Threefry goes over an array in memory twenty times; this is a dozen operations on a
    number, most of the time without an array at all.

    Source:
        Jarzynski and Olano (2020), "Hash functions for GPU rendering", Journal of Computer Graphics Techniques 9(3),
        the function `pcg3d`, of which the first of three results is taken.
    """
    place = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    x, y, z = (_MULTIPLIER * value.astype(jnp.uint32) + _INCREMENT for value in (place, key[1], key[0]))
    x += y * z
    y += z * x
    z += x * y
    x, y, z = (value ^ (value >> 16) for value in (x, y, z))
    return x + y * z
